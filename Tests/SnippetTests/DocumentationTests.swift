import Foundation
import Testing

/// What the documentation shows is compiled: every block of Swift stands in a file of this folder too.
@Suite struct DocumentationTests {
    @Test func everySnippetIsCompiled() throws {
        let files = try SnippetFile.all()
        let blocks = try DocumentationBlock.all().filter { !$0.isManifest }
        #expect(blocks.count > 40, "the pages were found")
        #expect(try DocumentationBlock.ofDeclarations().count > 20, "the comments were found")
        for block in blocks {
            #expect(
                files.contains { $0.contains(block) },
                """
                \(block.page):\(block.line) is in no file of Tests/SnippetTests:
                \(block.lines.joined(separator: "\n"))
                """)
        }
    }

    @Test func snippetIsFoundOnlyAsItStands() throws {
        let page = """
            Text.

            ```swift
            import Skein

            let a = 1

            run {
                b
            }
            ```
            """
        let block = try #require(DocumentationBlock.blocks(of: page, page: "").first)
        #expect(block.line == 3)
        let body = "func f() {\n    let a = 1\n\n    run {\n        b\n    }\n}\n"
        #expect(SnippetFile("import Skein\n\n" + body).contains(block))
        #expect(!SnippetFile(body).contains(block), "an import is missing")
        #expect(!SnippetFile("import Skein\n\n" + body.replacing("    b", with: "b")).contains(block))
        #expect(!SnippetFile("import Skein\n\n" + body.replacing("run", with: "// run")).contains(block))
    }

    /// A whole manifest is read by SwiftPM; a part of one stands in a whole one.
    @Test func everyManifestIsValid() async throws {
        let blocks = try DocumentationBlock.all().filter(\.isManifest)
        let whole = blocks.filter { $0.lines.first?.hasPrefix("// swift-tools-version") == true }
        #expect(!whole.isEmpty)
        for block in whole { try await expectThatSwiftPMReads(block) }
        let lines = Set(whole.flatMap(\.lines).map { $0.trimmingCharacters(in: .whitespaces) })
        for block in blocks {
            for line in block.lines where !line.hasPrefix("//") {
                let code = line.components(separatedBy: "  //")[0].trimmingCharacters(in: .whitespaces)
                #expect(lines.contains(code), "\(block.page):\(block.line): \(code)")
            }
        }
    }

    /// SwiftPM takes a manifest that names a product which is not there.
    @Test func everyManifestNamesWhatThisPackageHas() throws {
        let root = DocumentationBlock.root
        let package = try String(contentsOf: root.appending(path: "Package.swift"), encoding: .utf8)
        for block in try DocumentationBlock.all().filter(\.isManifest) {
            let place = "\(block.page):\(block.line)"
            for line in block.lines {
                if line.contains("/skein.git") { #expect(line.contains("traits: []"), "\(place)") }
                if let product = try #/\.product\(name: "(\w+)", package: "skein"\)/#.firstMatch(in: line)?.1 {
                    #expect(package.contains(".library(name: \"\(product)\""), "\(place): \(product)")
                }
            }
        }
    }

    private func expectThatSwiftPMReads(_ block: DocumentationBlock) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "skein-manifest-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let manifest = block.lines.joined(separator: "\n")
        try manifest.write(to: directory.appending(path: "Package.swift"), atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["swift", "package", "dump-package", "--package-path", directory.path]
        process.standardOutput = FileHandle.nullDevice
        let log = directory.appending(path: "errors.log")
        try Data().write(to: log)
        process.standardError = try FileHandle(forWritingTo: log)
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do {
                try process.run()
            } catch {
                continuation.resume(throwing: error)
            }
        }
        let message = try String(contentsOf: log, encoding: .utf8)
        #expect(process.terminationStatus == 0, "\(block.page):\(block.line): \(message)")
    }
}
