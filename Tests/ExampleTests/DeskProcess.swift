import CurlTransport
import Foundation
import Synchronization

/// A `research-desk` that runs beside the test.
final class DeskProcess: Sendable {
    struct StartError: Error {
        let output: String
    }

    /// Where it listens.
    let url: String
    private let process: Process
    private let output: OutputReader

    /// Starts a subcommand on a free port and returns when it listens.
    ///
    /// - Throws: ``StartError`` with what the process said when it ended instead.
    init(_ name: String, _ options: [String] = [], environment: [String: String] = [:]) async throws {
        let process = Process()
        process.executableURL = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appending(path: "research-desk")
        process.arguments = [name] + options + ["--port", "0"]
        let inherited = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("OTEL_") }
        process.environment = inherited.merging(environment) { $1 }
        let pipe = Pipe()
        process.standardError = pipe
        try process.run()
        self.process = process
        output = OutputReader(pipe.fileHandleForReading)
        let prefix = "listening \(name) "
        guard let address = await output.line(startingWith: prefix)?.dropFirst(prefix.count) else {
            process.terminate()
            throw StartError(output: output.text)
        }
        url = "http://\(address)"
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    /// Sends SIGTERM and returns the exit status once the process has drained and ended.
    func stop() async -> Int32 {
        process.terminate()
        await output.end()
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// Posts a JSON object.
    func post(_ path: String, _ object: [String: any Sendable]) async throws -> HTTPResponseMessage {
        var configuration = TransportConfiguration()
        configuration.totalTimeout = .seconds(60)
        configuration.proxy = ""
        let transport = try CurlTransport(configuration)
        defer { transport.shutdown() }
        let body = try JSONSerialization.data(withJSONObject: object, options: .sortedKeys)
        return try await transport.send(
            HTTPRequestMessage(
                method: "POST", url: url + path, headers: [HTTPHeader("Content-Type", "application/json")],
                body: Array(body)))
    }
}

/// Reads what a process says, line by line, until it ends.
private final class OutputReader: Sendable {
    private struct State {
        var text = ""
        var isClosed = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    init(_ handle: FileHandle) {
        let descriptor = handle.fileDescriptor
        _ = DetachedThread.start { [self] in
            // The handle closes its descriptor when it goes, so it stays until the end of the output.
            withExtendedLifetime(handle) { read(descriptor) }
        }
    }

    var text: String { state.withLock { $0.text } }

    /// The first line with that prefix; nil when the process ended without one.
    func line(startingWith prefix: String) async -> String? {
        while true {
            let text = text
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            if let line = lines.first(where: { $0.hasPrefix(prefix) }) { return String(line) }
            guard await more(than: text.utf8.count) else { return nil }
        }
    }

    /// Returns when the process has closed its output.
    func end() async {
        while await more(than: Int.max) {}
    }

    /// Waits until there are more bytes than that, or an end; false when nothing more will come.
    private func more(than count: Int) async -> Bool {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.isClosed || state.text.utf8.count > count { return true }
                state.waiters.append(continuation)
                return false
            }
            if isThere { continuation.resume() }
        }
        return state.withLock { !$0.isClosed || $0.text.utf8.count > count }
    }

    private func read(_ descriptor: Int32) {
        var isOpen = true
        while isOpen {
            let chunk = [UInt8](unsafeUninitializedCapacity: 4096) { target, count in
                count = max(0, Glibc.read(descriptor, target.baseAddress, target.count))
            }
            isOpen = !chunk.isEmpty
            let waiters = state.withLock { state in
                state.text += String(decoding: chunk, as: UTF8.self)
                state.isClosed = !isOpen
                defer { state.waiters = [] }
                return state.waiters
            }
            for waiter in waiters { waiter.resume() }
        }
    }
}
