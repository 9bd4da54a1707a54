import Skein
import SkeinTesting
import Testing

/// What the spans of one question say, beyond their shape.
@Suite struct TraceContentTests {
    @Test func everyOperationSaysWhomItIsForAndWhichVariantItBelongsTo() async throws {
        let trace = try await DeskTrace()
        let operations = trace.spans.filter { $0.attributes["gen_ai.operation.name"] != nil }
        #expect(Set(operations.map(\.service)) == ["gateway", "worker"])
        let expected: [String: AttributeValue] = [
            "user.id": .string("ada"), "skein.attribution.department": .string("strategy"),
            "skein.attribution.application": .string("research-desk"),
            "gen_ai.conversation.id": .string("conversation-7"),
        ]
        for span in operations {
            #expect(SpanExpectation(attributes: expected).mismatches(in: span) == [])
        }
        let variants = Set(operations.map { $0.text("skein.experiment.writer-prompt") })
        try #require(variants.count == 1)
        let version = variants == ["brief"] ? "3" : "4"
        #expect(try writing(in: trace).text("gen_ai.prompt.version") == version)
    }

    @Test func answerIsStreamedAndEvaluated() async throws {
        let trace = try await DeskTrace()
        let call = try writing(in: trace)
        #expect(call.attributes["gen_ai.request.stream"] == .bool(true))
        #expect(call.attributes["skein.stream.outcome"] == .string("completed"))
        #expect(call.integer("skein.stream.chunk_count") ?? 0 > 5, "the chunks came one by one")
        #expect(call.attributes["gen_ai.response.time_to_first_chunk"] != nil)
        let evaluations = try trace.only("invoke_workflow answer_question").events
        #expect(evaluations.map(\.name) == Array(repeating: "gen_ai.evaluation.result", count: 2))
        #expect(
            evaluations.map { $0.attributes["gen_ai.evaluation.name"] } == [
                .string("groundedness"), .string("completeness"),
            ])
        #expect(
            evaluations.allSatisfy { $0.attributes["gen_ai.response.id"] == call.attributes["gen_ai.response.id"] })
    }

    @Test func databaseIsAskedForWhatTheCacheDoesNotKnow() async throws {
        let trace = try await DeskTrace()
        let tools = trace.spans(named: "execute_tool look_up_facts")
        var hits: [Bool] = []
        for tool in tools {
            let children = trace.children(of: tool)
            let search = try #require(children.first { $0.name == "search_memory" })
            guard case .bool(let isHit) = search.attributes["cache.hit"] else {
                Issue.record("no cache.hit on \(search)")
                continue
            }
            hits.append(isHit)
            let selects = children.filter { $0.name == "SELECT facts" }
            #expect(selects.count == (isHit ? 0 : 1))
            #expect(
                selects.allSatisfy { $0.kind == .client && $0.attributes["db.collection.name"] == .string("facts") })
        }
        #expect(Set(hits) == [true, false], "with this seed there is both")
        let documents = trace.spans(named: "retrieval papers")
        #expect(!documents.isEmpty)
        #expect(documents.allSatisfy { trace.parent(of: $0)?.name == "execute_tool fetch_document" })
    }

    @Test func contextGoesToTheMCPServerInTheMetadata() async throws {
        let trace = try await DeskTrace()
        let calls = trace.spans(named: "tools/call get_citation").filter { $0.kind == .client }
        #expect(!calls.isEmpty)
        for call in calls {
            #expect(trace.parent(of: call)?.name == "invoke_agent researcher")
            let below = trace.children(of: call)
            let request = try #require(below.first { $0.name == "POST /mcp" })
            let served = try #require(below.first { $0.name == call.name })
            #expect(below.count == 2)
            #expect(served.kind == .server && served.links.map(\.spanID) == [request.spanID])
            #expect(served.attributes["jsonrpc.request.id"] == call.attributes["gen_ai.tool.call.id"])
        }
    }

    /// The model call of the writer.
    private func writing(in trace: DeskTrace) throws -> RecordedSpan {
        let agent = try trace.only("invoke_agent writer")
        return try #require(trace.children(of: agent).first)
    }
}
