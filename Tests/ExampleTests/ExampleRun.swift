import Foundation
import SkeinTesting
import Testing

/// A run of a small example, from its start to its end.
struct ExampleRun {
    let status: Int32
    let output: String
    /// What it said besides, such as spans that it printed.
    let messages: String
    /// What arrived at the collector, the earliest start first.
    let spans: [RecordedSpan]

    /// - Parameter hasCollector: false leaves the example without one.
    init(_ name: String, _ arguments: [String] = [], hasCollector: Bool = true) async throws {
        let exported = try ExportedSpans()
        let process = Process()
        process.executableURL = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(
            path: name)
        process.arguments = arguments
        let inherited = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("OTEL_") }
        process.environment = hasCollector ? inherited.merging(exported.environment) { $1 } : inherited
        let (output, messages) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = messages
        // What the examples say fits into a pipe, so that nobody needs to read while they run.
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
        status = process.terminationStatus
        self.output = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        self.messages = String(decoding: messages.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        exported.server.stop()
        spans = exported.all()
    }

    /// Names of the spans, those below another indented.
    var outline: String { SpanTree(spans).outline }

    func spans(named name: String) -> [RecordedSpan] { spans.filter { $0.name == name } }
}
