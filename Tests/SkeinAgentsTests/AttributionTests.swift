import Skein
import SkeinAgents
import SkeinTesting
import Testing
import Tracing

@Suite struct AttributionTests {
    @Test func everySpanBelowSaysOnWhoseBehalfItIs() async throws {
        let spans = await spansOnBothTracers { tracer in
            await withAttribution(
                user: "u1", department: "research", application: "desk", tenant: "t1", environment: "staging",
                conversation: "c1"
            ) {
                await withAgent("a", tracer: tracer) { _ in
                    await withModelCall(ModelRequest(model: "m", provider: "p"), tracer: tracer) { _ in }
                    await withTool("t", tracer: tracer) { _ in }
                }
            }
            await withTool("outside", tracer: tracer) { _ in }
        }
        let stamped: [String: AttributeValue] = [
            "user.id": .string("u1"), "skein.attribution.department": .string("research"),
            "skein.attribution.application": .string("desk"), "skein.attribution.tenant": .string("t1"),
            "skein.attribution.environment": .string("staging"), "gen_ai.conversation.id": .string("c1"),
        ]
        for name in ["invoke_agent a", "chat m", "execute_tool t"] {
            #expect(SpanExpectation(attributes: stamped).mismatches(in: try spans.only(name)) == [])
        }
        let outside = try spans.only("execute_tool outside").attributes
        #expect(
            outside == ["gen_ai.operation.name": .string("execute_tool"), "gen_ai.tool.name": .string("outside")])
    }

    @Test func itCrossesProcessesInBaggage() async throws {
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer()
        var headers: [String: String] = [:]
        await withAttribution(user: "ü, 1", department: "r&d") {
            await withTool("call", tracer: tracer) { tool in
                tracer.inject(tool.span.context, into: &headers, using: MCPMetadata.MetadataInjector())
            }
        }
        #expect(headers["baggage"] == "user.id=%C3%BC%2C%201,skein.attribution.department=r&d")
        var context = ServiceContext.topLevel
        tracer.extract(headers, into: &context, using: MCPMetadata.MetadataExtractor())
        await ServiceContext.$current.withValue(context) {
            await withAgent("there", tracer: tracer) { _ in }
        }
        let agent = try exporter.spans.only("invoke_agent there")
        #expect(agent.attributes["user.id"] == .string("ü, 1"))
        #expect(agent.attributes["skein.attribution.department"] == .string("r&d"))
    }

    @Test func innerAttributionAddsToOuterAndArgumentsWin() async throws {
        let spans = await spansOnBothTracers { tracer in
            await withAttribution(user: "u1", department: "a", conversation: "c1") {
                await withAttribution(user: "", department: "b") {
                    await withAgent("x", conversationID: "c2", tracer: tracer) { _ in }
                }
                await withTool("y", tracer: tracer) { _ in }
            }
        }
        let inner = try spans.only("invoke_agent x").attributes
        #expect(inner["user.id"] == .string("u1") && inner["skein.attribution.department"] == .string("b"))
        #expect(inner["gen_ai.conversation.id"] == .string("c2"))
        #expect(try spans.only("execute_tool y").attributes["skein.attribution.department"] == .string("a"))
    }

    @Test func foreignBaggageIsNotStampedAndLongValuesAreCut() async throws {
        let exporter = InMemorySpanExporter()
        var context = ServiceContext.topLevel
        var baggage = Baggage()
        baggage["secret"] = "x"
        baggage["skein.experiment."] = "x"
        baggage["skein.experiment.a!b"] = "x"
        baggage["user.id"] = String(repeating: "é", count: 200)
        for index in 0..<20 { baggage["skein.experiment.e\(index)"] = "v" }
        context.baggage = baggage
        await ServiceContext.$current.withValue(context) {
            await withTool("t", tracer: exporter.tracer()) { _ in }
        }
        let attributes = try exporter.spans.only("execute_tool t").attributes
        #expect(attributes["user.id"] == .string(String(repeating: "é", count: 128)))
        #expect(attributes["secret"] == nil && attributes["skein.experiment.a!b"] == nil)
        #expect(attributes.keys.count { $0.hasPrefix("skein.experiment.") } == 16)
    }
}
