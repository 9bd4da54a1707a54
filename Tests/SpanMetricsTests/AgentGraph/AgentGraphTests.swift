import FileFaults
import OTLP
import SpanMetrics
import Testing
import TraceFixtures
import TraceStorage

@Suite struct AgentGraphTests {
    private static func store(_ batches: [[SpanFixture]]) throws -> InMemoryStore {
        let store = InMemoryStore()
        for (index, spans) in batches.enumerated() {
            try store.append(try .of(spans, position: UInt64(index + 1)))
        }
        return store
    }

    private static func graph(
        _ spans: [SpanFixture], range: TimeRange = .all, _ change: (inout AgentGraphQuery) -> Void = { _ in },
        context: QueryContext = QueryContext()
    ) throws -> AgentGraph {
        var query = AgentGraphQuery(range: range)
        change(&query)
        return try query.run(on: try store([spans]), costs: CostModel(), context: context)
    }

    private static func agent(
        _ name: String, id: UInt64, parent: UInt64 = 0, service: String = "desk",
        _ change: (inout SpanFixture) -> Void = { _ in }
    ) -> SpanFixture {
        SpanFixture("invoke_agent \(name)", service: service, id: id, parent: parent).with {
            $0.kind = 1
            $0.scope = "sdk"
            $0.attributes = [KeyValue("gen_ai.operation.name", .string("invoke_agent"))]
            change(&$0)
        }
    }

    private static func counts(_ graph: AgentGraph) -> [String: UInt64] {
        var result: [String: UInt64] = [:]
        for (link, sum) in graph.links { result["\(link.from.id) \(link.kind) \(link.to.id)"] = sum.count }
        return result
    }

    // MARK: truth

    @Test func everythingIsCountedOnceInAnyOrderOfArrival() throws {
        let seed = UInt64.random(in: 0...(.max))
        print("AgentGraphTests seed \(seed)")
        let scenario = AgentGraphScenario(seed: seed, traces: 150)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<3 {
            var batches: [[SpanFixture]] = []
            var rest = scenario.spans.shuffled(using: &random)
            while !rest.isEmpty {
                let count = min(rest.count, .random(in: 1...200, using: &random))
                batches.append(Array(rest.suffix(count)))
                rest.removeLast(count)
            }
            let graph = try AgentGraphQuery(range: .all).run(on: try Self.store(batches), costs: CostModel())
            #expect(Set(graph.links.keys) == Set(scenario.truth.keys))
            for (link, truth) in scenario.truth {
                let sum = try #require(graph.links[link])
                #expect(sum.count == truth.count && sum.errors == truth.errors, "\(link)")
                #expect(sum.usage.tokens.input == truth.input && sum.usage.tokens.output == truth.output, "\(link)")
                let sorted = truth.nanoseconds.sorted()
                for share in [0.5, 0.95] {
                    let exact = Double(sorted[Int((share * Double(sorted.count)).rounded(.up)) - 1])
                    #expect(abs(Double(sum.quantileNanoseconds(share)) - exact) <= exact / 100)
                }
            }
            for (agent, count) in scenario.invocations {
                #expect(graph.nodes[AgentGraphNode(.agent, agent)]?.count == count)
            }
            #expect(graph.orphans == scenario.orphans && graph.traces == 150)
            #expect(graph.partialReasons.isEmpty)
        }
    }

    @Test func tokensAndCostAreThoseOfUsage() throws {
        let seed = UInt64.random(in: 0...(.max))
        print("AgentGraphTests seed \(seed)")
        let spans = AgentGraphScenario(seed: seed, traces: 80).spans + ModelCallScenario(seed: seed, traces: 80).spans
        let disk = MemoryFileSystem()
        let metrics = GenAIMetrics(
            GenAIConfiguration(), costs: CostModel(), log: UsageLog(directory: "usage", files: disk))
        try metrics.open()
        metrics.record(try .of(spans, position: 1))
        let graph = try Self.graph(spans)
        for (key, kind) in [(UsageQuery.Key.agent, AgentGraphNode.Kind.agent), (.model, .model)] {
            let usage = try UsageQuery(range: .all, by: [key]).run(on: metrics) { () throws(StorageError) in }
            var expected: [String: UsageSum] = [:]
            for row in usage.rows { expected[row.key[0]] = row.sum }
            let found = graph.nodes.filter {
                $0.key.kind == kind && ($0.value.usage.calls > 0 || !$0.value.usage.tokens.isEmpty)
            }
            #expect(Set(found.keys.map(\.name)) == Set(expected.keys))
            for (node, sum) in found {
                let row = try #require(expected[node.name])
                #expect(sum.usage.calls == row.calls && sum.usage.errors == row.errors)
                #expect(sum.usage.tokens == row.tokens && sum.usage.costSource == row.costSource)
                #expect(abs(sum.usage.cost - row.cost) <= 1e-9 * max(1, row.cost))
            }
            #expect(graph.total.calls == usage.total.sum.calls && graph.total.tokens == usage.total.sum.tokens)
        }
    }

    // MARK: who invoked

    @Test func anAgentThatInvokesItselfIsALinkToItselfAndAWrapperIsNot() throws {
        let again = try Self.graph([
            Self.agent("a", id: 1), Self.agent("a", id: 2, parent: 1), Self.agent("a", id: 3, parent: 2),
        ])
        #expect(Self.counts(again) == ["service:desk call agent:a": 1, "agent:a call agent:a": 2])
        let wrapped = try Self.graph([
            Self.agent("a", id: 1) { $0.scope = "framework" }, Self.agent("a", id: 2, parent: 1),
        ])
        #expect(Self.counts(wrapped) == ["service:desk call agent:a": 1])
        // The span of the caller and that of the agent that runs elsewhere.
        let remote = try Self.graph([
            Self.agent("a", id: 1) { $0.kind = 3 }, Self.agent("a", id: 2, parent: 1, service: "other"),
        ])
        #expect(Self.counts(remote) == ["service:desk call agent:a": 1])
        let elsewhere = try Self.graph([
            Self.agent("a", id: 1), Self.agent("a", id: 2, parent: 1, service: "other"),
        ])
        #expect(Self.counts(elsewhere) == ["service:desk call agent:a": 1, "agent:a call agent:a": 1])
    }

    @Test func loopsOfParentsEnd() throws {
        let agents = try Self.graph(
            (1...3).map { id in Self.agent("a", id: id, parent: id % 3 + 1) { $0.scope = "\(id)" } })
        #expect(Self.counts(agents) == ["agent:a call agent:a": 3])
        let own = try Self.graph([Self.agent("a", id: 1, parent: 1)])
        #expect(Self.counts(own) == ["service:desk call agent:a": 1] && own.orphans == 1)
    }

    @Test func whoHandedOverWorkCountsInsteadOfWhoRanIt() throws {
        let trace = TraceID(high: 1, low: 1)
        let spans = [
            Self.agent("boss", id: 1), Self.agent("first", id: 2, parent: 1),
            Self.agent("second", id: 3, parent: 1) {
                $0.links = [SpanFixture.Link(trace, SpanID(2))]
            },
            Self.agent("third", id: 4, parent: 1) {
                let name = [KeyValue("gen_ai.agent.name", .string("elsewhere"))]
                // Of a span that is no agent's nothing is known, and neither of one of another trace.
                $0.links = [
                    SpanFixture.Link(TraceID(high: 8, low: 8), SpanID(2), attributes: name),
                    SpanFixture.Link(TraceID(high: 8, low: 8), SpanID(2)), SpanFixture.Link(trace, SpanID(99)),
                ]
            },
            Self.agent("fourth", id: 5, parent: 1) { $0.links = [SpanFixture.Link(trace, SpanID(99))] },
        ]
        let graph = try Self.graph(spans)
        #expect(
            Self.counts(graph) == [
                "service:desk call agent:boss": 1, "agent:boss call agent:first": 1,
                "agent:first handoff agent:second": 1, "agent:elsewhere handoff agent:third": 1,
                "agent:boss call agent:fourth": 1,
            ])
        #expect(graph.nodes[AgentGraphNode(.agent, "elsewhere")]?.count == 0)
    }

    @Test func theGraphThatSpansDescribeSaysWhoHandedOver() throws {
        func agent(_ name: String, id: UInt64, parent: UInt64, node: String, below: String) -> SpanFixture {
            SpanFixture(name, service: "desk", id: id, parent: parent).with {
                $0.attributes = [
                    KeyValue("openinference.span.kind", .string("AGENT")), KeyValue("agent.name", .string(name)),
                    KeyValue("graph.node.id", .string(node)),
                ]
                if !below.isEmpty { $0.attributes.append(KeyValue("graph.node.parent_id", .string(below))) }
            }
        }
        let graph = try Self.graph([
            agent("boss", id: 1, parent: 0, node: "n1", below: ""),
            agent("first", id: 2, parent: 1, node: "n2", below: "n1"),
            agent("second", id: 3, parent: 1, node: "n3", below: "n2"),
        ])
        #expect(
            Self.counts(graph) == [
                "service:desk call agent:boss": 1, "agent:boss call agent:first": 1,
                "agent:first handoff agent:second": 1,
            ])
    }

    @Test func whatHasNoNameIsThereAllTheSame() throws {
        let nameless = SpanFixture("", service: nil, id: 1).with {
            $0.attributes = [KeyValue("openinference.span.kind", .string("AGENT"))]
        }
        let tool = SpanFixture("", service: nil, id: 2, parent: 1).with {
            $0.attributes = [KeyValue("openinference.span.kind", .string("TOOL"))]
        }
        let call = SpanFixture("", service: nil, id: 3, parent: 1).with {
            $0.attributes = [KeyValue("openinference.span.kind", .string("LLM"))]
        }
        let graph = try Self.graph([nameless, tool, call])
        #expect(
            Self.counts(graph) == ["service: call agent:": 1, "service: tool tool:": 1, "service: model model:": 1])
    }

    @Test func aSampledSpanCountsAsManyAsItStandsFor() throws {
        let spans = [
            Self.agent("a", id: 1), Self.agent("b", id: 2, parent: 1),
        ].map { span in span.with { $0.traceState = "ot=th:c" } }
        let graph = try Self.graph(spans)
        #expect(Self.counts(graph) == ["service:desk call agent:a": 4, "agent:a call agent:b": 4])
    }

    // MARK: what is read

    @Test func onlyWhatBeganInTheRangeCounts() throws {
        let spans = (1...9).map { id in
            Self.agent("a\(id)", id: id, parent: id - 1) { ($0.start, $0.end) = (id * 100, 2_000) }
        }
        let graph = try Self.graph(spans, range: TimeRange(start: 300, end: 500))
        #expect(Self.counts(graph) == ["agent:a2 call agent:a3": 1, "agent:a3 call agent:a4": 1])
    }

    @Test func aConditionSelectsTraces() throws {
        let spans = (1...4).map { id in
            Self.agent("a\(id)", id: id) {
                $0.traceID = TraceID(high: 1, low: id)
                $0.attributes.append(KeyValue("user.id", .int(Int64(id % 2))))
            }
        }
        let graph = try Self.graph(spans) {
            $0.predicate = .compare(.attribute(.span, key: "user.id"), .equal, .int(1))
        }
        #expect(Set(graph.nodes.keys.map(\.name)) == ["desk", "a1", "a3"] && graph.traces == 2)
    }

    @Test func ofTooManyTracesTheNewestCountAndTheAnswerSaysSo() throws {
        let spans = (1...40).map { id in
            Self.agent("a\(id)", id: id) {
                $0.traceID = TraceID(high: 1, low: id)
                ($0.start, $0.end) = (id * 7919 % 41, 2_000)
            }
        }
        let newest = Set(spans.sorted { $0.start > $1.start }.prefix(5).map { "a\($0.traceID.low)" })
        let graph = try Self.graph(spans) { $0.tracesMax = 5 }
        #expect(Set(graph.nodes.keys.filter { $0.kind == .agent }.map(\.name)) == newest)
        #expect(graph.traces == 5 && graph.partialReasons.count == 1)
        #expect(try Self.graph(spans) { $0.tracesMax = 40 }.partialReasons.isEmpty)
    }

    @Test func aTraceThatIsTooLargeIsLeftOutAndTheAnswerSaysSo() throws {
        let large = (1...500).map { id in Self.agent("large", id: id, parent: id - 1) }
        let small = Self.agent("small", id: 1) { $0.traceID = TraceID(high: 4, low: 4) }
        // The scan hands out as many rows, too.
        let graph = try Self.graph(
            large + [small], { $0.predicate = .not(.exists(.parentSpanID)) }, context: QueryContext(rowsMax: 100))
        #expect(Set(graph.nodes.keys.map(\.name)) == ["desk", "small"])
        #expect(graph.partialReasons == ["1 traces are too large to be read"])
    }

    @Test func aLargeTraceIsReadWhole() throws {
        var spans = [Self.agent("root", id: 1)]
        for id in 2...30_000 as ClosedRange<UInt64> {
            spans.append(
                id % 3 == 0
                    ? Self.agent("a\(id % 50)", id: id, parent: id / 7 + 1)
                    : SpanFixture("step", service: "desk", id: id, parent: id / 2))
        }
        let graph = try Self.graph(spans)
        let agents = spans.count { $0.scope == "sdk" }
        #expect(graph.nodes.filter { $0.key.kind == .agent }.values.reduce(0) { $0 + $1.count } == UInt64(agents))
        #expect(graph.orphans == 0)
    }

    @Test func moreLinksThanAPictureHoldsAreLeftOutButTheTotalIsWhole() throws {
        let spans = (1...2_500).map { id in
            SpanFixture("chat", service: "s\(id)", id: id).with {
                $0.traceID = TraceID(high: 1, low: id)
                $0.attributes = [
                    KeyValue("gen_ai.operation.name", .string("chat")), KeyValue("gen_ai.request.model", .string("m")),
                ]
            }
        }
        let graph = try Self.graph(spans)
        #expect(graph.links.count == AgentGraph.linksMax && graph.total.calls == 2_500)
        #expect(graph.isTruncated && graph.partialReasons.count == 1)
    }
}
