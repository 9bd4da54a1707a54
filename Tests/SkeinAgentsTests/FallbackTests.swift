import Skein
import SkeinAgents
import SkeinTesting
import Testing
import Tracing

@Suite struct FallbackTests {
    private let requests = [
        ModelRequest(model: "a", provider: "openai"), ModelRequest(model: "b", provider: "anthropic"),
        ModelRequest(model: "c", provider: "openai"),
    ]

    @Test func theSpanSaysWhichOneWasUsedAndWhyOthersFailed() async throws {
        let spans = try await spansOnBothTracers { tracer in
            let used = try await withFallback(requests, tracer: tracer) { request in
                try await withModelCall(request, tracer: tracer) { _ in
                    if request.model == "a" { throw ModelAPIError(type: "overloaded_error", message: "busy") }
                    return request.model
                }
            }
            #expect(used == "b")
        }
        #expect(spans.map(\.name) == ["chat a", "chat b", "fallback"])
        let around = try spans.only("fallback")
        #expect(around.kind == .internal && around.status == .unset)
        #expect(
            around.attributes == [
                "skein.fallback.candidate": .string("anthropic/b"), "skein.fallback.index": .int(1),
            ])
        #expect(around.events.map(\.name) == ["fallback"])
        #expect(
            around.events[0].attributes == [
                "skein.fallback.candidate": .string("openai/a"), "skein.fallback.index": .int(0),
                "error.type": .string("overloaded_error"), "skein.error_class": .string("unavailable"),
            ])
    }

    @Test func theLastErrorIsThrownWhenAllFail() async throws {
        let spans = await spansOnBothTracers { tracer in
            await #expect(throws: ModelAPIError(type: "c", message: "")) {
                try await withFallback(requests, tracer: tracer) { request in
                    throw ModelAPIError(type: request.model, message: "")
                }
            }
        }
        let around = try spans.only("fallback")
        #expect(around.status == .error("c: ") && around.attributes["error.type"] == .string("c"))
        #expect(around.attributes["skein.fallback.candidate"] == nil)
        #expect(around.events.filter { $0.name == "fallback" }.count == 3)
    }

    @Test func cancellationTriesNoOther() async throws {
        let exporter = InMemorySpanExporter()
        await #expect(throws: CancellationError.self) {
            try await withFallback(["x", "y"], describe: { $0 }, tracer: exporter.tracer()) { candidate in
                #expect(candidate == "x")
                throw CancellationError()
            }
        }
        #expect(try exporter.spans.only("fallback").attributes["skein.cancelled"] == .bool(true))
    }

    @Test func anErrorThatNoOtherCandidateCuresIsThrownAtOnce() async throws {
        let exporter = InMemorySpanExporter()
        await #expect(throws: ModelAPIError.self) {
            try await withFallback(
                ["x", "y"], describe: { $0 }, shouldContinue: { ErrorClass($0) != .invalid },
                tracer: exporter.tracer()
            ) { candidate in
                #expect(candidate == "x")
                throw ModelAPIError(type: "invalid_request_error", message: "")
            }
        }
    }

    @Test func withoutCandidatesThereIsAnError() async throws {
        let exporter = InMemorySpanExporter()
        await #expect(throws: NoCandidateError.self) {
            try await withFallback([], tracer: exporter.tracer()) { _ in }
        }
        #expect(try exporter.spans.only("fallback").attributes["error.type"] == .string("no_candidate"))
    }

    @Test func aSpanThatIsGivenTakesTheRecords() async throws {
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer()
        try await withAgent("a", tracer: tracer) { agent in
            try await withFallback(["x"], recordingOn: agent.span, describe: { $0 }, tracer: tracer) { _ in }
        }
        #expect(exporter.spans.map(\.name) == ["invoke_agent a"])
        #expect(exporter.spans[0].attributes["skein.fallback.candidate"] == .string("x"))
    }
}
