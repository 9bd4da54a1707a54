import Skein
import SkeinAgents
import SkeinTesting
import Synchronization
import Testing
import Tracing

@Suite struct ModelCallStreamTests {
    private let request = ModelRequest(model: "m", provider: "p")
    private let clock = ManualClock()

    private func chunks(_ milliseconds: [Int]) -> TimedChunks<String> {
        TimedChunks(clock: clock, chunks: milliseconds.map { ($0, "\($0)") })
    }

    @Test func chunksInsideACallAreTimedFromTheStartOfTheCall() async throws {
        let spans = try await spansOnBothTracers { tracer in
            try await withModelCall(request, clock: clock.clock, tracer: tracer) { call in
                clock.advance(by: .milliseconds(500))
                for try await _ in call.recordingChunks(of: chunks([250, 250])) {}
                call.recordResponse(finishReasons: ["stop"])
            }
        }
        #expect(
            try spans.only("chat m").attributes
                == [
                    "gen_ai.operation.name": .string("chat"), "gen_ai.provider.name": .string("p"),
                    "gen_ai.request.model": .string("m"), "gen_ai.request.stream": .bool(true),
                    "skein.stream.outcome": .string("completed"), "skein.stream.chunk_count": .int(2),
                    "gen_ai.response.time_to_first_chunk": .double(0.75),
                    "skein.stream.chunk_gap_max_seconds": .double(0.25),
                    "skein.stream.chunk_gap_mean_seconds": .double(0.25),
                    "gen_ai.response.finish_reasons": .array([.string("stop")]),
                ])
    }

    @Test func aStreamThatOutlivesItsCallIsRecordedAsFarAsItCame() async throws {
        let spans = try await spansOnBothTracers { tracer in
            let stream = await withModelCall(request, clock: clock.clock, tracer: tracer) { call in
                call.recordingChunks(of: chunks([1, 2]))
            }
            for try await _ in stream {}
        }
        let span = try spans.only("chat m")
        #expect(span.attributes["skein.stream.outcome"] == .string("abandoned"))
        #expect(span.attributes["skein.stream.chunk_count"] == .int(0))
    }

    @Test func onlyTheFirstChunksBecomeEvents() async throws {
        let spans = try await spansOnBothTracers { tracer in
            let stream = await withStreamedModelCall(
                request, chunkEventsMax: 2, clock: clock.clock, tracer: tracer
            ) { _ in chunks([1, 1, 1]) }
            for try await _ in stream {}
        }
        let events = try spans.only("chat m").events
        #expect(events.map(\.name) == ["skein.stream.chunk", "skein.stream.chunk"])
        #expect(events.map { $0.attributes["skein.stream.chunk_index"] } == [.int(0), .int(1)])
    }

    @Test func aSecondLoopIsNotRecordedAgain() async throws {
        let spans = try await spansOnBothTracers { tracer in
            let stream = await withStreamedModelCall(request, clock: clock.clock, tracer: tracer) { _ in
                chunks([1, 1])
            }
            for try await _ in stream {}
            var count = 0
            for try await _ in stream { count += 1 }
            #expect(count == 2)
        }
        #expect(try spans.only("chat m").attributes["skein.stream.chunk_count"] == .int(2))
    }

    @Test func theRequestIsSentInTheSpanAndChunksAreSeenOnTheWay() async throws {
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer()
        let seen = Mutex<[String]>([])
        let stream = await withStreamedModelCall(
            request, tracer: tracer, onChunk: { chunk, _ in seen.withLock { $0.append(chunk) } }
        ) { _ in
            tracer.withSpan("POST") { _ in }
            return chunks([1, 2])
        }
        for try await _ in stream {}
        let call = try exporter.spans.only("chat m")
        #expect(try exporter.spans.only("POST").parentSpanID == call.spanID)
        #expect(seen.withLock { $0 } == ["1", "2"])
    }

    @Test func bytesOfAProviderAreReadAsTheyPass() async throws {
        let text = """
            data: {"id":"c1","model":"gpt-5-2026","choices":[{"index":0,"delta":{"content":"Hi"}}]}

            data: {"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

            data: {"id":"c1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}

            data: [DONE]


            """
        let bytes = Array(text.utf8)
        let pieces = stride(from: 0, to: bytes.count, by: 7).map { (1, Array(bytes[$0..<min($0 + 7, bytes.count)])) }
        let spans = try await spansOnBothTracers { tracer in
            let stream = await withStreamedModelCall(
                request, reading: .openAIChat, clock: clock.clock, tracer: tracer
            ) { _ in
                TimedChunks(clock: clock, chunks: pieces)
            }
            var read = 0
            for try await piece in stream { read += piece.count }
            #expect(read == bytes.count)
        }
        let attributes = try spans.only("chat m").attributes
        #expect(attributes["gen_ai.response.id"] == .string("c1"))
        #expect(attributes["gen_ai.response.model"] == .string("gpt-5-2026"))
        #expect(attributes["gen_ai.response.finish_reasons"] == .array([.string("stop")]))
        #expect(attributes["gen_ai.usage.input_tokens"] == .int(9))
        #expect(attributes["gen_ai.usage.output_tokens"] == .int(3))
    }
}
