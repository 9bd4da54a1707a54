import CurlTransport
import OTLP
import Skein
import SkeinTesting
import Synchronization
import TestSink
import Testing
import Tracing

@Suite struct OTLPExporterTests {
    /// The pauses an exporter asked for, which pass at once.
    private final class Pauses: Sendable {
        private let durations = Mutex<[Duration]>([])
        var all: [Duration] { durations.withLock { $0 } }

        func pause(_ duration: Duration) -> Bool {
            durations.withLock { $0.append(duration) }
            return true
        }
    }

    /// One finished span, as the batch processor would hand it over.
    private static func batch() async throws -> ExportBatch {
        final class Catcher: SpanExporter {
            let batch = Mutex<ExportBatch?>(nil)
            func export(_ batch: ExportBatch, within window: ExportWindow) -> ExportResult {
                self.batch.withLock { $0 = batch }
                return .success()
            }
            func shutdown() {}
        }
        let catcher = Catcher()
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.exporters = [.custom(catcher)]
        let tracing = try SkeinTracing(configuration)
        tracing.tracer.withSpan("sent", context: .topLevel) { $0.record("a", 1) }
        await tracing.shutdown()
        return try #require(catcher.batch.withLock { $0 })
    }

    private func export(
        to sink: SinkServer, window: Duration = .seconds(30), pauses: Pauses = Pauses(),
        onPause: @escaping @Sendable () -> Void = {}, configure: (inout OTLPOptions) -> Void = { _ in }
    ) async throws -> ExportResult {
        var options = OTLPOptions()
        options.endpoint = "\(sink.url)/v1/traces"
        configure(&options)
        var backoff = Backoff()
        backoff.random = { 0.5 }
        let exporter = try OTLPExporter(options, backoff: backoff) { _, duration in
            onPause()
            return pauses.pause(duration)
        }
        defer { exporter.shutdown() }
        let batch = try await Self.batch()
        // The exporter blocks, and a task must not.
        return await withCheckedContinuation { continuation in
            let isStarted = DetachedThread.start {
                continuation.resume(returning: exporter.export(batch, within: ExportWindow(window)))
            }
            if !isStarted { continuation.resume(returning: .failure("no thread")) }
        }
    }

    @Test func requestIsOTLPOverHTTP() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        let result = try await export(to: sink, configure: { $0.headers = [OTLPOptions.Header("X-Tenant", "a")] })
        #expect(result == .success())
        let request = try #require(sink.requests.first)
        #expect(request.method == "POST" && request.path == "/v1/traces")
        #expect(request.header("Content-Type") == "application/x-protobuf")
        #expect(request.header("X-Tenant") == "a")
        #expect(request.header("Content-Encoding") == nil)
        #expect(request.header("User-Agent")?.contains("OTel-OTLP-Exporter-Swift/") == true)
        let span = try #require(RecordedSpan.spans(inRequest: request.body).first)
        #expect(span.name == "sent" && span.attributes == ["a": .int(1)] && span.scopeName == "skein")
        #expect(span.resource["telemetry.sdk.language"] == .string("swift"))
    }

    @Test func gzipIsSentOnceCompressed() async throws {
        let sink = try SinkServer { _, index in .answer(index == 0 ? 503 : 200) }
        defer { sink.stop() }
        #expect(try await export(to: sink, configure: { $0.compression = .gzip }) == .success())
        #expect(sink.requests.count == 2)
        for request in sink.requests {
            #expect(request.header("Content-Encoding") == "gzip")
            let body = try #require(gunzip(request.body))
            #expect(RecordedSpan.spans(inRequest: body).map(\.name) == ["sent"])
        }
    }

    @Test(arguments: [429, 502, 503, 504])
    func temporaryFailuresAreTriedAgain(_ status: Int) async throws {
        let sink = try SinkServer { _, index in .answer(index < 3 ? status : 200) }
        defer { sink.stop() }
        let pauses = Pauses()
        #expect(try await export(to: sink, pauses: pauses) == .success())
        #expect(sink.requests.count == 4)
        #expect(Set(sink.requests.map(\.body)).count == 1)
        #expect(pauses.all == [.seconds(1), .seconds(2), .seconds(4)])
    }

    @Test(arguments: [400, 401, 403, 404, 405, 408, 413, 415, 500, 501, 505, 301, 302])
    func otherFailuresAreFinal(_ status: Int) async throws {
        let sink = try SinkServer { _, _ in
            .answer(
                status, headers: [HTTPHeader("Content-Type", "text/plain")], body: Array("no such thing\nmore".utf8))
        }
        defer { sink.stop() }
        let pauses = Pauses()
        #expect(try await export(to: sink, pauses: pauses) == .failure("status \(status): no such thing"))
        #expect(sink.requests.count == 1 && pauses.all.isEmpty)
    }

    @Test func messageOfAStatusBodyIsTold() async throws {
        var writer = WireWriter()
        writer.varint(1, 3)
        writer.string(2, "trace id of 3 bytes")
        let body = writer.bytes
        let sink = try SinkServer { _, _ in
            .answer(400, headers: [HTTPHeader("Content-Type", "application/x-protobuf")], body: body)
        }
        defer { sink.stop() }
        #expect(try await export(to: sink) == .failure("status 400: trace id of 3 bytes"))
    }

    @Test func retryAfterWinsOverTheBackoff() async throws {
        let sink = try SinkServer { _, index in
            .answer(index == 0 ? 429 : 200, headers: [HTTPHeader("Retry-After", "7")])
        }
        defer { sink.stop() }
        let pauses = Pauses()
        #expect(try await export(to: sink, pauses: pauses) == .success())
        #expect(pauses.all == [.seconds(7)])
    }

    @Test func retryAfterPastTheWindowGivesUp() async throws {
        let sink = try SinkServer { _, _ in .answer(503, headers: [HTTPHeader("Retry-After", "3600")]) }
        defer { sink.stop() }
        let pauses = Pauses()
        let result = try await export(to: sink, pauses: pauses)
        #expect(result == .failure("gave up after 1 attempts: status 503"))
        #expect(pauses.all.isEmpty)
    }

    @Test(arguments: [
        ("120", 120), (" 0 ", 0), ("Sun, 06 Nov 1994 08:49:37 GMT", 37), ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
        ("-1", nil), ("1.5", nil), ("soon", nil), ("", nil), ("99999999999999999999", nil),
    ])
    func retryAfterIsSecondsOrADate(_ value: String, _ seconds: Int64?) {
        #expect(RetryAfter.parse(value, now: 784_111_740) == seconds.map { .seconds($0) })
    }

    @Test func refusedConnectionIsTriedUntilTheReceiverIsUp() async throws {
        let sink = try SinkServer(isListening: false)
        defer { sink.stop() }
        let pauses = Pauses()
        let result = try await export(
            to: sink, pauses: pauses, onPause: { if pauses.all.count == 1 { try? sink.listen() } })
        #expect(result == .success())
        #expect(sink.requests.count == 1)
        #expect(pauses.all == [.seconds(1), .seconds(2)])
    }

    @Test func brokenConnectionIsTriedAgain() async throws {
        let sink = try SinkServer { _, index in index == 0 ? .hangUp : .answer(200) }
        defer { sink.stop() }
        #expect(try await export(to: sink) == .success())
        #expect(sink.requests.count >= 2)
    }

    @Test func silentReceiverIsLeftWhenTheWindowCloses() async throws {
        let sink = try SinkServer { _, _ in .silence }
        defer { sink.stop() }
        let result = try await export(to: sink, window: .milliseconds(50))
        guard case .failure(let reason) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(reason.contains("gave up after 1 attempts"))
    }

    @Test func partialSuccessIsNotTriedAgain() async throws {
        var writer = WireWriter()
        writer.message(1) { partial in
            partial.varint(1, 1)
            partial.string(2, "one bad span")
        }
        let body = writer.bytes
        let sink = try SinkServer { _, _ in .answer(200, body: body) }
        defer { sink.stop() }
        #expect(try await export(to: sink) == .success(rejectedSpans: 1, message: "one bad span"))
        #expect(sink.requests.count == 1)
    }

    @Test func backoffDoublesUpToItsBoundWithJitter() {
        var backoff = Backoff()
        backoff.random = { 0 }
        #expect(backoff.delay(afterAttempts: 1) == .milliseconds(800))
        backoff.random = { 0.5 }
        #expect((1...6).map { backoff.delay(afterAttempts: $0) } == [1, 2, 4, 8, 10, 10].map { .seconds($0) })
        #expect(backoff.delay(afterAttempts: .max) == .seconds(10))
    }

    @Test func fiveThousandSpansAndAShutdownAllArrive() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.otlp.endpoint = "\(sink.url)/v1/traces"
        configuration.otlp.compression = .gzip
        configuration.batch.maxQueueSize = 5_000
        let tracing = try SkeinTracing(configuration)
        for number in 0..<5_000 {
            let span = tracing.tracer.startSpan("s", context: .topLevel)
            span.record("number", number)
            span.end()
        }
        await tracing.shutdown()
        let spans = try sink.requests.flatMap { RecordedSpan.spans(inRequest: try #require(gunzip($0.body))) }
        #expect(spans.map { $0.attributes["number"] } == (0..<5_000).map { .int($0) })
        #expect(tracing.statistics.exported == 5_000)
        #expect(Set(sink.requests.map(\.connection)) == [0])
    }
}
