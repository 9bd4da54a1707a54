import Alerting
import OTLP
import SpanMetrics
import Testing
import TraceFixtures
import TraceStorage

/// Traces that show that tools fail, by the labels of the metric.
@Suite struct ToolExampleTests {
    /// A trace of an agent with one run of a tool below a step of it, stored and counted.
    private struct World {
        let store = InMemoryStore()
        let genAI: GenAIMetrics
        private var position: UInt64 = 0

        init() throws {
            genAI = try GenAIMetrics.inMemory()
        }

        /// - Parameter run: The attributes of the tool's span.
        mutating func trace(
            _ id: UInt64, agent: String, isError: Bool = true, at time: UInt64, parts: Int = 1, run: [KeyValue]
        ) throws {
            func span(_ name: String, _ number: UInt64, parent: UInt64, _ attributes: [KeyValue]) -> SpanFixture {
                SpanFixture(name, service: "desk", id: id * 10 + number).with {
                    $0.traceID = TraceID(high: 9, low: id)
                    if parent > 0 { $0.parent = SpanID(id * 10 + parent) }
                    $0.start = time
                    $0.end = time + second
                    $0.attributes = attributes
                }
            }
            let spans = [
                span("invoke_agent \(agent)", 1, parent: 0, Self.agent(agent)), span("step", 2, parent: 1, []),
                span("execute_tool search", 3, parent: 2, run).with { $0.status = isError ? 2 : 0 },
            ]
            for part in parts == 1 ? [spans] : spans.map({ [$0] }) {
                position += 1
                let batch = try StoredBatch.of(part, position: position, receivedAt: time + second)
                genAI.record(batch)
                try store.append(batch)
            }
        }

        static func agent(_ name: String) -> [KeyValue] {
            [KeyValue("gen_ai.operation.name", .string("invoke_agent")), KeyValue("gen_ai.agent.name", .string(name))]
        }

        var sources: AlertSources {
            AlertSources(
                red: { nil }, genAI: { [genAI] in genAI }, store: store, collector: { CollectorReading() })
        }
    }

    private static let search = [
        KeyValue("gen_ai.operation.name", .string("execute_tool")), KeyValue("gen_ai.tool.name", .string("search")),
    ]

    private func found(
        _ world: World, _ group: AlertLabels, at now: UInt64, _ change: (inout AlertRule) -> Void = { _ in }
    ) -> [UInt64] {
        var rule = AlertRule.above(0.1, .toolErrorRate)
        rule.groupings = group.sorted.map(\.name)
        change(&rule)
        let alert = Alert(key: .init(rule: rule.name, group: group), labels: [:], at: now, value: 1, threshold: 0.1)
        return ExampleTraces(AlertsConfiguration(), world.sources).find(alert, of: rule, at: now).map(\.low)
    }

    @Test func aRunIsOfTheAgentAboveIt() throws {
        var world = try World()
        try world.trace(1, agent: "critic", at: someday, parts: 3, run: Self.search)
        try world.trace(2, agent: "writer", at: someday + second, run: Self.search)
        try world.trace(3, agent: "critic", isError: false, at: someday + second, run: Self.search)
        // The run's own span says another one than that above it.
        try world.trace(4, agent: "writer", at: someday + 2 * second, run: Self.search + [World.agent("critic")[1]])
        let now = someday + minute
        // What the metric has is what is looked for.
        var counted: [AlertLabels: UInt64] = [:]
        world.genAI.snapshot(now: now).forEachToolSeries { labels, runs in
            let pairs = Dictionary(uniqueKeysWithValues: labels.pairs.map { ($0.name, $0.value) })
            guard pairs["status_code"] == "STATUS_CODE_ERROR" else { return }
            counted[["agent": pairs["gen_ai_agent_name"] ?? ""], default: 0] += runs
        }
        #expect(counted == [["agent": "critic"]: 2, ["agent": "writer"]: 1])
        #expect(found(world, ["agent": "critic"], at: now) == [4, 1])
        #expect(found(world, ["agent": "writer"], at: now) == [2])
        #expect(found(world, ["agent": "critic", "service": "desk", "tool": "search"], at: now) == [4, 1])
        #expect(found(world, ["agent": "critic", "tool": "other"], at: now).isEmpty)
        let matcher = try LabelMatcher(parsing: "agent!=critic")
        #expect(found(world, ["tool": "search"], at: now) { $0.matchers = [matcher] } == [2])
    }

    @Test func toolsHaveNamesInEveryVocabulary() throws {
        var world = try World()
        let openInference = [
            KeyValue("openinference.span.kind", .string("TOOL")), KeyValue("tool.name", .string("search")),
        ]
        try world.trace(1, agent: "critic", at: someday, run: openInference)
        #expect(found(world, ["tool": "search"], at: someday + minute) == [1])
    }

    @Test func theNewestAreShown() throws {
        var world = try World()
        for id in 1...600 as ClosedRange<UInt64> {
            try world.trace(id, agent: "a\(id % 2)", at: someday + id * second / 10, run: Self.search)
        }
        #expect(found(world, ["agent": "a1"], at: someday + 2 * minute) == [599, 597, 595])
        // Runs of before the window are not of the alert.
        #expect(found(world, ["agent": "a1"], at: someday + 30 * minute).isEmpty)
    }

    @Test func theLinkFindsAgentsAboveTheRun() throws {
        var rule = AlertRule.above(0.1, .toolErrorRate)
        rule.groupings = ["agent", "tool"]
        let group: AlertLabels = ["agent": "critic", "tool": "search"]
        let alert = Alert(key: .init(rule: rule.name, group: group), labels: [:], at: someday, value: 1, threshold: 0.1)
        let url = ExampleTraces(AlertsConfiguration(), try World().sources).queryURL(alert, of: rule, at: someday)
        let query = "{ .gen_ai.agent.name = \"critic\" } && { .gen_ai.tool.name = \"search\" && status = error }"
        let encoded = query.utf8.map { byte -> String in
            let isPlain = byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
            let scalar = Unicode.Scalar(byte)
            return isPlain || scalar.properties.isAlphabetic
                ? String(scalar) : "%" + String(byte, radix: 16, uppercase: true)
        }.joined()
        #expect(url.contains("/api/skein/v1/search?q=\(encoded)&start="))
    }
}
