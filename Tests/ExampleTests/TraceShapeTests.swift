import Foundation
import Skein
import SkeinTesting
import Testing

/// One question through gateway, worker and models, as the collector sees it.
@Suite struct TraceShapeTests {
    @Test func oneQuestionIsOneTraceOverTwoServices() async throws {
        let trace = try await Trace(questionSeed: 14)
        #expect(Set(trace.spans.map(\.traceID.hex)) == [trace.answeredTraceID])
        #expect(Set(trace.spans.map(\.service)) == ["gateway", "worker"])
        let roots = trace.spans.filter { !$0.parentSpanID.isValid }
        #expect(roots.map(\.name) == ["POST /ask"])
        let ids = Set(trace.spans.map(\.spanID))
        #expect(ids.count == trace.spans.count)
        #expect(trace.spans.allSatisfy { !$0.parentSpanID.isValid || ids.contains($0.parentSpanID) })

        let root = try #require(roots.first)
        let coordinator = try trace.only("invoke_agent coordinator")
        #expect(coordinator.parentSpanID == root.spanID)
        let planner = try trace.only("invoke_agent planner")
        #expect(planner.parentSpanID == coordinator.spanID)
        #expect(planner.links.map(\.spanID) == [coordinator.spanID])

        try expectRemote("researcher", count: 3, below: coordinator, in: trace)
        try expectRemote("writer", count: 1, below: coordinator, in: trace)
        expectModelCalls(in: trace)
        expectConcurrentTools(in: trace)
    }

    /// Each agent in the worker hangs below a server span, that below a client span of the gateway.
    private func expectRemote(
        _ name: String, count: Int, below coordinator: RecordedSpan, in trace: Trace
    ) throws {
        let agents = trace.spans(named: "invoke_agent \(name)")
        #expect(agents.count == count)
        for agent in agents {
            let server = try #require(trace.parent(of: agent))
            let client = try #require(trace.parent(of: server))
            #expect([server.name, client.name] == Array(repeating: "POST /agents/\(name)", count: 2))
            #expect([agent.service, server.service, client.service] == ["worker", "worker", "gateway"])
            #expect(server.kind == .server && client.kind == .client)
            #expect(client.parentSpanID == coordinator.spanID)
            #expect(agent.attributes["gen_ai.conversation.id"] == .string("conversation-7"), "baggage came along")
            #expect(server.attributes["user.id"] == .string("ada"))
            #expect(
                client.startNanoseconds <= server.startNanoseconds && server.endNanoseconds <= client.endNanoseconds)
        }
        if count > 1 { #expect(trace.overlap(agents), "researchers work at the same time") }
    }

    private func expectModelCalls(in trace: Trace) {
        let calls = trace.spans.filter { $0.attributes["gen_ai.operation.name"] == .string("chat") }
        #expect(calls.count >= 8, "planner, three researchers twice, writer")
        for call in calls {
            #expect(call.integer("gen_ai.usage.input_tokens") ?? 0 > 0)
            #expect(call.integer("gen_ai.usage.output_tokens") ?? 0 > 0)
            #expect(call.integer("gen_ai.usage.cache_read.input_tokens") != nil)
            #expect(call.integer("gen_ai.usage.reasoning.output_tokens") != nil)
            let attempts = trace.spans.filter { $0.parentSpanID == call.spanID }
            #expect(attempts.count { $0.isFailed } == call.events.count { $0.name == "retry" })
            #expect(attempts.last?.isFailed == false)
        }
        #expect(calls.contains { !$0.events.isEmpty }, "with this seed a call is retried")
    }

    private func expectConcurrentTools(in trace: Trace) {
        let researchers = trace.spans(named: "invoke_agent researcher")
        let tools = researchers.map { agent in
            trace.spans.filter { $0.parentSpanID == agent.spanID && $0.name.hasPrefix("execute_tool ") }
        }
        #expect(tools.reduce(0) { $0 + $1.count } >= 4)
        #expect(tools.contains(where: trace.overlap), "a researcher uses its tools at the same time")
        let all = trace.spans.filter { $0.name.hasPrefix("execute_tool ") }
        #expect(all.count == tools.reduce(0) { $0 + $1.count }, "every tool is used by a researcher")
        #expect(all.allSatisfy { $0.attributes["gen_ai.tool.call.id"] != nil })
    }
}

private struct Trace {
    let answeredTraceID: String
    let spans: [RecordedSpan]

    init(questionSeed: Int) async throws {
        let exported = try ExportedSpans()
        let models = try await DeskProcess("models")
        let worker = try await DeskProcess("worker", ["--models", models.url], environment: exported.environment)
        let gateway = try await DeskProcess(
            "gateway", ["--worker", worker.url, "--models", models.url], environment: exported.environment)
        let response = try await gateway.post(
            "/ask",
            [
                "question": "Can heat pumps replace gas boilers in old houses?", "user": "ada",
                "conversation": "conversation-7", "seed": questionSeed,
            ])
        for process in [gateway, worker, models] { #expect(await process.stop() == 0) }
        exported.server.stop()
        spans = exported.all()
        try #require(response.status == 200)
        let body = try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: String]
        answeredTraceID = try #require(body?["traceID"])
        #expect(body?["answer"]?.isEmpty == false)
    }

    func spans(named name: String) -> [RecordedSpan] { spans.filter { $0.name == name } }

    func only(_ name: String) throws -> RecordedSpan {
        let found = spans(named: name)
        try #require(found.count == 1)
        return found[0]
    }

    func parent(of span: RecordedSpan) -> RecordedSpan? { spans.first { $0.spanID == span.parentSpanID } }

    /// Whether any two of them run at the same time.
    func overlap(_ spans: [RecordedSpan]) -> Bool {
        zip(spans, spans.dropFirst()).contains { $0.endNanoseconds > $1.startNanoseconds }
    }
}
