import Skein
import SkeinAgents
import SkeinTesting
import Testing
import Tracing

@Suite struct PlannerTests {
    @Test func aPlanAsksTheModelOnce() async {
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer()

        await withAgent("planner", tracer: tracer) { _ in
            let request = ModelRequest(model: "gpt-5", provider: GenAI.Provider.openAI)
            await withModelCall(request, tracer: tracer) { call in
                call.recordUsage(TokenUsage(inputTokens: 20, outputTokens: 7))
            }
        }

        let call = SpanExpectation(
            name: "chat gpt-5", kind: .client, matching: ["gen_ai.usage.output_tokens": .atLeast(1)])
        #expect(exporter.tree.mismatches([SpanExpectation(name: "invoke_agent planner", children: [call])]) == [])
    }
}

@Suite struct TestingSnippetTests {
    @Test func outlineIsAsShown() {
        let exporter = InMemorySpanExporter()
        exporter.tracer().withSpan("answer") { $0.attributes["length"] = 42 }
        #expect(exporter.tree.outline == "answer")
        #expect(exporter.spans(named: "answer").first?.attributes["length"] == .int(42))
    }

    @Test func waitReturnsTheSpans() async throws {
        let exporter = InMemorySpanExporter()
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.exporters = [.custom(exporter)]
        let telemetry = try SkeinTracing(configuration)

        telemetry.tracer.withSpan("answer") { _ in }
        await telemetry.flush()
        let spans = try await exporter.waitForSpans(count: 1)
        #expect(spans.map(\.name) == ["answer"])
        await telemetry.shutdown()
    }
}
