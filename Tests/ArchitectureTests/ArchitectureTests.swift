import Foundation
import Testing

@Suite struct ArchitectureTests {
    /// Modules of the language and the system, which every target may import.
    private static let system: Set = ["Swift", "Synchronization", "Dispatch", "Glibc", "Musl", "Darwin"]
    private static let products: Set = ["Skein", "SkeinAgents", "SkeinTesting"]

    private let table: TargetTable

    init() throws {
        let page = Repository.root.appending(path: "docs/architecture.md")
        table = try TargetTable(try String(contentsOf: page, encoding: .utf8))
    }

    @Test func everyTargetHasOneRow() throws {
        let rows = table.rows.map(\.target)
        #expect(Set(rows).count == rows.count)
        for target in try Repository.targets() { #expect(rows.contains(target), "\(target) has no row") }
    }

    @Test func noTargetMayImportOneAboveIt() {
        var below: Set<String> = []
        let targets = Set(table.rows.map(\.target))
        for row in table.rows {
            for name in row.mayImport where targets.contains(name) {
                #expect(below.contains(name), "\(row.target) may import \(name), which stands above it")
            }
            below.insert(row.target)
        }
    }

    @Test func theSDKReachesNothingOfTheCollector() throws {
        let line = try #require(table.rows.firstIndex { $0.target == "SkeinTesting" })
        let collector = Set(table.rows[(line + 1)...].map(\.target))
        for product in Self.products {
            #expect(table.closure(product).isDisjoint(with: collector), "\(product)")
        }
    }

    @Test func everyImportIsInTheTable() throws {
        let files = try Repository.sources(["swift"])
        #expect(files.count > 200, "the sources were found")
        for file in files where !file.isExample {
            let allowed = table.closure(file.target).union(Self.system)
            for name in file.imports where name != file.target {
                #expect(allowed.contains(name), "\(file.path) imports \(name)")
            }
        }
    }

    /// A suite without a target does not run and nobody notices.
    @Test func everyFolderOfTestsIsATarget() throws {
        let manifest = try String(contentsOf: Repository.root.appending(path: "Package.swift"), encoding: .utf8)
        let folders = try FileManager.default.contentsOfDirectory(atPath: Repository.root.appending(path: "Tests").path)
            .filter { $0.hasSuffix("Tests") }
        #expect(folders.count > 15, "the folders were found")
        for folder in folders { #expect(manifest.contains("\"\(folder)\""), "Tests/\(folder) is no target") }
    }

    @Test func examplesImportTheProductsAsAnyServiceDoes() throws {
        let targets = Set(table.rows.map(\.target)).subtracting(Self.products)
        for file in try Repository.sources(["swift"]) where file.isExample {
            for name in file.imports { #expect(!targets.contains(name), "\(file.path) imports \(name)") }
        }
    }

    @Test func importsAreFoundInEveryForm() {
        let text = """
            import A
            @preconcurrency import B
            package import struct C.D
            @_exported public import E
                import F
            // import G
            let x = "import H"
            """
        let file = Repository.SourceFile(path: "Sources/X/Y.swift", text: text)
        #expect(file.imports == ["A", "B", "C", "E", "F"])
    }

    @Test func noFileIsOverSixHundredLines() throws {
        for file in try Repository.sources(["swift", "c", "h"]) where !file.isGenerated {
            #expect(file.lines.count <= 601, "\(file.path) has \(file.lines.count - 1) lines")
        }
    }

    @Test(arguments: ["try!", "fatalError(", "@testable"])
    func nothingTrapsOnPurpose(_ word: String) throws {
        for file in try Repository.sources(["swift"]) {
            for (index, line) in file.lines.enumerated() where !line.isComment {
                #expect(!line.contains(word), "\(file.path):\(index + 1)")
            }
        }
    }

    @Test func noPackageResolvedIsTracked() throws {
        #expect(try Repository.tracked("*Package.resolved").isEmpty)
        #expect(try Repository.tracked("Package.swift") == ["Package.swift"], "git was asked")
    }
}

extension Repository.SourceFile {
    fileprivate var isGenerated: Bool {
        path.hasPrefix("Sources/CSkeinProto/generated/") || path.hasPrefix("Sources/CSkeinProto/include/opentelemetry/")
            || path.hasPrefix("Sources/CSkeinProto/include/google/")
    }
}

extension Substring {
    fileprivate var isComment: Bool { drop { $0 == " " }.hasPrefix("//") }
}
