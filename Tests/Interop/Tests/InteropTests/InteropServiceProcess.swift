import Foundation

/// The built `interop-service`, running.
final class InteropServiceProcess: Sendable {
    /// Where it serves.
    let url: String
    private let process: Process
    private let exits: AsyncStream<Int32>

    /// Starts it, tracing to `collector`. Spans go out in full batches and at the end, never by time.
    init(collector: String) async throws {
        let process = Process()
        process.executableURL = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appending(path: "interop-service")
        process.environment = [
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_BSP_SCHEDULE_DELAY": "3600000",
        ]
        let output = Pipe()
        process.standardOutput = output
        let (exits, exit) = AsyncStream.makeStream(of: Int32.self)
        process.terminationHandler = { process in
            exit.yield(process.terminationStatus)
            exit.finish()
        }
        try process.run()
        self.process = process
        self.exits = exits
        let port = await Self.firstLine(of: output.fileHandleForReading)
        url = "http://127.0.0.1:\(port)"
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    /// Asks it to end.
    func terminate() { process.terminate() }

    /// Waits for its end and returns its exit code.
    func exitCode() async -> Int32? { await exits.first { _ in true } }

    private static func firstLine(of file: FileHandle) async -> String {
        let (chunks, arrival) = AsyncStream.makeStream(of: Data.self)
        file.readabilityHandler = { file in
            let chunk = file.availableData
            if chunk.isEmpty { arrival.finish() } else { arrival.yield(chunk) }
        }
        defer { file.readabilityHandler = nil }
        var line = Data()
        for await chunk in chunks {
            line += chunk
            if line.contains(UInt8(ascii: "\n")) { break }
        }
        return String(decoding: line.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}
