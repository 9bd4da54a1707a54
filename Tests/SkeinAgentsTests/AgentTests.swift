import Skein
import SkeinAgents
import SkeinTesting
import Testing
import Tracing

@Suite struct AgentTests {
    private struct RateLimited: ErrorTypeProviding {
        var errorType: String { "429" }
    }

    /// One agent that calls a model and a tool, and hands over to another.
    private func work(_ tracer: any Tracer) async {
        var request = ModelRequest(
            model: "gpt-5", provider: GenAI.Provider.openAI, maxTokens: 512, temperature: 0.2, conversationID: "c1")
        request.topP = 0.9
        request.topK = 40
        request.stopSequences = ["END"]
        request.seed = 7
        request.choiceCount = 1
        request.isStreamed = true
        request.serverAddress = "api.example.com"
        request.serverPort = 443
        let planner = AgentDescription(
            name: "planner", id: "a1", purpose: "plans", version: "2", provider: GenAI.Provider.openAI)
        await withAgent(planner, conversationID: "c1", tracer: tracer) { agent in
            await withModelCall(request, tracer: tracer) { call in
                call.recordResponse(
                    id: "r1", model: "gpt-5-2026", finishReasons: ["stop"],
                    usage: TokenUsage(
                        inputTokens: 100, outputTokens: 20, cacheReadInputTokens: 60, cacheCreationInputTokens: 5,
                        reasoningOutputTokens: 8))
            }
            await withTool("search", callID: "t1", type: "function", description: "finds", tracer: tracer) { tool in
                tool.span.attributes["hits"] = 3
            }
            agent.recordUsage(TokenUsage(inputTokens: 100, outputTokens: 20))
            await withAgent("writer", handedOffBy: agent.handOff(), tracer: tracer) { _ in }
        }
    }

    @Test func spansFollowTheConventionsOnSkein() async throws {
        let exporter = InMemorySpanExporter()
        await work(exporter.tracer())
        let agent = try #require(exporter.spans(named: "invoke_agent planner").first)
        let call = try #require(exporter.spans(named: "chat gpt-5").first)
        let tool = try #require(exporter.spans(named: "execute_tool search").first)
        let writer = try #require(exporter.spans(named: "invoke_agent writer").first)
        #expect(agent.kind == .internal && call.kind == .client && tool.kind == .internal)
        #expect(
            agent.attributes == [
                "gen_ai.operation.name": .string("invoke_agent"), "gen_ai.provider.name": .string("openai"),
                "gen_ai.agent.name": .string("planner"), "gen_ai.agent.id": .string("a1"),
                "gen_ai.agent.description": .string("plans"), "gen_ai.agent.version": .string("2"),
                "gen_ai.conversation.id": .string("c1"), "gen_ai.usage.input_tokens": .int(100),
                "gen_ai.usage.output_tokens": .int(20),
            ])
        #expect(call.attributes == Self.callAttributes)
        #expect(
            tool.attributes == [
                "gen_ai.operation.name": .string("execute_tool"), "gen_ai.tool.name": .string("search"),
                "gen_ai.tool.call.id": .string("t1"), "gen_ai.tool.type": .string("function"),
                "gen_ai.tool.description": .string("finds"), "hits": .int(3),
            ])
        for child in [call, tool, writer] {
            #expect(SpanExpectation(status: .unset, childOf: agent).mismatches(in: child) == [])
        }
        let link = try #require(writer.links.first)
        #expect(link.spanID == agent.spanID && link.traceID == agent.traceID)
        #expect(link.attributes == ["gen_ai.agent.name": .string("planner")])
    }

    private static let callAttributes: [String: AttributeValue] = [
        "gen_ai.operation.name": .string("chat"), "gen_ai.provider.name": .string("openai"),
        "gen_ai.request.model": .string("gpt-5"), "gen_ai.request.max_tokens": .int(512),
        "gen_ai.request.temperature": .double(0.2), "gen_ai.request.top_p": .double(0.9),
        "gen_ai.request.top_k": .double(40), "gen_ai.request.stop_sequences": .array([.string("END")]),
        "gen_ai.request.seed": .int(7), "gen_ai.request.stream": .bool(true), "gen_ai.conversation.id": .string("c1"),
        "server.address": .string("api.example.com"), "server.port": .int(443), "gen_ai.response.id": .string("r1"),
        "gen_ai.response.model": .string("gpt-5-2026"), "gen_ai.response.finish_reasons": .array([.string("stop")]),
        "gen_ai.usage.input_tokens": .int(100), "gen_ai.usage.output_tokens": .int(20),
        "gen_ai.usage.cache_read.input_tokens": .int(60), "gen_ai.usage.cache_creation.input_tokens": .int(5),
        "gen_ai.usage.reasoning.output_tokens": .int(8),
    ]

    @Test func anotherTracerGetsTheSameAttributes() async throws {
        let spans = await spansOnBothTracers { await work($0) }
        #expect(spans.count == 4)
    }

    @Test func errorsAreRecordedAndThrownOn() async throws {
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer()
        await #expect(throws: RateLimited.self) {
            try await withModelCall(ModelRequest(model: "m", provider: "p"), tracer: tracer) { _ in
                throw RateLimited()
            }
        }
        await #expect(throws: CancellationError.self) {
            try await withTool("t", tracer: tracer) { _ in throw CancellationError() }
        }
        let call = try #require(exporter.spans(named: "chat m").first)
        #expect(call.attributes["error.type"] == .string("429"))
        #expect(call.status == .error("RateLimited()"))
        #expect(call.events.map(\.name) == ["exception"])
        let tool = try #require(exporter.spans(named: "execute_tool t").first)
        #expect(tool.attributes["skein.cancelled"] == .bool(true) && tool.attributes["error.type"] == nil)
        #expect(tool.events.isEmpty && tool.status == .unset, "who cancels has not failed")
    }

    @Test func errorsReachAnotherTracerToo() async throws {
        let plain = PlainTracer()
        await #expect(throws: RateLimited.self) {
            try await withAgent("a", tracer: plain) { _ in throw RateLimited() }
        }
        let span = try #require(plain.spans.first)
        #expect(span.attributes.get("error.type") == .string("429"))
        #expect(span.errorCount == 1 && span.status?.code == .error && span.hasEnded)
    }

    @Test func resultsComeBackAndUnsampledAgentsStillRun() async throws {
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer { $0.sampler = AlwaysOffSampler() }
        let answer = await withAgent("quiet", tracer: tracer) { agent in
            agent.recordUsage(TokenUsage(inputTokens: 1))
            return await withTool("t", tracer: tracer) { _ in 42 }
        }
        #expect(answer == 42)
        #expect(exporter.spans.isEmpty)
    }

    @Test func concurrentToolsAreSiblings() async throws {
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer()
        await withAgent("parallel", tracer: tracer) { _ in
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<10 {
                    group.addTask { await withTool("t\(number)", tracer: tracer) { _ in } }
                }
            }
        }
        let agent = try #require(exporter.spans(named: "invoke_agent parallel").first)
        #expect(exporter.spans.count { $0.parentSpanID == agent.spanID } == 10)
    }
}
