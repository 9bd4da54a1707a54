import CurlTransport
import OTLP
import Skein
import SkeinTesting
import Synchronization
import TestSink
import Testing
import Tracing

@Suite struct OTLPExporterTests {
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
        to sink: SinkServer, window: Duration = .seconds(30), configure: (inout OTLPOptions) -> Void = { _ in }
    ) async throws -> ExportResult {
        var options = OTLPOptions()
        options.endpoint = "\(sink.url)/v1/traces"
        configure(&options)
        let exporter = try OTLPExporter(options)
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

    @Test func gzipIsSentCompressed() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        #expect(try await export(to: sink, configure: { $0.compression = .gzip }) == .success())
        let request = try #require(sink.requests.first)
        #expect(request.header("Content-Encoding") == "gzip")
        let body = try #require(gunzip(request.body))
        #expect(RecordedSpan.spans(inRequest: body).map(\.name) == ["sent"])
    }

    @Test(arguments: [429, 502, 503, 504])
    func temporaryFailuresMayBeTriedAgain(_ status: Int) async throws {
        let sink = try SinkServer { _, _ in .answer(status) }
        defer { sink.stop() }
        #expect(try await export(to: sink) == .retryable("status \(status)"))
        #expect(sink.requests.count == 1)
    }

    @Test(arguments: [400, 401, 403, 404, 405, 408, 413, 415, 500, 501, 505, 301, 302])
    func otherFailuresAreFinal(_ status: Int) async throws {
        let sink = try SinkServer { _, _ in
            .answer(
                status, headers: [HTTPHeader("Content-Type", "text/plain")], body: Array("no such thing\nmore".utf8))
        }
        defer { sink.stop() }
        #expect(try await export(to: sink) == .failure("status \(status): no such thing"))
        #expect(sink.requests.count == 1)
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

    @Test func retryAfterIsPassedOn() async throws {
        let sink = try SinkServer { _, _ in .answer(429, headers: [HTTPHeader("Retry-After", "7")]) }
        defer { sink.stop() }
        #expect(try await export(to: sink) == .retryable("status 429", after: .seconds(7)))
    }

    @Test(arguments: [
        ("120", 120), (" 0 ", 0), ("Sun, 06 Nov 1994 08:49:37 GMT", 37), ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
        ("-1", nil), ("1.5", nil), ("soon", nil), ("", nil), ("99999999999999999999", nil),
    ])
    func retryAfterIsSecondsOrADate(_ value: String, _ seconds: Int64?) {
        #expect(RetryAfter.parse(value, now: 784_111_740) == seconds.map { .seconds($0) })
    }

    @Test func refusedConnectionMayBeTriedAgain() async throws {
        let sink = try SinkServer(isListening: false)
        defer { sink.stop() }
        guard case .retryable(let reason, nil) = try await export(to: sink) else {
            Issue.record("not retryable")
            return
        }
        #expect(reason.hasPrefix("\(sink.url)/v1/traces: "))
    }

    @Test func brokenConnectionMayBeTriedAgain() async throws {
        let sink = try SinkServer { _, _ in .hangUp }
        defer { sink.stop() }
        guard case .retryable = try await export(to: sink) else {
            Issue.record("not retryable")
            return
        }
    }

    @Test func silentReceiverIsLeftWhenTheWindowCloses() async throws {
        let sink = try SinkServer { _, _ in .silence }
        defer { sink.stop() }
        let result = try await export(to: sink, window: .milliseconds(50))
        #expect(result == .retryable("\(sink.url)/v1/traces: the export's time was over"))
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
