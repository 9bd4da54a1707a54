import FileFaults
import OTLP
import SpanMetrics
import Testing
import TraceFixtures
import TraceStorage

@Suite struct TraceUsageTests {
    private static func usage(of spans: [SpanFixture]) throws -> UsageSum {
        let metrics = GenAIMetrics(
            GenAIConfiguration(), costs: CostModel(), log: UsageLog(directory: "usage", files: MemoryFileSystem()))
        try metrics.open()
        metrics.record(try .of(spans, position: 1))
        return try UsageQuery(range: .all, by: [.model]).run(on: metrics) { () throws(StorageError) in }.total.sum
    }

    private static func expectEqual(_ a: UsageSum, _ b: UsageSum, _ comment: Comment? = nil) {
        #expect(a.calls == b.calls && a.errors == b.errors && a.tokens == b.tokens, comment)
        #expect(a.costSource == b.costSource && a.unpricedCalls == b.unpricedCalls, comment)
        #expect(abs(a.cost - b.cost) <= 1e-9 * max(a.cost, b.cost), comment)
    }

    /// A tree as `TraceTree` has it: each span after its parent.
    private static func tree(_ spans: [SpanFixture]) -> [(id: SpanID, parent: Int?)] {
        var children: [SpanID: [SpanID]] = [:]
        let ids = Set(spans.map(\.spanID))
        var result: [(id: SpanID, parent: Int?)] = []
        for span in spans {
            if ids.contains(span.parent) {
                children[span.parent, default: []].append(span.spanID)
            } else {
                result.append((span.spanID, nil))
            }
        }
        var next = 0
        while next < result.count {
            for child in children[result[next].id] ?? [] { result.append((child, next)) }
            next += 1
        }
        return result
    }

    @Test func aTraceUsesWhatUsageSays() throws {
        let seed = UInt64.random(in: 0...(.max))
        print("TraceUsageTests seed \(seed)")
        let spans = ModelCallScenario(seed: seed, traces: 60).spans
        var byTrace: [TraceID: [SpanFixture]] = [:]
        for span in spans { byTrace[span.traceID, default: []].append(span) }
        var calls: UInt64 = 0
        for (id, spans) in byTrace {
            let found = TraceUsage(try .of(spans), costs: CostModel())
            Self.expectEqual(found.total, try Self.usage(of: spans), "\(id.hex)")
            // Roots together are the trace.
            let tree = Self.tree(spans)
            #expect(tree.count == spans.count)
            var roots = UsageSum()
            for (node, sum) in zip(tree, found.sums(of: tree)) where node.parent == nil {
                roots.tokens += sum.tokens
                roots.calls += sum.calls
                roots.cost += sum.cost
            }
            #expect(roots.tokens == found.total.tokens && roots.calls == found.total.calls)
            #expect(abs(roots.cost - found.total.cost) <= 1e-9 * found.total.cost)
            calls += found.total.calls
        }
        #expect(calls == (try Self.usage(of: spans)).calls && calls > 60)
    }

    private static func call(
        _ id: UInt64, parent: UInt64 = 0, _ attributes: [KeyValue]
    ) -> SpanFixture {
        SpanFixture("chat", id: id, parent: parent).with {
            ($0.kind, $0.start, $0.end) = (3, 1_000_000_000 + id, 2_000_000_000 - id)
            $0.attributes = attributes
        }
    }

    private static let anthropic = [
        KeyValue("gen_ai.operation.name", .string("chat")), KeyValue("gen_ai.provider.name", .string("anthropic")),
        KeyValue("gen_ai.request.model", .string("claude-sonnet-4-5")),
        KeyValue("gen_ai.usage.input_tokens", .int(100)), KeyValue("gen_ai.usage.output_tokens", .int(20)),
        KeyValue("gen_ai.usage.cache_read.input_tokens", .int(5_000)),
    ]

    @Test func inputThatLeavesTheCacheOutIsEvenedOut() throws {
        let found = TraceUsage(try .of([Self.call(1, Self.anthropic)]), costs: CostModel())
        #expect(found.total.tokens.input == 5_100 && found.total.tokens.cacheRead == 5_000)
        #expect(found.total.cost > 0 && found.total.costSource == .computed)
    }

    @Test func otherVocabulariesAreRead() throws {
        let langfuse = [
            KeyValue("langfuse.observation.type", .string("generation")),
            KeyValue("langfuse.observation.model.name", .string("gpt-4o")),
            KeyValue("langfuse.observation.usage_details", .string(#"{"input":100,"output":20}"#)),
        ]
        let found = TraceUsage(try .of([Self.call(1, langfuse)]), costs: CostModel())
        #expect(found.total.calls == 1 && found.total.tokens.input == 100 && found.total.tokens.output == 20)
    }

    @Test func aCallThatTwoLibrariesShowIsTheInnerOnes() throws {
        let batch = try SpanBatch.of([
            SpanFixture("POST /ask", id: 1).with { ($0.start, $0.end) = (0, 3_000_000_000) },
            Self.call(2, parent: 1, Self.anthropic).with { $0.scope = "framework" },
            Self.call(3, parent: 2, Self.anthropic).with { $0.scope = "provider" },
        ])
        let found = TraceUsage(batch, costs: CostModel())
        #expect(found.total.calls == 1 && Array(found.spans.keys) == [SpanID(3)])
        let sums = found.sums(of: [(SpanID(1), nil), (SpanID(2), 0), (SpanID(3), 1), (SpanID(3), 1)])
        // Of spans with one id only one is the call.
        #expect(sums.map(\.calls) == [1, 1, 1, 0])
    }

    @Test func aSampledTraceIsOneTrace() throws {
        let span = Self.call(1, Self.anthropic).with { $0.traceState = "ot=th:c" }
        #expect(try Self.usage(of: [span]).calls == 4)
        let found = TraceUsage(try .of([span]), costs: CostModel())
        #expect(found.total.calls == 1 && found.total.tokens.input == 5_100)
    }
}
