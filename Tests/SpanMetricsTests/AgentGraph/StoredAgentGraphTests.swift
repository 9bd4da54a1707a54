import EmbeddedStore
import FileFaults
import OTLP
import SpanMetrics
import Testing
import TraceFixtures
import TraceStorage

/// Reads whole traces, one by one, whatever is asked for.
private final class WholeTraces: TraceReader {
    private let store: EmbeddedStore

    init(_ store: EmbeddedStore) { self.store = store }

    func trace(_ id: TraceID, tenant: TenantID, context: QueryContext) throws(StorageError) -> SpanBatch? {
        try store.trace(id, tenant: tenant, context: context)
    }

    func scan(_ plan: ScanPlan, context: QueryContext, _ body: (ScanRows) -> Bool) throws(StorageError) {
        try store.scan(plan, context: context, body)
    }

    func services(in range: TimeRange, tenant: TenantID, context: QueryContext) throws(StorageError) -> [String] { [] }

    func operations(
        of service: String, in range: TimeRange, tenant: TenantID, context: QueryContext
    ) throws(StorageError) -> [Operation] { [] }

    func statistics() -> StorageStatistics { store.statistics() }
}

/// Agent graphs of spans in blocks.
@Suite struct StoredAgentGraphTests {
    /// Spans of scenarios in any order of arrival, some sent twice, many traces in several blocks, the last spans in
    /// none.
    private static func store(seed: UInt64) throws -> (store: EmbeddedStore, spans: [SpanFixture]) {
        var random = SeededGenerator(seed: seed)
        let spans =
            AgentGraphScenario(seed: seed, traces: 120).spans + ModelCallScenario(seed: seed, traces: 120).spans
        var options = StoreOptions()
        options.sealSpans = 400
        options.recentSpansMax = 50
        let store = try EmbeddedStore(directory: "store", options: options, files: MemoryFileSystem())
        var rest = spans.shuffled(using: &random)
        rest += rest.filter { _ in Int.random(in: 0..<5, using: &random) == 0 }
        var position: UInt64 = 0
        while !rest.isEmpty {
            let count = min(rest.count, .random(in: 1...150, using: &random))
            position += 1
            try store.append(
                try .of(Array(rest.suffix(count)), position: position, receivedAt: 1_700_000_000_000_000_000))
            rest.removeLast(count)
        }
        return (store, spans)
    }

    private static func text(_ graph: AgentGraph) -> [String] {
        var lines = graph.nodes.map { "\($0.key) \(text($0.value))" }
        lines += graph.links.map { "\($0.key) \(text($0.value))" }
        return lines.sorted() + ["\(graph.total) \(graph.traces) \(graph.orphans) \(graph.partialReasons)"]
    }

    private static func text(_ sum: AgentGraph.Sum) -> String {
        "\(sum.count) \(sum.errors) \(sum.usage) \([0.5, 0.9, 0.95].map(sum.quantileNanoseconds))"
    }

    @Test(arguments: [false, true]) func itIsThatOfWholeTracesToTheLastDigit(isMerged: Bool) throws {
        let seed = UInt64.random(in: 0...(.max))
        print("StoredAgentGraphTests seed \(seed)")
        let (store, spans) = try Self.store(seed: seed)
        #expect(store.statistics().blocks > 4 && store.statistics().liveSpans > 0)
        if isMerged { while try store.merge() {} }
        let times = spans.map(\.start).sorted()
        for range in [.all, TimeRange(start: times[times.count / 4], end: times[times.count / 2])] {
            var query = AgentGraphQuery(range: range)
            for predicate in [nil, SpanPredicate.compare(.statusCode, .equal, .int(2))] {
                query.predicate = predicate
                let graph = try query.run(on: store, costs: CostModel())
                #expect(graph.traces > 0 && !graph.links.isEmpty)
                #expect(Self.text(graph) == Self.text(try query.run(on: WholeTraces(store), costs: CostModel())))
            }
        }
        let scenario = AgentGraphScenario(seed: seed, traces: 120)
        let graph = try AgentGraphQuery(range: .all).run(on: store, costs: CostModel())
        for (agent, count) in scenario.invocations {
            let known = graph.nodes[AgentGraphNode(.agent, agent)]?.count ?? 0
            #expect(known >= count, "\(agent)")
        }
    }

    /// What is kept from trace to trace goes when there is no room for it.
    @Test func littleMemoryIsEnoughAndAllOfItIsGivenBack() throws {
        let (store, _) = try Self.store(seed: 1)
        let query = AgentGraphQuery(range: .all)
        let context = QueryContext(memoryMax: 1 << 20)
        let graph = try query.run(on: store, costs: CostModel(), context: context)
        #expect(Self.text(graph) == Self.text(try query.run(on: store, costs: CostModel())))
        #expect(context.memoryBytes == 0)
    }

    @Test func callsOfATierCostWhatUsageSays() throws {
        let book = try PriceBook(
            json: Array(
                """
                {"m": {"input_cost_per_token": 0.01, "output_cost_per_token": 0.02, "input_cost_per_token_flex": 0.005,
                "output_cost_per_token_flex": 0.01, "litellm_provider": "openai"}}
                """.utf8))
        let costs = CostModel(prices: book)
        let tiers = ["default", "flex", "auto", "flex", "priority"]
        let spans = tiers.enumerated().map { index, tier in
            SpanFixture("chat m", id: UInt64(index + 1)).with {
                ($0.start, $0.end) = (UInt64(index) * 10_000, UInt64(index) * 10_000 + 500)
                $0.attributes = [
                    KeyValue("gen_ai.operation.name", .string("chat")),
                    KeyValue("gen_ai.provider.name", .string("openai")),
                    KeyValue("gen_ai.request.model", .string("m")),
                    KeyValue("openai.response.service_tier", .string(tier)),
                    KeyValue("gen_ai.usage.input_tokens", .int(10)), KeyValue("gen_ai.usage.output_tokens", .int(2)),
                ]
            }
        }
        let metrics = GenAIMetrics(
            GenAIConfiguration(), costs: costs, log: UsageLog(directory: "u", files: MemoryFileSystem()))
        try metrics.open()
        metrics.record(try .of(spans, position: 1))
        let usage = try UsageQuery(range: .all, by: [.model]).run(on: metrics) { () throws(StorageError) in }
        let store = try EmbeddedStore(directory: "store", files: MemoryFileSystem())
        try store.append(try .of(spans, position: 1))
        try store.flush()
        let graph = try AgentGraphQuery(range: .all).run(on: store, costs: costs)
        #expect(graph.total.calls == 5 && graph.total.cost == usage.total.sum.cost)
        #expect(graph.total.unpricedCalls == 1 && usage.total.sum.unpricedCalls == 1)
        #expect(abs(graph.total.cost - (0.14 + 0.07 + 0.14 + 0.07)) < 1e-12)
        #expect(graph.nodes[AgentGraphNode(.model, "m")]?.usage == usage.rows.first?.sum)
    }
}
