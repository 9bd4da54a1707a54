import CurlTransport
import OTLP
import Skein
import SkeinTesting
import TestSink
import Testing
import Tracing

@Suite struct OTLPExporterTests {
    private func export(
        to sink: SinkServer, window: Duration = .seconds(30),
        configure: (inout OTLPOptions) -> Void = { _ in }
    ) async throws -> ExportResult {
        var options = OTLPOptions()
        options.endpoint = "\(sink.url)/v1/traces"
        options.proxy = ""
        configure(&options)
        let exporter = try OTLPExporter(options)
        defer { exporter.shutdown() }
        let batch = try await TestBatch.make { tracer in
            tracer.withSpan("sent", context: .topLevel) { $0.record("a", 1) }
        }
        return await exporter.exportOnThread(batch, window: window)
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

    @Test func headerOfTheUserReplacesTheSDKsOwn() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        let headers = [
            OTLPOptions.Header("user-agent", "desk/1"), OTLPOptions.Header("CONTENT-TYPE", "application/protobuf"),
            OTLPOptions.Header("X-Tenant", "a"), OTLPOptions.Header("X-Tenant", "b"),
        ]
        _ = try await export(to: sink, configure: { $0.headers = headers })
        let sent = try #require(sink.requests.first).headers
        func values(_ name: String) -> [String] { sent.filter { $0.name.lowercased() == name }.map(\.value) }
        #expect(values("user-agent") == ["desk/1"])
        #expect(values("content-type") == ["application/protobuf"])
        #expect(values("x-tenant") == ["a", "b"])
    }

    @Test func gzipIsWhatTheHeaderSays() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        #expect(try await export(to: sink, configure: { $0.compression = .gzip }) == .success())
        let request = try #require(sink.requests.first)
        #expect(request.header("Content-Encoding") == "gzip")
        let body = try #require(gunzip(request.body))
        #expect(RecordedSpan.spans(inRequest: body).map(\.name) == ["sent"])
    }

    @Test(arguments: [429, 502, 503, 504])
    func temporaryFailuresAreForTheProcessorToTryAgain(_ status: Int) async throws {
        let sink = try SinkServer { _, _ in .answer(status, body: Array("busy".utf8)) }
        defer { sink.stop() }
        #expect(try await export(to: sink) == .retryable("status \(status): busy", after: nil))
        #expect(sink.requests.count == 1)
    }

    @Test(arguments: [429, 503])
    func pauseThatTheReceiverAsksForIsPassedOn(_ status: Int) async throws {
        let sink = try SinkServer { _, _ in .answer(status, headers: [HTTPHeader("Retry-After", "7")]) }
        defer { sink.stop() }
        #expect(try await export(to: sink) == .retryable("status \(status)", after: .seconds(7)))
    }

    @Test func pauseMayBeADate() async throws {
        let sink = try SinkServer { _, _ in
            .answer(503, headers: [HTTPHeader("Retry-After", "Fri, 31 Dec 2999 23:59:59 GMT")])
        }
        defer { sink.stop() }
        guard case .retryable("status 503", let after?) = try await export(to: sink) else {
            Issue.record("not retryable after a pause")
            return
        }
        #expect(after > .seconds(86_400 * 365))
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

    @Test func wordsOfTheReceiverCannotRunATerminal() async throws {
        let body = Array("\u{1B}]0;owned\u{07}\u{9B}2J \(String(repeating: "x", count: 5_000))".utf8)
        let sink = try SinkServer { _, _ in .answer(400, headers: [], body: body) }
        defer { sink.stop() }
        guard case .failure(let reason) = try await export(to: sink) else {
            Issue.record("no failure")
            return
        }
        #expect(reason.hasPrefix("status 400: \\u{1b}]0;owned\\u{7}\\u{9b}2J xxx"))
        #expect(reason.utf8.count < 400)
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

    @Test(arguments: [
        ("120", 120), (" 0 ", 0), ("Sun, 06 Nov 1994 08:49:37 GMT", 37), ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
        ("-1", nil), ("1.5", nil), ("soon", nil), ("", nil), ("99999999999999999999", nil),
    ])
    func retryAfterIsSecondsOrADate(_ value: String, _ seconds: Int64?) {
        #expect(RetryAfter.parse(value, now: 784_111_740) == seconds.map { .seconds($0) })
    }

    @Test func refusedConnectionIsRetryable() async throws {
        let sink = try SinkServer(isListening: false)
        defer { sink.stop() }
        guard case .retryable(let reason, nil) = try await export(to: sink) else {
            Issue.record("not retryable")
            return
        }
        #expect(reason.hasPrefix("\(sink.url)/v1/traces: ") && reason.contains("onnect"))
    }

    @Test func brokenConnectionIsRetryable() async throws {
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
        #expect(result == .retryable("\(sink.url)/v1/traces: the export's time was over", after: nil))
    }

    @Test func silentReceiverIsLeftAfterTheTimeout() async throws {
        let sink = try SinkServer { _, _ in .silence }
        defer { sink.stop() }
        let result = try await export(to: sink, window: .seconds(600), configure: { $0.timeout = .milliseconds(50) })
        guard case .retryable = result else {
            Issue.record("\(result)")
            return
        }
    }

    @Test func reasonsDoNotShowTheUserOfTheEndpoint() async throws {
        let sink = try SinkServer(isListening: false)
        defer { sink.stop() }
        let endpoint = "http://agent:secret@127.0.0.1:\(sink.port)/v1/traces"
        guard case .retryable(let reason, _) = try await export(to: sink, configure: { $0.endpoint = endpoint }) else {
            Issue.record("not retryable")
            return
        }
        #expect(reason.hasPrefix("http://127.0.0.1:\(sink.port)/v1/traces: ") && !reason.contains("secret"))
    }

    @Test func proxyOfTheOptionsIsUsed() async throws {
        let proxy = try SinkServer()
        defer { proxy.stop() }
        let result = try await export(
            to: proxy,
            configure: {
                $0.endpoint = "http://collector.invalid/v1/traces"
                $0.proxy = proxy.url
            })
        #expect(result == .success())
        #expect(proxy.requests.map(\.path) == ["http://collector.invalid/v1/traces"])
    }

    @Test func mutualTLSComesFromTheOptions() async throws {
        let files = try await TestCertificates()
        let server = try await HelperProcess.tlsServer(
            certificateFile: files.server, keyFile: files.serverKey, clientAuthorityFile: files.authority)
        let unused = try SinkServer()
        defer { unused.stop() }
        let endpoint = "https://127.0.0.1:\(server.port)/v1/traces"
        let result = try await export(
            to: unused,
            configure: {
                $0.endpoint = endpoint
                $0.certificateFile = files.authority
                $0.clientCertificateFile = files.client
                $0.clientKeyFile = files.clientKey
            })
        // The server echoes the request, so that its words are of no account.
        guard case .success = result else {
            Issue.record("\(result)")
            return
        }
        let refused = try await export(
            to: unused,
            configure: {
                $0.endpoint = endpoint
                $0.certificateFile = files.otherAuthority
            })
        guard case .retryable(let reason, nil) = refused else {
            Issue.record("\(refused)")
            return
        }
        #expect(reason.hasPrefix("\(endpoint): tls: ") && reason.contains("certificate"))
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
        #expect(try await export(to: sink) == .success(rejected: 1, message: "one bad span"))
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
