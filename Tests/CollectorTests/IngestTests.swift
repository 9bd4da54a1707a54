import Collector
import Journal
import OTLP
import Testing
import TraceStorage

@Suite struct IngestTests {
    @Test func whatIsAcknowledgedIsJournaledByteForByte() async throws {
        let fixture = try IngestFixture()
        let body = TestRequest.body(1, spans: 3)
        let acceptance = try await fixture.ingest.accept(body, encoding: .protobuf, from: fixture.counters)
        #expect(acceptance.acceptedSpans == 3)
        #expect(acceptance.message(fixture.ingest.limits) == nil)
        #expect(fixture.metrics.total("otelcol_receiver_accepted_spans") == 3)
        #expect(fixture.metrics.total("skein_receiver_accepted_bytes") == Double(body.count))
        let entries = try await fixture.journaled()
        #expect(entries.map(\.batch.bytes) == [body])
        #expect(entries.first?.receiver == "otlp_test")
    }

    @Test func jsonIsJournaledAsProtobuf() async throws {
        let fixture = try IngestFixture()
        _ = try await fixture.ingest.accept(TestRequest.json(2), encoding: .json, from: fixture.counters)
        let entries = try await fixture.journaled()
        let batch = try #require(entries.first?.batch)
        #expect(batch.spans.map(\.traceID) == [TestRequest.traceID(2)])
        #expect(try SpanBatch(decoding: batch.bytes).spans.count == 1)
    }

    @Test(arguments: [
        (Ingest.Encoding.protobuf, Array("hello".utf8)), (.protobuf, Array(TestRequest.body(3).dropLast())),
        (.json, Array("{".utf8)), (.json, Array("[]".utf8)), (.json, TestRequest.body(3)),
    ])
    func anUndecodableBodyIsRefusedForGood(_ encoding: Ingest.Encoding, _ body: [UInt8]) async throws {
        let fixture = try IngestFixture()
        let refusal = try #require(await fixture.refusal(body, encoding))
        #expect(refusal.reason == .undecodable)
        #expect(refusal.retryAfter == nil)
        #expect(!refusal.message.isEmpty)
        #expect(fixture.metrics.total("skein_receiver_refused_requests", ["reason": "undecodable"]) == 1)
        #expect(fixture.metrics.total("skein_receiver_requests") == 1)
        #expect(fixture.ingest.currentRefusal == nil, "a client's mistake is no trouble of the collector")
        #expect(try await fixture.journaled().isEmpty)
    }

    @Test func rejectedSpansAreLeftOutOfTheJournalAndCounted() async throws {
        let fixture = try IngestFixture()
        let acceptance = try await fixture.ingest.accept(
            TestRequest.body(4, spans: 5, badSpans: 2), encoding: .protobuf, from: fixture.counters)
        #expect(acceptance.acceptedSpans == 3)
        #expect(acceptance.rejectedSpans == 2)
        #expect(acceptance.message(fixture.ingest.limits)?.contains("2 rejected: span_id") == true)
        #expect(fixture.metrics.total("skein_receiver_rejected_spans", ["reason": "invalid_span_id"]) == 2)
        let batch = try #require(try await fixture.journaled().first?.batch)
        #expect(batch.spans.count == 3)
        #expect(try SpanBatch(decoding: batch.bytes).rejections.isEmpty)
    }

    @Test func aRequestOfRejectedSpansAloneIsTakenAndNotJournaled() async throws {
        let fixture = try IngestFixture()
        let acceptance = try await fixture.ingest.accept(
            TestRequest.body(5, spans: 2, badSpans: 2), encoding: .protobuf, from: fixture.counters)
        #expect(acceptance.rejectedSpans == 2)
        #expect(fixture.metrics.total("skein_receiver_rejected_spans") == 2)
        #expect(try await fixture.journaled().isEmpty)
    }

    @Test func aRequestSentAgainIsAcknowledgedAndCountsOnce() async throws {
        let fixture = try IngestFixture()
        let body = TestRequest.body(6, spans: 3, badSpans: 1, duration: -5)
        for _ in 0..<3 {
            let acceptance = try await fixture.ingest.accept(body, encoding: .protobuf, from: fixture.counters)
            #expect(acceptance.acceptedSpans == 2)
            #expect(acceptance.rejectedSpans == 1)
        }
        #expect(fixture.metrics.total("otelcol_receiver_accepted_spans") == 2)
        #expect(fixture.metrics.total("skein_receiver_duplicate_requests") == 2)
        #expect(fixture.metrics.total("skein_receiver_rejected_spans") == 1)
        #expect(fixture.metrics.total("skein_receiver_noted_spans") == 2)
        #expect(try await fixture.journaled().count == 1)
    }

    @Test func whatIsOddAboutKeptSpansIsCounted() async throws {
        let fixture = try IngestFixture()
        let year: UInt64 = 365 * 86_400 * 1_000_000_000
        let now = ProcessStatistics.now()
        let bodies = [
            TestRequest.body(7, duration: -1), TestRequest.body(8, name: [0xC3, 0x28]),
            TestRequest.body(9, start: now - year), TestRequest.body(10, start: now + year),
            TestRequest.body(11, start: .max), TestRequest.body(12, name: Array("naïve ✓".utf8)),
        ]
        for body in bodies {
            let acceptance = try await fixture.ingest.accept(body, encoding: .protobuf, from: fixture.counters)
            #expect(acceptance.acceptedSpans == 1)
        }
        // The end of the span that starts at the end of time wraps around and so lies before its start.
        #expect(fixture.metrics.total("skein_receiver_noted_spans", ["reason": "end_before_start"]) == 2)
        #expect(fixture.metrics.total("skein_receiver_noted_spans", ["reason": "invalid_utf8"]) == 1)
        #expect(fixture.metrics.total("skein_receiver_noted_spans", ["reason": "out_of_range_time"]) == 3)
        #expect(try await fixture.journaled().map(\.batch.bytes) == bodies)
    }

    @Test func overTheMemoryLimitRequestsAreRefusedUntilThereIsRoom() async throws {
        let fixture = try IngestFixture()
        fixture.residentBytes.value = 1 << 30
        fixture.limiter.check()
        let refusal = try #require(await fixture.refusal(TestRequest.body(13)))
        #expect(refusal.reason == .memoryLimit)
        #expect(refusal.retryAfter == .seconds(1))
        #expect(fixture.ingest.currentRefusal?.contains("memory") == true)
        fixture.residentBytes.value = 1 << 20
        fixture.limiter.check()
        #expect(await fixture.refusal(TestRequest.body(13)) == nil)
        #expect(fixture.ingest.currentRefusal == nil)
        #expect(fixture.metrics.total("skein_receiver_refused_requests", ["reason": "memory_limit"]) == 1)
        #expect(try await fixture.journaled().count == 1)
    }

    @Test func aJournalAtItsCapRefusesUntilItsReaderGoesOn() async throws {
        let fixture = try IngestFixture(journalBytesMax: 64 << 10)
        var accepted = 0
        var refused: Ingest.Refusal?
        while refused == nil, accepted < 100 {
            refused = await fixture.refusal(TestRequest.body(accepted, spans: 3, badSpans: 1, padding: 4000))
            if refused == nil { accepted += 1 }
        }
        let refusal = try #require(refused)
        #expect(refusal.reason == .journalFull)
        #expect(refusal.retryAfter != nil)
        #expect(refusal.message.contains("reader test"))
        #expect(fixture.ingest.currentRefusal != nil)
        #expect(fixture.metrics.total("otelcol_receiver_refused_spans") == 2)
        #expect(
            fixture.metrics.total("skein_receiver_rejected_spans") == Double(accepted), "a refused request counts none")
        let entries = try fixture.reader.next(maxRecords: 1000, maxBytes: 1 << 20)
        fixture.reader.commit(try #require(entries.last).position)
        // The same bytes again: a refused request is no duplicate.
        #expect(await fixture.refusal(TestRequest.body(accepted, spans: 3, badSpans: 1, padding: 4000)) == nil)
        #expect(fixture.ingest.currentRefusal == nil)
        await fixture.journal.shutdown()
    }

    @Test func aRequestThatNoJournalOfThisSizeCanHoldIsTooLarge() async throws {
        let fixture = try IngestFixture(journalBytesMax: 64 << 10)
        let refusal = try #require(await fixture.refusal(TestRequest.body(14, padding: 70_000)))
        #expect(refusal.reason == .tooLarge)
        #expect(refusal.retryAfter == nil)
        await fixture.journal.shutdown()
    }

    @Test func aClosedJournalRefusesSoThatClientsGoElsewhere() async throws {
        let fixture = try IngestFixture()
        await fixture.journal.shutdown()
        let refusal = try #require(await fixture.refusal(TestRequest.body(15)))
        #expect(refusal.reason == .shuttingDown)
        #expect(refusal.retryAfter != nil)
        #expect(fixture.metrics.total("skein_receiver_refused_requests", ["reason": "shutting_down"]) == 1)
    }
}
