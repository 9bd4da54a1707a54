import Collector
import CurlTransport
import Journal
import OTLP
import TestSink
import Testing

@Suite struct OTLPHTTPExporterTests {
    @Test func everythingArrivesAndTheCursorStandsAtTheEnd() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        let fixture = try ExporterFixture(url: sink.url) { $0.headers = [.init(name: "x-token", value: "t")] }
        let bodies = [TestRequest.body(1, spans: 2), TestRequest.body(2, spans: 3)]
        try await fixture.append(bodies[0], bodies[1])
        try await fixture.drain()
        let request = try #require(sink.requests.first)
        #expect(sink.requests.count == 1, "requests that wait together share one")
        #expect(try request.batch().bytes == bodies[0] + bodies[1])
        #expect(request.path == "/v1/traces")
        #expect(request.header("Content-Type") == "application/x-protobuf")
        #expect(request.header("x-token") == "t")
        #expect(request.header("User-Agent")?.hasPrefix("Skein/") == true)
        #expect(fixture.sent == 5)
        #expect(fixture.metrics.total("skein_exporter_sent_bytes") == Double(request.body.count))
        #expect(fixture.metrics.total("otelcol_exporter_queue_size") == 0)
        #expect(fixture.metrics.total("otelcol_exporter_queue_capacity") > 0)

        let again = try ExporterFixture(url: sink.url, directory: fixture.directory)
        try await again.drain()
        #expect(sink.requests.count == 1, "what the target has is not sent again")
    }

    @Test func aRequestTakesNoMoreThanTheConfiguredSpans() async throws {
        let sink = try SinkServer()
        defer { sink.stop() }
        let fixture = try ExporterFixture(url: sink.url) {
            $0.queue.batchSpansMax = 4
            $0.compression = .none
        }
        try await fixture.append(
            TestRequest.body(1, spans: 3), TestRequest.body(2, spans: 1), TestRequest.body(3, spans: 6))
        try await fixture.drain()
        #expect(try sink.spanCounts() == [4, 6])
        #expect(sink.requests.allSatisfy { $0.header("Content-Encoding") == nil })
    }

    @Test(arguments: [429, 502, 503, 504])
    func aRetryableStatusIsTriedAgain(_ status: Int) async throws {
        let sink = try SinkServer { _, index in .answer(index < 3 ? status : 200) }
        defer { sink.stop() }
        let fixture = try ExporterFixture(url: sink.url)
        try await fixture.append(TestRequest.body(1))
        try await fixture.drain()
        #expect(sink.requests.count == 4)
        #expect(fixture.retries == 3)
        #expect(fixture.sent == 1)
    }

    @Test func retryAfterIsWaitedFor() async throws {
        let sink = try SinkServer { _, index in
            index == 0 ? .answer(429, headers: [HTTPHeader("Retry-After", "1")]) : .answer(200)
        }
        defer { sink.stop() }
        let fixture = try ExporterFixture(url: sink.url)
        try await fixture.append(TestRequest.body(1))
        let start = ContinuousClock.now
        try await fixture.drain()
        #expect(ContinuousClock.now - start >= .seconds(1))
        #expect(fixture.sent == 1)
    }

    @Test func aConnectionThatBreaksIsTriedAgain() async throws {
        let sink = try SinkServer { _, index in index == 0 ? .hangUp : .answer(200) }
        defer { sink.stop() }
        let fixture = try ExporterFixture(url: sink.url)
        try await fixture.append(TestRequest.body(1))
        try await fixture.drain()
        #expect(fixture.sent == 1)
    }

    @Test func aTargetThatIsNotThereYetGetsEverythingOnceItIs() async throws {
        let sink = try SinkServer(isListening: false)
        defer { sink.stop() }
        let fixture = try ExporterFixture(url: sink.url)
        try await fixture.append(TestRequest.body(1), TestRequest.body(2))
        try fixture.start()
        while fixture.retries == 0 { await Task.yield() }
        try sink.listen()
        await sink.arrived(1)
        await fixture.journal.drain()
        try await fixture.ended()
        #expect(fixture.sent == 2)
        await fixture.journal.shutdown()
    }

    @Test func oneRequestThatIsRefusedTakesNoOtherAlong() async throws {
        let bad = TestRequest.traceID(5)
        let sink = try SinkServer { request, _ in
            let spans = (try? request.batch())?.spans ?? []
            return .answer(spans.contains { $0.traceID == bad } ? 400 : 200)
        }
        defer { sink.stop() }
        let fixture = try ExporterFixture(url: sink.url)
        for number in 0..<10 { try await fixture.append(TestRequest.body(number, spans: 2)) }
        try await fixture.drain()
        #expect(fixture.sent == 18)
        #expect(fixture.failed(.refusedByTarget) == 2)
        #expect(sink.requests.count <= 1 + 2 * 4, "halves are refused, not each request tried")
    }

    @Test(arguments: [401, 403, 404, 301])
    func aRefusalThatIsNotAboutTheSpansIsAskedOnce(_ status: Int) async throws {
        let sink = try SinkServer { _, _ in .answer(status) }
        defer { sink.stop() }
        let fixture = try ExporterFixture(url: sink.url)
        for number in 0..<8 { try await fixture.append(TestRequest.body(number)) }
        try await fixture.drain()
        #expect(sink.requests.count == 1)
        #expect(fixture.failed(.refusedByTarget) == 8)
        #expect(fixture.sent == 0)
    }

    @Test func aRequestThatIsTooLargeIsSplitDownToItsSpans() async throws {
        let sink = try SinkServer { request, _ in
            let batch = try? request.batch()
            return .answer((batch?.spans.count ?? 0) > 2 || (batch?.bytes.count ?? 0) > 3000 ? 413 : 200)
        }
        defer { sink.stop() }
        let fixture = try ExporterFixture(url: sink.url)
        try await fixture.append(
            TestRequest.body(1, spans: 7), TestRequest.body(2, spans: 1, padding: 5000), TestRequest.body(3, spans: 2))
        try await fixture.drain()
        #expect(fixture.sent == 9)
        #expect(fixture.failed(.refusedByTarget) == 1, "one span that is too large by itself")
        var taken: [String] = []
        for request in sink.requests {
            let batch = try request.batch()
            guard batch.spans.count <= 2, batch.bytes.count <= 3000 else { continue }
            for span in batch.spans { taken.append("\(span.traceID) \(span.spanID)") }
        }
        #expect(taken.count == 9)
        #expect(Set(taken).count == 9, "no span is sent in two halves")
    }

    @Test func whatTheTargetLeavesOutIsCounted() async throws {
        let sink = try SinkServer { _, _ in
            .answer(200, body: ExportResponse(rejectedSpans: 2, errorMessage: "too old").protobuf())
        }
        defer { sink.stop() }
        let fixture = try ExporterFixture(url: sink.url)
        try await fixture.append(TestRequest.body(1, spans: 5))
        try await fixture.drain()
        #expect(fixture.sent == 3)
        #expect(fixture.failed(.rejectedByTarget) == 2)
    }

    @Test func aTargetThatRejectsMoreThanItGotCountsNoMoreThanThat() async throws {
        let sink = try SinkServer { _, _ in .answer(200, body: ExportResponse(rejectedSpans: .max).protobuf()) }
        defer { sink.stop() }
        let fixture = try ExporterFixture(url: sink.url)
        try await fixture.append(TestRequest.body(1, spans: 5))
        try await fixture.drain()
        #expect(fixture.sent == 0)
        #expect(fixture.failed(.rejectedByTarget) == 5)
    }

    @Test func withoutRetriesSpansAreGivenUpAndCounted() async throws {
        let sink = try SinkServer { _, _ in .answer(503) }
        defer { sink.stop() }
        let fixture = try ExporterFixture(url: sink.url) { $0.retry.isEnabled = false }
        try await fixture.append(TestRequest.body(1, spans: 3))
        try await fixture.drain()
        #expect(fixture.failed(.retriesExhausted) == 3)
        #expect(sink.requests.count == 1)
    }

    /// `silence` keeps an attempt under way for ever, `answer` has the exporter wait between two.
    @Test(arguments: [SinkServer.Reply.silence, .answer(503, headers: [HTTPHeader("Retry-After", "3600")])])
    func aTargetThatDoesNotAnswerDoesNotHoldUpTheEnd(_ reply: SinkServer.Reply) async throws {
        let isUp = Box(false)
        let sink = try SinkServer { _, _ in isUp.value ? .answer(200) : reply }
        defer { sink.stop() }
        let fixture = try ExporterFixture(url: sink.url)
        try await fixture.append(TestRequest.body(1), TestRequest.body(2))
        try fixture.start()
        await sink.arrived(1)
        fixture.exporter.requestStop()
        try await fixture.ended()
        await fixture.journal.shutdown()
        #expect(fixture.sent == 0)
        #expect(fixture.failed(.retriesExhausted) == 0)

        isUp.value = true
        let again = try ExporterFixture(url: sink.url, directory: fixture.directory)
        try await again.drain()
        #expect(again.sent == 2, "the cursor stayed where it was")
    }

    @Test func whatWasSentIsPassedAlthoughTheRestIsNot() async throws {
        let sink = try SinkServer { _, index in index == 0 ? .answer(200) : .silence }
        defer { sink.stop() }
        let fixture = try ExporterFixture(url: sink.url) { $0.queue.batchSpansMax = 1 }
        try await fixture.append(TestRequest.body(1), TestRequest.body(2))
        try fixture.start()
        await sink.arrived(2)
        fixture.exporter.requestStop()
        try await fixture.ended()
        await fixture.journal.shutdown()
        #expect(fixture.sent == 1)

        let second = try SinkServer()
        defer { second.stop() }
        let again = try ExporterFixture(url: second.url, directory: fixture.directory)
        try await again.drain()
        #expect(try second.requests.map { try $0.batch().spans.map(\.traceID) } == [[TestRequest.traceID(2)]])
    }

    @Test func whatFallsOffTheQueueIsCountedOnceAndByItsReason() async throws {
        let sink = try SinkServer { _, _ in .silence }
        defer { sink.stop() }
        let fixture = try ExporterFixture(url: sink.url) { $0.queue.bytesMax = 1 << 20 }
        for number in 0..<40 { try await fixture.append(TestRequest.body(number, padding: 100_000)) }
        let skipped = fixture.failed(.queueFull)
        #expect(skipped > 20 && skipped < 40)
        await fixture.journal.shutdown()
    }
}
