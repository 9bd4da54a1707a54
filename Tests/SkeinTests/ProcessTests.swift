import CurlTransport
import Foundation
import Skein
import SkeinTesting
import TestSink
import Testing

/// Spans of processes that end, fork and are frozen.
@Suite(.timeLimit(.minutes(2)))
struct ProcessTests {
    /// Starts `sdk-scenarios`, which lies beside the test bundle.
    private func start(_ scenario: String, _ sink: SinkServer, output: Pipe = Pipe()) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
            .deletingLastPathComponent().appending(path: "sdk-scenarios")
        process.arguments = [scenario, "\(sink.url)/v1/traces"]
        process.standardOutput = output
        try process.run()
        return process
    }

    /// Waits on a thread that may block.
    private func end(of process: Process) async -> Int32 {
        await withCheckedContinuation { continuation in
            let isStarted = DetachedThread.start {
                process.waitUntilExit()
                continuation.resume(returning: process.terminationStatus)
            }
            if !isStarted { continuation.resume(returning: -1) }
        }
    }

    /// proc(5): the state stands behind the name in parentheses.
    private func isStopped(_ process: Process) throws -> Bool {
        let status = try String(contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8)
        return status.split(separator: ")").last?.hasPrefix(" T") == true
    }

    private func names(_ sink: SinkServer) -> [String: Int] {
        let spans = sink.requests.flatMap { RecordedSpan.spans(inRequest: $0.body) }
        return Dictionary(grouping: spans, by: \.name).mapValues(\.count)
    }

    @Test func spansOfAToolThatEndsAtOnceArrive() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        #expect(await end(of: try start("exit", sink)) == 0)
        #expect(names(sink) == ["last": 700])
    }

    /// One that waits must not take the others' time, be it an exporter or a processor of the user's.
    @Test(arguments: ["exit-several", "exit-slow"])
    func whatHasToWaitAtTheExitTakesNobodyElsesTime(_ scenario: String) async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        #expect(await end(of: try start(scenario, sink)) == 0)
        let requests = Dictionary(grouping: sink.requests, by: \.path)
        let spans = (requests["/v1/traces"] ?? []).flatMap { RecordedSpan.spans(inRequest: $0.body) }
        #expect(spans.count == 300 && Set(spans.map(\.name)) == ["last"])
        let records = (requests["/v1/logs"] ?? []).flatMap { LoggedRecord.records(inRequest: $0.body) }
        #expect(records.count == 100)
    }

    @Test func linesOfAToolThatEndsAtOnceArriveAndThoseOfItsChild() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        #expect(await end(of: try start("log", sink)) == 0)
        let records = sink.requests.flatMap { LoggedRecord.records(inRequest: $0.body) }
        let counts = Dictionary(grouping: records) { "\($0.body as Any)" }.mapValues(\.count)
        #expect(counts.values.sorted() == [100, 100, 600])
        let processes = Dictionary(grouping: records) { $0.body == "child" }
            .mapValues { Set($0.map { "\($0.resource["process.pid"] as Any)" }) }
        #expect(processes[true]?.count == 1 && processes[false]?.count == 1 && processes[true] != processes[false])
    }

    @Test func forkedProcessSendsItsOwnSpansAndTheParentItsOwn() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        #expect(await end(of: try start("fork", sink)) == 0)
        #expect(names(sink) == ["before": 601, "child": 300, "parent": 300])
        let spans = sink.requests.flatMap { RecordedSpan.spans(inRequest: $0.body) }
        #expect(Set(spans.map(\.spanID)).count == 1_201)
        // A process is one instance of a service.
        let instances = Dictionary(grouping: spans) { $0.name == "child" }
            .mapValues { Set($0.map { $0.resource["process.pid"].map { "\($0)" } ?? "" }) }
        #expect(instances[true]?.count == 1 && instances[false]?.count == 1 && instances[true] != instances[false])
    }

    /// As a function is frozen between two invocations: meanwhile the receiver closes the connection.
    @Test func frozenProcessGoesOnWhereItWas() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        let output = Pipe()
        let process = try start("stop", sink, output: output)
        let line = await withCheckedContinuation { continuation in
            let isStarted = DetachedThread.start {
                continuation.resume(returning: output.fileHandleForReading.availableData)
            }
            if !isStarted { continuation.resume(returning: Data()) }
        }
        #expect(String(decoding: line, as: UTF8.self) == "ready\n")
        // It says so right before it stops.
        while try !isStopped(process) { await Task.yield() }
        sink.closeConnections()
        kill(process.processIdentifier, SIGCONT)
        #expect(await end(of: process) == 0)
        #expect(names(sink) == ["before": 600, "queued": 100, "after": 600])
    }
}
