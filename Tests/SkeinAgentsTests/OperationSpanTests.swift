import Skein
import SkeinAgents
import SkeinTesting
import Testing
import Tracing

/// The spans of the helpers other than agent, model call and tool.
@Suite struct OperationSpanTests {
    @Test func aWorkflowIsAnInternalSpan() async throws {
        let spans = await spansOnBothTracers { tracer in
            await withWorkflow("onboarding", conversationID: "c1", tracer: tracer) { workflow in
                workflow.span.attributes["steps"] = 2
            }
        }
        let span = try spans.only("invoke_workflow onboarding")
        #expect(span.kind == .internal && span.status == .unset)
        #expect(
            span.attributes == [
                "gen_ai.operation.name": .string("invoke_workflow"), "gen_ai.workflow.name": .string("onboarding"),
                "gen_ai.conversation.id": .string("c1"), "steps": .int(2),
            ])
    }

    @Test func aRetrievalCountsDocumentsAndKeepsTheirTextOut() async throws {
        let spans = await spansOnBothTracers { tracer in
            var request = RetrievalRequest(dataSourceID: "papers", topK: 5, provider: "openai", model: "embed-1")
            request.serverAddress = "search.example.com"
            request.serverPort = 9200
            await withRetrieval(request, tracer: tracer) { retrieval in
                retrieval.recordQuery("who wrote it")
                retrieval.recordDocuments([RetrievedDocument(id: "d1", score: 0.5, content: "text")])
            }
        }
        let span = try spans.only("retrieval papers")
        #expect(span.kind == .client)
        #expect(
            span.attributes == [
                "gen_ai.operation.name": .string("retrieval"), "gen_ai.data_source.id": .string("papers"),
                "gen_ai.request.top_k": .double(5), "gen_ai.provider.name": .string("openai"),
                "gen_ai.request.model": .string("embed-1"), "server.address": .string("search.example.com"),
                "server.port": .int(9200), "skein.retrieval.document_count": .int(1),
            ])
    }

    @Test(arguments: zip(MemoryOperation.allCases, ["create", "update", "upsert", "search", "delete"]))
    func aMemorySpanIsNamedByItsOperation(_ operation: MemoryOperation, _ word: String) async throws {
        let spans = await spansOnBothTracers { tracer in
            await withMemory(operation, storeID: "s1", recordID: "m1", provider: "acme", tracer: tracer) { memory in
                memory.recordQuery("diet")
                memory.recordRecords([MemoryRecord(content: "vegetarian"), MemoryRecord(content: "tea")])
            }
        }
        let span = try spans.only("\(word)_memory")
        #expect(span.kind == .client)
        #expect(
            span.attributes == [
                "gen_ai.operation.name": .string("\(word)_memory"), "gen_ai.memory.store.id": .string("s1"),
                "gen_ai.memory.record.id": .string("m1"), "gen_ai.provider.name": .string("acme"),
                "gen_ai.memory.record.count": .int(2),
            ])
    }

    @Test func anEmbeddingSaysWhatWasAskedAndUsed() async throws {
        let spans = await spansOnBothTracers { tracer in
            var request = EmbeddingRequest(
                model: "embed-3", provider: GenAI.Provider.openAI, dimensionCount: 256, encodingFormats: ["float"])
            request.serverAddress = "api.example.com"
            request.serverPort = 443
            await withEmbedding(request, tracer: tracer) { $0.recordResponse(model: "embed-3-small", inputTokens: 12) }
        }
        let span = try spans.only("embeddings embed-3")
        #expect(span.kind == .client)
        #expect(
            span.attributes == [
                "gen_ai.operation.name": .string("embeddings"), "gen_ai.provider.name": .string("openai"),
                "gen_ai.request.model": .string("embed-3"), "gen_ai.embeddings.dimension.count": .int(256),
                "gen_ai.request.encoding_formats": .array([.string("float")]),
                "server.address": .string("api.example.com"), "server.port": .int(443),
                "gen_ai.response.model": .string("embed-3-small"), "gen_ai.usage.input_tokens": .int(12),
            ])
    }

    @Test func anAgentThatIsCreatedGetsItsID() async throws {
        let spans = await spansOnBothTracers { tracer in
            let agent = AgentDescription(
                name: "tutor", purpose: "teaches", version: "1", provider: GenAI.Provider.openAI, model: "gpt-5")
            await withAgentCreation(agent, systemInstructions: "be kind", tracer: tracer) { $0.recordID("asst_1") }
        }
        let span = try spans.only("create_agent tutor")
        #expect(span.kind == .client)
        #expect(
            span.attributes == [
                "gen_ai.operation.name": .string("create_agent"), "gen_ai.provider.name": .string("openai"),
                "gen_ai.agent.name": .string("tutor"), "gen_ai.agent.id": .string("asst_1"),
                "gen_ai.agent.description": .string("teaches"), "gen_ai.agent.version": .string("1"),
                "gen_ai.request.model": .string("gpt-5"),
            ])
    }

    @Test func evaluationsAreEventsOfTheSpanTheyJudge() async throws {
        let spans = await spansOnBothTracers { tracer in
            await withModelCall(ModelRequest(model: "m", provider: "p"), tracer: tracer) { call in
                call.recordEvaluation(
                    Evaluation("Relevance", score: 0.8, label: "pass", explanation: "quotes", responseID: "r1"))
                call.recordEvaluation(Evaluation("Toxicity", errorType: "timeout"))
            }
        }
        let events = try spans.only("chat m").events
        #expect(events.map(\.name) == ["gen_ai.evaluation.result", "gen_ai.evaluation.result"])
        #expect(
            events[0].attributes == [
                "gen_ai.evaluation.name": .string("Relevance"), "gen_ai.evaluation.score.value": .double(0.8),
                "gen_ai.evaluation.score.label": .string("pass"), "gen_ai.response.id": .string("r1"),
            ])
        #expect(
            events[1].attributes == [
                "gen_ai.evaluation.name": .string("Toxicity"), "error.type": .string("timeout"),
            ])
    }

    @Test func promptsAreNamedOnTheCallThatUsesThem() async throws {
        let spans = await spansOnBothTracers { tracer in
            var request = ModelRequest(model: "m", provider: "p")
            request.promptName = "summary"
            request.promptVersion = "4"
            request.frequencyPenalty = 0.5
            request.presencePenalty = -0.5
            request.choiceCount = 2
            request.outputType = GenAI.OutputType.json
            await withModelCall(request, tracer: tracer) { _ in }
        }
        #expect(
            try spans.only("chat m").attributes == [
                "gen_ai.operation.name": .string("chat"), "gen_ai.provider.name": .string("p"),
                "gen_ai.request.model": .string("m"), "gen_ai.prompt.name": .string("summary"),
                "gen_ai.prompt.version": .string("4"), "gen_ai.request.frequency_penalty": .double(0.5),
                "gen_ai.request.presence_penalty": .double(-0.5), "gen_ai.request.choice.count": .int(2),
                "gen_ai.output.type": .string("json"),
            ])
    }
}
