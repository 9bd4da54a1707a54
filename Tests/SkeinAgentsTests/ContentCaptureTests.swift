import Skein
import SkeinAgents
import SkeinTesting
import Synchronization
import Testing
import Tracing

@Suite(.serialized) struct ContentCaptureTests {
    /// Gives content of every kind to the helpers.
    private func converse(_ tracer: any Tracer, _ said: (String) -> String = { $0 }) async {
        await withModelCall(ModelRequest(model: "m", provider: "p"), tracer: tracer) { call in
            call.recordSystemInstructions(said("be brief"))
            call.recordInput([
                ChatMessage(role: "user", said("weather?")),
                ChatMessage(
                    role: "assistant",
                    parts: [.reasoning("hm"), .toolCall(id: "c1", name: "weather", arguments: #"{"city": "Paris"}"#)]),
                ChatMessage(role: "tool", parts: [.toolCallResponse(id: "c1", result: "rainy, \"57\u{B0}F\"")]),
            ])
            call.recordOutput([ChatMessage(role: "assistant", said("Rain."), finishReason: "stop")])
            call.recordTools([
                ToolDefinition(name: said("weather"), description: "d", parameters: #"{"type":"object"}"#)
            ])
        }
        await withTool("weather", tracer: tracer) { tool in
            tool.recordArguments(said(#"{"city":"Paris"}"#))
            tool.recordResult(said(#"{"sky":"rain"}"#))
        }
        await withRetrieval(RetrievalRequest(dataSourceID: "s"), tracer: tracer) { retrieval in
            retrieval.recordQuery(said("rain"))
            retrieval.recordDocuments([RetrievedDocument(id: "d1", score: 0.5, content: "wet")])
        }
        await withMemory(.search, tracer: tracer) { memory in
            memory.recordQuery(said("rain"))
            memory.recordRecords([MemoryRecord(id: "m1", content: "likes rain", score: 1)])
        }
    }

    @Test func nothingIsRecordedOrEvenPutTogetherByDefault() async {
        let evaluations = Mutex(0)
        let spans = await spansOnBothTracers { tracer in
            await converse(tracer) { text in
                evaluations.withLock { $0 += 1 }
                return text
            }
        }
        #expect(evaluations.withLock { $0 } == 0)
        let content = Set(ContentKind.allCases.map { "skein.content.\($0.rawValue).bytes" }).union([
            "gen_ai.system_instructions", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.tool.definitions",
            "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.retrieval.query.text",
            "gen_ai.retrieval.documents", "gen_ai.memory.query.text", "gen_ai.memory.records",
        ])
        for span in spans { #expect(content.isDisjoint(with: span.attributes.keys), "\(span.name)") }
    }

    @Test func contentHasTheFormOfTheConventionsWhenItIsOn() async throws {
        let spans = await spansOnBothTracers { tracer in
            await withContentCapture(ContentCapture(isEnabled: true)) { await converse(tracer) }
        }
        let call = try spans.only("chat m").attributes
        #expect(call["gen_ai.system_instructions"] == .string(#"[{"type":"text","content":"be brief"}]"#))
        #expect(
            call["gen_ai.input.messages"]
                == .string(
                    #"[{"role":"user","parts":[{"type":"text","content":"weather?"}]},"#
                        + #"{"role":"assistant","parts":[{"type":"reasoning","content":"hm"},"#
                        + #"{"type":"tool_call","id":"c1","name":"weather","arguments":{"city": "Paris"}}]},"#
                        + #"{"role":"tool","parts":[{"type":"tool_call_response","id":"c1","#
                        + #""response":"rainy, \"57\#u{B0}F\""}]}]"#))
        #expect(
            call["gen_ai.output.messages"]
                == .string(
                    #"[{"role":"assistant","parts":[{"type":"text","content":"Rain."}],"finish_reason":"stop"}]"#))
        #expect(
            call["gen_ai.tool.definitions"]
                == .string(
                    #"[{"type":"function","name":"weather","description":"d","parameters":{"type":"object"}}]"#))
        let tool = try spans.only("execute_tool weather").attributes
        #expect(tool["gen_ai.tool.call.arguments"] == .string(#"{"city":"Paris"}"#))
        #expect(tool["gen_ai.tool.call.result"] == .string(#"{"sky":"rain"}"#))
        let retrieval = try spans.only("retrieval s").attributes
        #expect(retrieval["gen_ai.retrieval.query.text"] == .string("rain"))
        #expect(retrieval["gen_ai.retrieval.documents"] == .string(#"[{"id":"d1","score":0.5,"content":"wet"}]"#))
        let memory = try spans.only("search_memory").attributes
        #expect(memory["gen_ai.memory.query.text"] == .string("rain"))
        #expect(memory["gen_ai.memory.records"] == .string(#"[{"content":"likes rain","id":"m1","score":1}]"#))
    }

    @Test func redactionSeesEachTextWithItsKindAndMayWithholdIt() async throws {
        let kinds = Mutex<[ContentKind]>([])
        let capture = ContentCapture(isEnabled: true) { kind, text in
            kinds.withLock { $0.append(kind) }
            return kind == .toolResult ? nil : text.replacing("Paris", with: "[city]")
        }
        let exporter = InMemorySpanExporter()
        await withContentCapture(capture) {
            await withTool("weather", tracer: exporter.tracer()) { tool in
                tool.recordArguments(#"{"city":"Paris"}"#)
                tool.recordResult("secret")
            }
        }
        let span = try #require(exporter.spans.first)
        #expect(span.attributes["gen_ai.tool.call.arguments"] == .string(#"{"city":"[city]"}"#))
        #expect(span.attributes["gen_ai.tool.call.result"] == nil)
        #expect(kinds.withLock { $0 } == [.toolArguments, .toolResult])
    }

    @Test func agentsHaveAConversationOfTheirOwn() async throws {
        let spans = await spansOnBothTracers { tracer in
            await withContentCapture(ContentCapture(isEnabled: true)) {
                await withAgent("a", tracer: tracer) { agent in
                    agent.recordContent(.inputMessages, json: "[]")
                    agent.recordOutput([ChatMessage(role: "assistant", "done")])
                }
            }
        }
        let attributes = try spans.only("invoke_agent a").attributes
        #expect(attributes["gen_ai.input.messages"] == .string("[]"))
        #expect(
            attributes["gen_ai.output.messages"]
                == .string(#"[{"role":"assistant","parts":[{"type":"text","content":"done"}]}]"#))
    }

    @Test func spansThatAreNotSampledEvaluateNothing() async {
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer { $0.sampler = AlwaysOffSampler() }
        await withContentCapture(ContentCapture(isEnabled: true)) {
            await converse(tracer) { text in
                Issue.record("evaluated")
                return text
            }
        }
        #expect(exporter.spans.isEmpty)
    }

    @Test func evaluationsExplainThemselvesOnlyWhereContentIsOn() async throws {
        let exporter = InMemorySpanExporter()
        await withContentCapture(ContentCapture(isEnabled: true, bytesMax: 3)) {
            await withTool("t", tracer: exporter.tracer()) {
                $0.recordEvaluation(Evaluation("q", label: "fail", explanation: "because"))
            }
        }
        let event = try #require(exporter.spans.first?.events.first)
        #expect(event.attributes["gen_ai.evaluation.explanation"] == .string("bec"))
        #expect(event.attributes["skein.content.evaluation_explanation.bytes"] == .int(7))
    }

    @Test(
        arguments: [
            (nil, false), ("", false), ("false", false), ("no_content", false), ("event_only", false), ("yes", false),
            ("true", true), ("TRUE", true), ("span_only", true), ("SPAN_AND_EVENT", true),
        ] as [(String?, Bool)])
    func theEnvironmentTurnsItOnByTheNamesInUse(_ value: String?, _ expected: Bool) {
        #expect(ContentCapture(environment: value).isEnabled == expected)
    }

    @Test func theProcessSwitchHoldsWhereNothingOverridesIt() async throws {
        let before = ContentCapture.current
        // On a key of its own kind only, so that suites that run meanwhile see no difference.
        ContentCapture.configure(ContentCapture(isEnabled: true) { _, text in text == "switch" ? text : nil })
        defer { ContentCapture.configure(before) }
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer()
        await withTool("on", tracer: tracer) { $0.recordArguments("switch") }
        await withContentCapture(.off) { await withTool("off", tracer: tracer) { $0.recordArguments("switch") } }
        #expect(exporter.spans.map { $0.attributes["gen_ai.tool.call.arguments"] } == [.string("switch"), nil])
    }
}
