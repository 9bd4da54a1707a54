import Foundation

/// The package's own folder and what the tests run in it.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let protoFiles = root.appending(path: "proto")
    static let generatedCode = root.appending(path: "Sources/CSkeinProto")
    static let generateScript = protoFiles.appending(path: "generate.sh")
    static let compareScript = root.appending(path: "Tests/Python/compare_descriptors.py")
    static let python = root.appending(path: ".venv/bin/python")

    /// Runs a program to its end; `output` is what it wrote to stdout and stderr, in the order written.
    static func run(
        _ executable: URL, _ arguments: [String], environment: [String: String] = [:]
    ) throws -> (status: Int32, output: String) {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = executable
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    /// Runs `body` with a copy of a folder that is removed afterwards.
    static func withCopy<Result>(of folder: URL, _ body: (URL) throws -> Result) throws -> Result {
        let parent = FileManager.default.temporaryDirectory.appending(path: "skein-proto-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: parent) }
        let copy = parent.appending(path: folder.lastPathComponent)
        try FileManager.default.copyItem(at: folder, to: copy)
        return try body(copy)
    }
}
