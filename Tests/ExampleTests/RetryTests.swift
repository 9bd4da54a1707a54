import CurlTransport
import Foundation
import Skein
import SkeinTesting
import TestSink
import Testing

/// The worker against a model server whose answers the test decides.
@Suite struct RetryTests {
    private static let completion = SinkServer.Reply.answer(
        200, headers: [HTTPHeader("Content-Type", "text/event-stream")],
        body: Array(
            """
            data: {"id": "c1", "model": "gpt-5", "choices": [{"delta": {"content": "Ye"}}]}

            data: {"id": "c1", "model": "gpt-5", "choices": [{"delta": {"content": "s."}, "finish_reason": "stop"}]}

            data: {"id": "c1", "model": "gpt-5", "choices": [], "usage": {"prompt_tokens": 30, \
            "prompt_tokens_details": {"cached_tokens": 20}, "completion_tokens": 9, \
            "completion_tokens_details": {"reasoning_tokens": 4}}}

            data: [DONE]


            """.utf8))

    /// What the writer's caller, the model server and the collector saw.
    private struct Outcome {
        var status: Int
        var body: [UInt8]
        var requests: [SinkServer.Request]
        var spans: [RecordedSpan]

        var attempts: [RecordedSpan] { spans.filter { $0.name == "attempt" } }

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
        return Outcome(
            status: response.status, body: response.body, requests: models.requests, spans: exported.all())
    }

    @Test func eachAttemptIsASpanAndEachPauseAnEvent() async throws {
        let outcome = try await write([
            .answer(429, headers: [HTTPHeader("Retry-After", "1")]), .answer(500), Self.completion,
        ])
        #expect(outcome.status == 200)
        #expect(outcome.requests.map { $0.header("X-Retry-Count") } == ["0", "1", "2"])
        let call = try outcome.span("chat gpt-5")
        #expect(call.status == .unset)
        #expect(call.events.map(\.name) == ["retry", "retry"])
        #expect(call.events.map { $0.attributes["error.type"] } == [.string("429"), .string("500")])
        #expect(
            call.events.map { $0.attributes["skein.error_class"] } == [.string("rate_limit"), .string("unavailable")])
        #expect(call.integer("skein.retry.attempt_count") == 3)
        let attempts = outcome.attempts
        #expect(attempts.map(\.isFailed) == [true, true, false])
        #expect(attempts.map { $0.integer("skein.retry.attempt") } == [1, 2, 3])
        #expect(attempts.map { $0.integer("http.response.status_code") } == [429, 500, 200])
        #expect(attempts.allSatisfy { $0.parentSpanID == call.spanID })
        try #require(attempts.count == 3)
        #expect(attempts[1].startNanoseconds - attempts[0].endNanoseconds >= 1_000_000_000, "Retry-After is kept")
        #expect(attempts[2].startNanoseconds - attempts[1].endNanoseconds >= 100_000_000, "the backoff grows")
    }

    @Test func contextTravelsWithEachAttempt() async throws {
        let outcome = try await write([.answer(503), Self.completion])
        let attempts = outcome.attempts
        let expected = attempts.map { "00-\($0.traceID.hex)-\($0.spanID.hex)-" }
        let sent = outcome.requests.map { String(($0.header("traceparent") ?? "").dropLast(2)) }
        #expect(sent == expected)
        #expect(sent.count == 2)
    }

    @Test func whatTheStreamSaysIsOnTheModelSpan() async throws {
        let outcome = try await write([Self.completion])
        let answer = try JSONSerialization.jsonObject(with: Data(outcome.body)) as? [String: String]
        #expect(answer == ["text": "Yes.", "responseID": "c1"])
        let call = try outcome.span("chat gpt-5")
        let expectation = SpanExpectation(
            kind: .client,
            attributes: [
                "gen_ai.operation.name": .string("chat"), "gen_ai.provider.name": .string("openai"),
                "gen_ai.request.model": .string("gpt-5"), "gen_ai.response.id": .string("c1"),
                "gen_ai.usage.input_tokens": .int(30), "gen_ai.usage.cache_read.input_tokens": .int(20),
                "gen_ai.request.stream": .bool(true), "skein.stream.outcome": .string("completed"),
                "gen_ai.response.finish_reasons": .array([.string("stop")]),
                "gen_ai.prompt.name": .string("write_answer"), "gen_ai.prompt.version": .string("3"),
                "gen_ai.usage.output_tokens": .int(9), "gen_ai.usage.reasoning.output_tokens": .int(4),
            ])
        #expect(expectation.mismatches(in: call) == [])
    }

    @Test func streamThatCannotBeReadIsNotAskedForAgain() async throws {
        let event = #"data: {"id": "c1", "model": "gpt-5", "choices": 7}"#
        let outcome = try await write([.answer(200, body: Array("\(event)\n\n".utf8))])
        #expect(outcome.status == 500)
        #expect(outcome.attempts.map(\.isFailed) == [false])
        #expect(try outcome.span("chat gpt-5").attributes["skein.stream.outcome"] == .string("abandoned"))
        #expect(try outcome.span("invoke_agent writer").isFailed)
    }

    @Test(arguments: [
        (SinkServer.Reply.answer(503), 4, "503"), (.answer(400), 1, "400"), (.hangUp, 4, "no_answer"),
        (.answer(429, headers: [HTTPHeader("Retry-After", "60")]), 1, "429"),
    ])
    func givesUp(reply: SinkServer.Reply, attempts: Int, errorType: String) async throws {
        let outcome = try await write([reply])
        #expect(outcome.status == 500)
        #expect(outcome.attempts.count == attempts)
        for name in ["chat gpt-5", "invoke_agent writer"] {
            let span = try outcome.span(name)
            #expect(span.isFailed)
            #expect(span.attributes["error.type"] == .string(errorType))
        }
        #expect(try outcome.span("POST /agents/writer").isFailed)
    }
}
