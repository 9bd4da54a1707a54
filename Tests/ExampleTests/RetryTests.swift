import CurlTransport
import Skein
import SkeinTesting
import TestSink
import Testing

/// The worker against a model server whose answers the test decides.
@Suite struct RetryTests {
    private static let completion = Array(
        """
        {"id": "c1", "model": "gpt-5", "choices": [{"message": {"role": "assistant", "content": "Yes."}, \
        "finish_reason": "stop"}], "usage": {"prompt_tokens": 30, "prompt_tokens_details": {"cached_tokens": 20}, \
        "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 4}}}
        """.utf8)

    /// What the writer's caller, the model server and the collector saw.
    private struct Outcome {
        var status: Int
        var requests: [SinkServer.Request]
        var spans: [RecordedSpan]

        func span(_ name: String) throws -> RecordedSpan { try #require(spans.first { $0.name == name }) }
    }

    private func write(_ replies: [SinkServer.Reply]) async throws -> Outcome {
        let exported = try ExportedSpans()
        let models = try SinkServer { _, index in replies[min(index, replies.count - 1)] }
        let worker = try await DeskProcess("worker", ["--models", models.url], environment: exported.environment)
        let response = try await worker.post("/agents/writer", ["task": "Is it so?", "notes": ["Perhaps."], "seed": 1])
        #expect(await worker.stop() == 0)
        models.stop()
        exported.server.stop()
        return Outcome(status: response.status, requests: models.requests, spans: exported.all())
    }

    @Test func eachAttemptIsASpanAndEachPauseAnEvent() async throws {
        let outcome = try await write([
            .answer(429, headers: [HTTPHeader("Retry-After", "1")]), .answer(500),
            .answer(200, headers: [HTTPHeader("Content-Type", "application/json")], body: Self.completion),
        ])
        #expect(outcome.status == 200)
        #expect(outcome.requests.map { $0.header("X-Retry-Count") } == ["0", "1", "2"])
        let call = try outcome.span("chat gpt-5")
        #expect(call.status == .unset)
        #expect(call.events.map(\.name) == ["retry", "retry"])
        #expect(call.events.map { $0.attributes["error.type"] } == [.string("429"), .string("500")])
        let attempts = outcome.spans.filter { $0.name == "POST /v1/chat/completions" }
        #expect(attempts.map(\.isFailed) == [true, true, false])
        #expect(attempts.map { $0.integer("http.request.resend_count") } == [nil, 1, 2])
        #expect(attempts.map { $0.integer("http.response.status_code") } == [429, 500, 200])
        #expect(attempts.allSatisfy { $0.parentSpanID == call.spanID })
        try #require(attempts.count == 3)
        #expect(attempts[1].startNanoseconds - attempts[0].endNanoseconds >= 1_000_000_000, "Retry-After is kept")
        #expect(attempts[2].startNanoseconds - attempts[1].endNanoseconds >= 100_000_000, "the backoff grows")
    }

    @Test func contextTravelsWithEachAttempt() async throws {
        let outcome = try await write([.answer(503), .answer(200, body: Self.completion)])
        let attempts = outcome.spans.filter { $0.name == "POST /v1/chat/completions" }
        let expected = attempts.map { "00-\($0.traceID.hex)-\($0.spanID.hex)-" }
        let sent = outcome.requests.map { String(($0.header("traceparent") ?? "").dropLast(2)) }
        #expect(sent == expected)
        #expect(sent.count == 2)
    }

    @Test func tokensAreOnTheModelSpan() async throws {
        let call = try await write([.answer(200, body: Self.completion)]).span("chat gpt-5")
        let expectation = SpanExpectation(
            kind: .client,
            attributes: [
                "gen_ai.operation.name": .string("chat"), "gen_ai.provider.name": .string("openai"),
                "gen_ai.request.model": .string("gpt-5"), "gen_ai.response.id": .string("c1"),
                "gen_ai.usage.input_tokens": .int(30), "gen_ai.usage.cache_read.input_tokens": .int(20),
                "gen_ai.usage.output_tokens": .int(9), "gen_ai.usage.reasoning.output_tokens": .int(4),
            ])
        #expect(expectation.mismatches(in: call) == [])
    }

    @Test(arguments: [
        (SinkServer.Reply.answer(503), 4, "503"), (.answer(400), 1, "400"), (.hangUp, 4, "no_answer"),
        (.answer(429, headers: [HTTPHeader("Retry-After", "60")]), 1, "429"),
    ])
    func givesUp(reply: SinkServer.Reply, attempts: Int, errorType: String) async throws {
        let outcome = try await write([reply])
        #expect(outcome.status == 500)
        #expect(outcome.spans.count { $0.name == "POST /v1/chat/completions" } == attempts)
        for name in ["chat gpt-5", "invoke_agent writer"] {
            let span = try outcome.span(name)
            #expect(span.isFailed)
            #expect(span.attributes["error.type"] == .string(errorType))
        }
        #expect(try outcome.span("POST /agents/writer").isFailed)
    }
}
