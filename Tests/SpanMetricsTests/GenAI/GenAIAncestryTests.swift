import OTLP
import SpanMetrics
import Testing
import TraceFixtures
import TraceStorage

/// What stands above calls: who they are made for, and who repeats what they used.
@Suite struct GenAIAncestryTests {
    private static let second: UInt64 = 1_000_000_000

    /// What comes of groups of spans, each that many seconds after the beginning.
    private static func findings(_ groups: [(after: UInt64, [SpanFixture])]) throws -> GenAIFindings {
        var collector = GenAICollector(GenAIConfiguration())
        var all = GenAIFindings()
        for (number, group) in groups.enumerated() {
            let batch = try StoredBatch.of(
                group.1, position: UInt64(number + 1), receivedAt: (1_000 + group.after) * second)
            collector.add(batch) { all.append($1) }
        }
        collector.finishAll { all.append($1) }
        return all
    }

    private static func call(
        _ id: UInt64, parent: UInt64, scope: String = "sdk", model: String = "m", tokens: Int64? = 70,
        during: Range<UInt64> = 1_000..<2_000
    ) -> SpanFixture {
        SpanFixture("chat \(model)", id: id, parent: parent).with {
            $0.scope = scope
            ($0.start, $0.end) = (during.lowerBound, during.upperBound)
            $0.attributes = [
                KeyValue("gen_ai.operation.name", .string("chat")), KeyValue("gen_ai.request.model", .string(model)),
            ]
            if let tokens { $0.attributes += usage(tokens) }
        }
    }

    private static func usage(_ input: Int64) -> [KeyValue] {
        [KeyValue("gen_ai.usage.input_tokens", .int(input)), KeyValue("gen_ai.usage.output_tokens", .int(5))]
    }

    private static func agent(_ id: UInt64, parent: UInt64 = 0, _ more: [KeyValue] = []) -> SpanFixture {
        SpanFixture("invoke_agent planner", id: id, parent: parent).with {
            $0.scope = "framework"
            ($0.start, $0.end) = (500, 9_000)
            $0.attributes = [KeyValue("gen_ai.operation.name", .string("invoke_agent"))] + more
        }
    }

    // MARK: traces that were forgotten

    @Test(arguments: [(sum: 70, rest: 0), (sum: 100, rest: 30)])
    func aSumThatComesAfterItsTraceWasForgottenIsKnown(sum: Int64, rest: UInt64) throws {
        let found = try Self.findings([
            (0, [Self.call(2, parent: 1)]), (900, []), (901, [Self.agent(1, Self.usage(sum))]),
        ])
        #expect(found.calls.count == 1)
        #expect(found.unattributed.reduce(0) { $0 + $1.usage.input } == rest)
        #expect(found.unattributed.reduce(0) { $0 + $1.usage.output } == 0)
    }

    @Test func sumsOfSeveralLevelsThatComeLateAreKnownEach() throws {
        let found = try Self.findings([
            (0, [Self.call(3, parent: 2)]), (900, []), (901, [Self.agent(2, parent: 1, Self.usage(70))]), (1_800, []),
            (1_801, [Self.agent(1, Self.usage(70))]),
        ])
        #expect(found.calls.count == 1 && found.unattributed.isEmpty)
    }

    @Test func aCallAroundOneOfAForgottenTraceIsTheSame() throws {
        let outer = Self.call(1, parent: 0, scope: "framework", during: 900..<2_100)
        let found = try Self.findings([(0, [Self.call(2, parent: 1)]), (900, []), (901, [outer])])
        #expect(found.calls.count == 1 && found.lateSpans == 1)
    }

    @Test func aClockThatWasAheadForAMomentHoldsNothingBack() throws {
        var collector = GenAICollector(GenAIConfiguration())
        var calls = 0
        let times = [1_000, 900_000_000, 1_001, 1_002, 1_100] as [UInt64]
        for (number, time) in times.enumerated() {
            let span = Self.call(UInt64(number + 1), parent: 0).with {
                $0.traceID = TraceID(high: 5, low: UInt64(number + 1))
            }
            collector.add(try .of([span], position: UInt64(number + 1), receivedAt: time * Self.second)) {
                calls += $1.calls.count
            }
        }
        #expect(calls == 4, "all but the last one are due")
    }

    // MARK: on whose behalf

    @Test(arguments: [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
    func attributionOfPlainSpansAboveIsInheritedInAnyOrder(order: [Int]) throws {
        let root = SpanFixture("POST /", service: "gateway", id: 1).with {
            $0.attributes = [
                KeyValue("user.id", .string("ada")), KeyValue("session.id", .string("s1")),
                KeyValue("department", .string("outer")),
            ]
        }
        let middle = SpanFixture("work", id: 2, parent: 1).with {
            $0.attributes = [KeyValue("department", .string("inner"))]
        }
        let spans = [root, middle, Self.call(3, parent: 2)]
        let found = try Self.findings(order.enumerated().map { (UInt64($0.offset), [spans[$0.element]]) })
        #expect(found.calls.map { Array($0.attribution.prefix(2)) } == [["ada", "inner"]])
        #expect(found.calls.map(\.conversation) == ["s1"])
    }

    @Test func anAgentsIDStandsForItsNameWhereThereIsNone() throws {
        let id = KeyValue("gen_ai.agent.id", .string("agent_7"))
        let named = [id, KeyValue("gen_ai.agent.name", .string("planner"))]
        let alone = Self.call(2, parent: 0).with { $0.attributes.append(id) }
        #expect(try Self.findings([(0, [alone])]).calls.map(\.agent) == ["agent_7"])
        let below = Self.call(2, parent: 1).with { $0.attributes.append(id) }
        #expect(try Self.findings([(0, [below, Self.agent(1, named)])]).calls.map(\.agent) == ["planner"])
    }

    // MARK: retries

    @Test(arguments: [1, 3])
    func attemptsThatNoSpanShowsAreTakenFromTheSpanThatSaysThem(attempts: Int64) throws {
        let call = Self.call(2, parent: 1).with {
            $0.attributes.append(KeyValue("skein.retry.attempt_count", .int(attempts)))
        }
        let found = try Self.findings([(0, [Self.agent(1), call])])
        #expect(found.calls.map(\.retries) == [UInt64(attempts - 1)])
    }

    @Test func attemptsThatSpansShowAreNotCountedAgain() throws {
        let outer = Self.call(1, parent: 0, scope: "framework", during: 900..<9_000).with {
            $0.attributes.append(KeyValue("skein.retry.attempt_count", .int(2)))
        }
        let failed = Self.call(2, parent: 1, tokens: nil, during: 1_000..<2_000).with { $0.status = 2 }
        let found = try Self.findings([(0, [outer, failed, Self.call(3, parent: 1, during: 4_000..<8_000)])])
        #expect(found.calls.count == 2)
        #expect(found.calls.map(\.retries).sorted() == [0, 1])
    }

    @Test func allAttemptsMayFail() throws {
        func failed(_ id: UInt64, parent: UInt64, _ during: Range<UInt64>, scope: String = "sdk") -> SpanFixture {
            Self.call(id, parent: parent, scope: scope, tokens: nil, during: during).with { $0.status = 2 }
        }
        let found = try Self.findings([
            (
                0,
                [
                    failed(1, parent: 0, 900..<9_000, scope: "framework"), failed(2, parent: 1, 1_000..<2_000),
                    failed(3, parent: 1, 3_000..<4_000),
                ]
            )
        ])
        #expect(found.calls.count == 2 && found.calls.reduce(0) { $0 + $1.retries } == 1)
    }

    // MARK: hosts of models

    @Test func aModelsHouseAndItsHostNameOneCall() throws {
        let house = KeyValue("gen_ai.provider.name", .string("anthropic"))
        let host = KeyValue("gen_ai.provider.name", .string("aws.bedrock"))
        let outer = Self.call(1, parent: 0, scope: "framework", during: 500..<9_000).with {
            $0.attributes.append(house)
        }
        let inner = Self.call(2, parent: 1, tokens: nil).with { $0.attributes.append(host) }
        #expect(try Self.findings([(0, [outer, inner])]).calls.count == 1)
    }

    // MARK: sums

    @Test func aSpanOfNoKindAroundAnAgentIsASum() throws {
        let outer = SpanFixture("run", id: 1).with {
            ($0.start, $0.end) = (400, 9_500)
            $0.attributes = Self.usage(90)
        }
        let found = try Self.findings([(0, [outer, Self.agent(2, parent: 1), Self.call(3, parent: 2)])])
        #expect(found.calls.map { $0.usage?.input } == [70])
        #expect(found.unattributed.map(\.usage.input) == [20])
    }

    @Test(arguments: ["RETRIEVER", "RERANKER", "GUARDRAIL", "EVALUATOR", "TOOL"])
    func tokensOfStepsAndToolsThatNoCallHasAreUnattributed(kind: String) throws {
        let step = SpanFixture("step", id: 2, parent: 1).with {
            ($0.start, $0.end) = (600, 8_000)
            $0.attributes = [KeyValue("openinference.span.kind", .string(kind))] + Self.usage(100)
        }
        let alone = try Self.findings([(0, [Self.agent(1), step])])
        #expect(alone.calls.isEmpty && alone.unattributed.map(\.usage.input) == [100])
        // Around a call it may say the same, and so may the agent around both.
        let around = try Self.findings([(0, [Self.agent(1, Self.usage(100)), step, Self.call(3, parent: 2)])])
        #expect(around.calls.count == 1 && around.unattributed.map(\.usage.input) == [30])
        // Inside a call it repeats what the call says.
        let outer = Self.call(1, parent: 0, tokens: 100, during: 500..<9_000)
        #expect(try Self.findings([(0, [outer, step])]).unattributed.isEmpty)
    }

    @Test func aCallAroundAChainWithTheCallInItIsCountedOnce() throws {
        let chain = SpanFixture("chain", id: 2, parent: 1).with {
            ($0.start, $0.end) = (600, 8_000)
            $0.attributes = [KeyValue("openinference.span.kind", .string("CHAIN"))]
        }
        let outer = Self.call(1, parent: 0, scope: "framework", during: 500..<9_000)
        let found = try Self.findings([(0, [outer, chain, Self.call(3, parent: 2)])])
        #expect(found.calls.map { $0.usage?.input } == [70])
        #expect(found.unattributed.isEmpty)
    }

    @Test func anAggregatedUsageIsAnAgentsSum() throws {
        let sum = [
            KeyValue("gen_ai.aggregated_usage.input_tokens", .int(100)),
            KeyValue("gen_ai.aggregated_usage.output_tokens", .int(5)),
        ]
        let found = try Self.findings([(0, [Self.call(2, parent: 1), Self.agent(1, sum)])])
        #expect(found.unattributed.map(\.usage.input) == [30])
    }

    // MARK: which spans are one call

    @Test func anotherModelThatAnsweredInsideOneCallIsNotASecondOne() throws {
        let outer = Self.call(1, parent: 0, scope: "framework", during: 900..<5_000)
        let failed = Self.call(2, parent: 1, tokens: nil).with { $0.status = 2 }
        let answered = Self.call(3, parent: 1, model: "other", during: 2_500..<4_000)
        let found = try Self.findings([(0, [outer, failed, answered])])
        #expect(
            found.calls.map { [$0.requestModel, "\($0.usage?.input ?? 0)"] }.sorted { $0[0] < $1[0] } == [
                ["m", "0"], ["other", "70"],
            ])
    }

    @Test func callsOfOneLibraryWithDifferentNamesStayApart() throws {
        let named = Self.call(2, parent: 9, tokens: nil).with { $0.name = Array("title".utf8) }
        #expect(try Self.findings([(0, [Self.call(1, parent: 9), named])]).calls.count == 2)
    }

    @Test func callsBelowDifferentSpansThatDidNotArriveStayApart() throws {
        let found = try Self.findings([
            (0, [Self.call(1, parent: 8), Self.call(2, parent: 9, scope: "b", tokens: nil)])
        ])
        #expect(found.calls.count == 2)
    }

    @Test func manyCallsAtOnceAreNotTakenForOne() throws {
        let spans = (1...400).map { number in
            Self.call(UInt64(number), parent: 1_000, scope: "library \(number)", tokens: nil)
        }
        #expect(try Self.findings([(0, spans)]).calls.count >= 400 / 16)
    }

    @Test(arguments: [
        ("azure", "gpt-4o", "openai", "gpt-4o-2024-11-20"),
        ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock_converse", "claude-sonnet-4-5"),
        ("gcp.vertex_ai", "publishers/google/models/gemini-2.5-pro", "gemini", "gemini-2.5-pro"),
        ("openrouter", "openrouter/openai/gpt-4o", "openai", "gpt-4o"),
    ])
    func spellingsOfOneModelAreOneCall(provider: String, model: String, other: String, spelled: String) throws {
        let inner = Self.call(2, parent: 1, model: model).with {
            $0.attributes.append(KeyValue("gen_ai.provider.name", .string(provider)))
        }
        let outer = Self.call(1, parent: 0, scope: "framework", model: spelled, tokens: nil, during: 900..<2_100).with {
            $0.attributes.append(KeyValue("gen_ai.system", .string(other)))
        }
        #expect(try Self.findings([(0, [inner, outer])]).calls.count == 1)
    }

    // MARK: money

    @Test func thePartsOfACostAreItsSum() throws {
        let span = Self.call(1, parent: 0).with {
            $0.attributes += [
                KeyValue("llm.cost.prompt", .double(0.25)), KeyValue("llm.cost.completion", .double(0.5)),
            ]
        }
        #expect(try Self.findings([(0, [span])]).calls.map(\.reportedCost) == [0.75])
    }
}
