import Foundation

/// The repository that the tests were built from.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    struct SourceFile {
        /// From the root of the repository.
        let path: String
        let text: String

        /// The folder right under `Sources`, or under `Sources/Examples`.
        var target: String {
            let parts = path.split(separator: "/").map(String.init)
            return parts[1] == "Examples" ? parts[2] : parts[1]
        }

        var isExample: Bool { path.hasPrefix("Sources/Examples/") }

        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

        /// The modules that the file imports.
        var imports: [String] {
            lines.compactMap { line in
                var words = line.split(separator: " ").map(String.init)
                while let first = words.first, first.hasPrefix("@") || Self.accessLevels.contains(first) {
                    words.removeFirst()
                }
                guard words.first == "import", words.count > 1 else { return nil }
                let name = Self.kinds.contains(words[1]) && words.count > 2 ? words[2] : words[1]
                return name.split(separator: ".").first.map(String.init)
            }
        }

        private static let accessLevels = ["public", "package", "internal", "fileprivate", "private"]
        private static let kinds = ["struct", "class", "enum", "protocol", "func", "typealias", "let", "var"]
    }

    /// All files under `Sources` with one of these extensions.
    static func sources(_ extensions: Set<String>) throws -> [SourceFile] {
        let folder = root.appending(path: "Sources").path
        guard let files = FileManager.default.enumerator(atPath: folder) else { return [] }
        return try files.compactMap { $0 as? String }.sorted()
            .filter { extensions.contains(URL(filePath: $0).pathExtension) }
            .map { path in
                SourceFile(
                    path: "Sources/\(path)", text: try String(contentsOfFile: "\(folder)/\(path)", encoding: .utf8))
            }
    }

    /// The folders under `Sources` that hold a target.
    static func targets() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.appending(path: "Sources").path)
            .filter { !$0.hasPrefix(".") && $0 != "Examples" }.sorted()
    }

    /// What `git` says about tracked files that match a pattern.
    static func tracked(_ pattern: String) throws -> [String] {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/git")
        process.arguments = ["-C", root.path, "ls-files", "--", pattern]
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text.split(separator: "\n").map(String.init)
    }
}
