import Skein
import SkeinAgents
import SkeinTesting
import Synchronization
import Testing
import Tracing

@Suite struct StreamedModelCallTests {
    private struct Broken: ErrorTypeProviding {
        var errorType: String { "connection_reset" }
    }

    private let request = ModelRequest(model: "m", provider: "p")
    private let clock = ManualClock()

    private func chunks(_ milliseconds: [Int], error: (any Error)? = nil) -> TimedChunks<String> {
        TimedChunks(clock: clock, chunks: milliseconds.map { ($0, "\($0)") }, error: error)
    }

    private static let called: [String: AttributeValue] = [
        "gen_ai.operation.name": .string("chat"), "gen_ai.provider.name": .string("p"),
        "gen_ai.request.model": .string("m"), "gen_ai.request.stream": .bool(true),
    ]

    private func called(_ more: [String: AttributeValue]) -> [String: AttributeValue] {
        Self.called.merging(more) { _, new in new }
    }

    @Test func aStreamHandedOutKeepsItsSpanOpenUntilItsEnd() async throws {
        let spans = try await spansOnBothTracers { tracer in
            let stream = await withStreamedModelCall(request, clock: clock.clock, tracer: tracer) { _ in
                chunks([250, 100, 300, 50])
            }
            var texts: [String] = []
            for try await chunk in stream {
                texts.append(chunk)
                #expect(stream.call.span.isRecording)
                if chunk == "50" { stream.call.recordUsage(TokenUsage(outputTokens: 4)) }
            }
            #expect(texts == ["250", "100", "300", "50"])
        }
        let span = try spans.only("chat m")
        #expect(span.kind == .client && span.status == .unset && span.events.isEmpty)
        #expect(
            span.attributes
                == called([
                    "skein.stream.outcome": .string("completed"), "skein.stream.chunk_count": .int(4),
                    "gen_ai.response.time_to_first_chunk": .double(0.25),
                    "skein.stream.chunk_gap_max_seconds": .double(0.3),
                    "skein.stream.chunk_gap_mean_seconds": .double(0.15), "gen_ai.usage.output_tokens": .int(4),
                ]))
    }

    @Test func aConsumerThatLeavesEarlyEndsTheSpanAtOnce() async throws {
        let spans = try await spansOnBothTracers { tracer in
            let stream = await withStreamedModelCall(request, clock: clock.clock, tracer: tracer) { _ in
                chunks([100, 100, 100])
            }
            for try await _ in stream { break }
            // The sequence is still held here.
            _ = stream.call
        }
        let span = try spans.only("chat m")
        #expect(span.status == .unset)
        #expect(
            span.attributes
                == called([
                    "skein.stream.outcome": .string("abandoned"), "skein.cancelled": .bool(true),
                    "skein.stream.chunk_count": .int(1), "gen_ai.response.time_to_first_chunk": .double(0.1),
                ]))
    }

    @Test func aStreamThatNobodyConsumesEndsItsSpanWhenItIsDropped() async throws {
        let exporter = InMemorySpanExporter()
        var stream: ModelCallStream<TimedChunks<String>>? = await withStreamedModelCall(
            request, tracer: exporter.tracer()
        ) { _ in chunks([1]) }
        #expect(exporter.spans.isEmpty)
        #expect(stream != nil)
        stream = nil
        #expect(
            exporter.spans.map(\.attributes) == [
                called([
                    "skein.stream.outcome": .string("abandoned"), "skein.cancelled": .bool(true),
                    "skein.stream.chunk_count": .int(0),
                ])
            ])
    }

    @Test func aStreamThatBreaksIsAnError() async throws {
        let spans = await spansOnBothTracers { tracer in
            await #expect(throws: Broken.self) {
                let stream = await withStreamedModelCall(request, clock: clock.clock, tracer: tracer) { _ in
                    chunks([10], error: Broken())
                }
                for try await _ in stream {}
            }
        }
        let span = try spans.only("chat m")
        #expect(span.status == .error("Broken()") && span.events.map(\.name) == ["exception"])
        #expect(span.attributes["error.type"] == .string("connection_reset"))
        #expect(span.attributes["skein.stream.outcome"] == .string("failed"))
        #expect(span.attributes["skein.stream.chunk_count"] == .int(1))
        #expect(span.attributes["skein.cancelled"] == nil)
    }

    @Test func aRequestThatFailsEndsItsSpanWithTheError() async throws {
        let spans = await spansOnBothTracers { tracer in
            await #expect(throws: Broken.self) {
                _ = try await withStreamedModelCall(request, tracer: tracer) { _ -> TimedChunks<String> in
                    throw Broken()
                }
            }
        }
        let span = try spans.only("chat m")
        #expect(span.attributes == called(["error.type": .string("connection_reset")]))
        #expect(span.status == .error("Broken()"))
    }

    @Test func aCancelledTaskMarksItsStreamAndIsNoError() async throws {
        let spans = await spansOnBothTracers { tracer in
            let (chunks, continuation) = AsyncStream.makeStream(of: String.self)
            let (started, isStarted) = AsyncStream.makeStream(of: Void.self)
            let task = Task {
                let stream = await withStreamedModelCall(request, clock: clock.clock, tracer: tracer) { _ in chunks }
                for await _ in stream { isStarted.yield() }
            }
            continuation.yield("one")
            for await _ in started { break }
            task.cancel()
            await task.value
        }
        let span = try spans.only("chat m")
        #expect(span.status == .unset && span.events.isEmpty && span.attributes["error.type"] == nil)
        #expect(span.attributes["skein.stream.outcome"] == .string("cancelled"))
        #expect(span.attributes["skein.cancelled"] == .bool(true))
        #expect(span.attributes["skein.stream.chunk_count"] == .int(1))
    }

    @Test func aThrownCancellationIsNoErrorEither() async throws {
        let spans = await spansOnBothTracers { tracer in
            await #expect(throws: CancellationError.self) {
                let stream = await withStreamedModelCall(request, clock: clock.clock, tracer: tracer) { _ in
                    chunks([1], error: CancellationError())
                }
                for try await _ in stream {}
            }
        }
        let span = try spans.only("chat m")
        #expect(span.status == .unset && span.attributes["skein.stream.outcome"] == .string("cancelled"))
    }
}
