import Foundation

/// A fenced block of Swift in a page of the documentation.
struct DocumentationBlock {
    /// From the root of the repository.
    let page: String
    /// Of the opening fence, from 1.
    let line: Int
    /// Without the fences.
    let lines: [String]

    /// A package manifest, or a part of one.
    var isManifest: Bool {
        lines.contains { $0.contains("swift-tools-version") || $0.contains(".package(url:") }
    }

    /// The modules it imports.
    var imports: [String] { lines.filter { $0.hasPrefix("import ") } }

    /// What comes after the imports.
    var body: [String] {
        let rest = lines.filter { !$0.hasPrefix("import ") }
        return Array(rest.drop(while: \.isEmpty))
    }

    /// The blocks of every page and every declaration that shows Swift to users of the SDK.
    static func all() throws -> [DocumentationBlock] {
        let onPages = try pages().flatMap { page in
            let text = try String(contentsOf: root.appending(path: page), encoding: .utf8)
            return blocks(of: text, page: page)
        }
        return try onPages + ofDeclarations()
    }

    /// The blocks in the comments of the SDK's declarations.
    static func ofDeclarations() throws -> [DocumentationBlock] {
        var blocks: [DocumentationBlock] = []
        for target in ["Skein", "SkeinAgents", "SkeinTesting", "SemanticConventions", "ContextBaggage"] {
            let folder = root.appending(path: "Sources/\(target)")
            for name in try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
            where name.hasSuffix(".swift") {
                let source = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
                blocks += self.blocks(of: comments(in: source), page: "Sources/\(target)/\(name)")
            }
        }
        return blocks
    }

    /// The text of the documentation comments, on their lines; the other lines are empty.
    private static func comments(in source: String) -> String {
        source.components(separatedBy: "\n").map { line in
            let line = line.drop { $0 == " " }
            guard line.hasPrefix("///") else { return "" }
            return String(line.dropFirst(line.hasPrefix("/// ") ? 4 : 3))
        }.joined(separator: "\n")
    }

    static func blocks(of text: String, page: String) -> [DocumentationBlock] {
        var blocks: [DocumentationBlock] = []
        var open: (line: Int, lines: [String])?
        for (index, line) in text.components(separatedBy: "\n").enumerated() {
            if let (start, lines) = open {
                if line.hasPrefix("```") {
                    blocks.append(DocumentationBlock(page: page, line: start, lines: lines))
                    open = nil
                } else {
                    open = (start, lines + [line])
                }
            } else if line.hasPrefix("```swift") {
                open = (index + 1, [])
            }
        }
        return blocks
    }

    private static func pages() throws -> [String] {
        var pages = ["README.md"]
        for folder in ["docs", "Sources"] {
            let names = try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: folder).path)
            pages += names.filter { $0.hasSuffix(".md") }.map { "\(folder)/\($0)" }
                .filter { $0.hasPrefix("docs/guides/") || $0.contains(".docc/") }
        }
        return pages.sorted()
    }

    /// The repository that the tests were built from.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
}

/// A file of this folder, whose snippets the compiler has checked.
struct SnippetFile {
    let lines: [String]

    static func all() throws -> [SnippetFile] {
        let folder = DocumentationBlock.root.appending(path: "Tests/SnippetTests")
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }
            .sorted()
            .map { SnippetFile(try String(contentsOf: folder.appending(path: $0), encoding: .utf8)) }
    }

    init(_ text: String) {
        lines = text.components(separatedBy: "\n")
    }

    /// Whether the block stands here as it is, however far indented, and its imports too.
    func contains(_ block: DocumentationBlock) -> Bool {
        guard let first = block.body.first, block.imports.allSatisfy(lines.contains) else { return false }
        return lines.indices.contains { start in
            guard lines[start].hasSuffix(first) else { return false }
            let indentation = lines[start].dropLast(first.count)
            let expected = block.body.map { $0.isEmpty ? "" : indentation + $0 }
            return indentation.allSatisfy { $0 == " " } && lines[start...].starts(with: expected)
        }
    }
}
