import Foundation

/// An executable of this package, run to its end.
struct BuiltExecutable {
    struct Outcome {
        let status: Int32
        let output: String
        let messages: String
    }

    /// The executables lie beside the test bundle.
    private let url: URL

    init(_ name: String) {
        url = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent(name)
    }

    /// Blocks the thread; small outputs only.
    func run(_ arguments: [String]) throws -> Outcome {
        let process = Process()
        process.executableURL = url
        process.arguments = arguments
        let output = Pipe()
        let messages = Pipe()
        process.standardOutput = output
        process.standardError = messages
        try process.run()
        let outputData = output.fileHandleForReading.readDataToEndOfFile()
        let messageData = messages.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus, output: String(decoding: outputData, as: UTF8.self),
            messages: String(decoding: messageData, as: UTF8.self))
    }
}
