import Foundation
import Skein
import SkeinTesting
import Testing

/// One question through gateway, worker and models, as the collector sees it.
@Suite struct TraceShapeTests {
    @Test func oneQuestionIsOneTraceOverTwoServices() async throws {
        let trace = try await DeskTrace()
        #expect(Set(trace.spans.map(\.traceID.hex)) == [trace.answeredTraceID])
        #expect(Set(trace.spans.map(\.service)) == ["gateway", "worker"])
        let roots = trace.spans.filter { !$0.parentSpanID.isValid }
        #expect(roots.map(\.name) == ["POST /ask"])
        let ids = Set(trace.spans.map(\.spanID))
        #expect(ids.count == trace.spans.count)
        #expect(trace.spans.allSatisfy { !$0.parentSpanID.isValid || ids.contains($0.parentSpanID) })

        let root = try #require(roots.first)
        let coordinator = try trace.only("invoke_agent coordinator")
        let workflow = try trace.only("invoke_workflow answer_question")
        #expect(coordinator.parentSpanID == workflow.spanID)
        #expect(workflow.parentSpanID == root.spanID)
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
        _ name: String, count: Int, below coordinator: RecordedSpan, in trace: DeskTrace
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

    private func expectModelCalls(in trace: DeskTrace) {
        let calls = trace.spans.filter { $0.attributes["gen_ai.operation.name"] == .string("chat") }
        #expect(calls.count >= 8, "planner, three researchers twice, writer")
        for call in calls {
            #expect(call.integer("gen_ai.usage.input_tokens") ?? 0 > 0)
            #expect(call.integer("gen_ai.usage.output_tokens") ?? 0 > 0)
            #expect(call.integer("gen_ai.usage.cache_read.input_tokens") != nil)
            #expect(call.integer("gen_ai.usage.reasoning.output_tokens") != nil)
            let attempts = trace.children(of: call)
            #expect(attempts.allSatisfy { $0.name == "attempt" && $0.attributes["url.full"] != nil })
            #expect(attempts.count { $0.isFailed } == call.events.count { $0.name == "retry" })
            #expect(attempts.last?.isFailed == false)
        }
        #expect(calls.contains { !$0.events.isEmpty }, "with this seed a call is retried")
    }

    private func expectConcurrentTools(in trace: DeskTrace) {
        let researchers = trace.spans(named: "invoke_agent researcher")
        let tools = researchers.map { agent in
            trace.children(of: agent).filter { $0.attributes["gen_ai.operation.name"] == .string("execute_tool") }
        }
        #expect(tools.reduce(0) { $0 + $1.count } >= 4)
        #expect(tools.contains(where: trace.overlap), "a researcher uses its tools at the same time")
        let all = trace.spans.filter { $0.attributes["gen_ai.tool.call.id"] != nil }
        #expect(all.count == tools.reduce(0) { $0 + $1.count }, "every tool is used by a researcher")
        #expect(Set(all.map(\.name)).count == 4, "each of the tools is used with this seed")
        #expect(all.contains { $0.isFailed }, "with this seed a tool fails")
    }
}
