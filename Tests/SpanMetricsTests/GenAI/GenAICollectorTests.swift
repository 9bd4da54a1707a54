import OTLP
import SpanMetrics
import Testing
import TraceFixtures
import TraceStorage

@Suite struct GenAICollectorTests {
    /// Everything that batches of a scenario's spans lead to, however they are cut and ordered.
    private static func findings(
        _ batches: [StoredBatch], _ configuration: GenAIConfiguration = GenAIConfiguration()
    ) -> GenAIFindings {
        var collector = GenAICollector(configuration)
        var all = GenAIFindings()
        for batch in batches { collector.add(batch) { all.append($1) } }
        collector.finishAll { all.append($1) }
        return all
    }

    /// The calls that were found more or less often than they happened.
    private static func differences(
        _ findings: GenAIFindings, _ truth: [ModelCallScenario.Truth]
    ) -> [ModelCallScenario.Truth: Int] {
        var counts: [ModelCallScenario.Truth: Int] = [:]
        for call in findings.calls {
            let found = ModelCallScenario.Truth(
                model: call.requestModel, isError: call.isError, retries: call.retries, usage: call.usage)
            counts[found, default: 0] += 1
        }
        for call in truth { counts[call, default: 0] -= 1 }
        return counts.filter { $0.value != 0 }
    }

    @Test func everyCallIsFoundOnceWithItsTokensInAnyOrderOfArrival() throws {
        let seed = UInt64.random(in: 0...(.max))
        print("GenAICollectorTests seed \(seed)")
        let scenario = ModelCallScenario(seed: seed, traces: 200)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<5 {
            var batches: [StoredBatch] = []
            var rest = scenario.spans.shuffled(using: &random)
            var position: UInt64 = 0
            while !rest.isEmpty {
                let count = min(rest.count, .random(in: 1...200, using: &random))
                position += 1
                // All of it within the wait: each batch comes a little later than the one before.
                batches.append(try .of(Array(rest.suffix(count)), position: position, receivedAt: position))
                rest.removeLast(count)
            }
            let found = Self.findings(batches)
            let wrong = Self.differences(found, scenario.truth)
            #expect(wrong.isEmpty, "\(wrong.prefix(4))")
            #expect(found.supplements.isEmpty && found.lateSpans == 0)
            #expect(found.unattributed.reduce(0) { $0 + $1.usage.output } == scenario.unattributed)
            #expect(found.calls.allSatisfy { $0.agent == "planner" && $0.attribution[0] == "ada" })
        }
    }

    @Test(arguments: ModelCallScenario.Vocabulary.allCases)
    func aVocabularyIsReadWhole(vocabulary: ModelCallScenario.Vocabulary) throws {
        var usage = TokenUsage()
        (usage.uncachedInput, usage.cacheRead, usage.cacheWrite) = (10, 500, 30)
        (usage.visibleOutput, usage.reasoning) = (20, 40)
        let span = SpanFixture("chat m").with {
            $0.scope = "\(vocabulary)".lowercased()
            $0.attributes = vocabulary.attributes(model: "claude-x", provider: "anthropic", usage)
        }
        let found = Self.findings([try .of([span], position: 1)])
        #expect(found.calls.map(\.usage) == [vocabulary.told(usage)])
        #expect(found.calls.map(\.requestModel) == ["claude-x"])
    }

    @Test func aSpanAfterTheWaitIsPartOfTheCallThatWasCounted() throws {
        let outer = Self.call("outer", id: 1, parent: 0, scope: "a", tokens: nil)
        let inner = Self.call("inner", id: 2, parent: 1, scope: "b", tokens: 70)
        let second = 1_000_000_000 as UInt64
        let found = Self.findings([
            try .of([outer], position: 1, receivedAt: second), try .of([], position: 2, receivedAt: 20 * second),
            try .of([inner], position: 3, receivedAt: 25 * second),
        ])
        #expect(found.calls.map(\.usage) == [nil])
        #expect(found.supplements.map { $0.usage?.input } == [70])
        #expect(found.lateSpans == 1)
    }

    @Test func callsOfOneLibraryAtTheSameTimeStayApart() throws {
        let spans = (1...3).map { Self.call("chat m", id: $0, parent: 9, scope: "a", tokens: 70) }
        #expect(Self.findings([try .of(spans, position: 1)]).calls.count == 3)
    }

    @Test func aSpanAroundSeveralCallsThatReportsTheirSumIsNoCall() throws {
        let outer = Self.call("loop", id: 1, parent: 0, scope: "a", tokens: 100).with { $0.end = 9_000 }
        let first = Self.call("chat", id: 2, parent: 1, scope: "b", tokens: 30)
        let second = Self.call("chat", id: 3, parent: 1, scope: "b", tokens: 70).with {
            ($0.start, $0.end) = (3_000, 4_000)
        }
        let found = Self.findings([try .of([outer, first, second], position: 1)])
        #expect(found.calls.compactMap(\.usage?.input).sorted() == [30, 70])
        #expect(found.unattributed.isEmpty)
    }

    @Test(arguments: [(100, "a", 2), (101, "a", 3), (100, "b", 3)] as [(UInt64, String, Int)])
    func aSpanBesideTheCallsWhoseSumItReportsIsNoCall(tokens: UInt64, scope: String, calls: Int) throws {
        let parent = SpanFixture("handle").with { ($0.spanID, $0.end) = (SpanID(9), 10_000) }
        let whole = Self.call("loop", id: 1, parent: 9, scope: scope, tokens: tokens).with {
            $0.end = 9_000
            $0.attributes.removeLast()
            $0.attributes.append(KeyValue("gen_ai.usage.output_tokens", .int(10)))
        }
        let first = Self.call("chat", id: 2, parent: 9, scope: "b", tokens: 30)
        let second = Self.call("chat", id: 3, parent: 9, scope: "b", tokens: 70).with {
            ($0.start, $0.end) = (3_000, 4_000)
        }
        for spans in [[parent, whole, first, second], [second, first, whole, parent]] {
            let found = Self.findings([try .of(spans, position: 1)])
            #expect(found.calls.count == calls)
            #expect(found.calls.contains { $0.usage?.input == tokens } == (calls == 3))
            #expect(found.unattributed.isEmpty)
        }
    }

    @Test func twoFrameworksBesideTheCallsAreNoCallEither() throws {
        let wholes = [("x", 1), ("y", 4)].map { scope, id in
            Self.call("loop", id: id, parent: 9, scope: scope, tokens: 100).with {
                ($0.start, $0.end) = (0, 9_000)
                $0.attributes.removeLast()
                $0.attributes.append(KeyValue("gen_ai.usage.output_tokens", .int(10)))
            }
        }
        let parts = [(2, 30, 0), (3, 70, 3_000)].map { id, tokens, start in
            Self.call("chat", id: UInt64(id), parent: 9, scope: "b", tokens: UInt64(tokens)).with {
                ($0.start, $0.end) = (UInt64(start), UInt64(start) + 1_000)
            }
        }
        let found = Self.findings([try .of(parts + wholes, position: 1)])
        #expect(found.calls.compactMap(\.usage?.input).sorted() == [30, 70])
    }

    @Test(arguments: ["invoke_agent", "invoke_workflow", "plan"]) func workBesideTheCallsWhoseSumItReportsHasNoRest(
        operation: String
    ) throws {
        func found(_ tokens: Int64) throws -> [UnattributedUsage] {
            let whole = SpanFixture("work", id: 1, parent: 9).with {
                ($0.start, $0.end) = (0, 9_000)
                $0.attributes = [
                    KeyValue("gen_ai.operation.name", .string(operation)),
                    KeyValue("gen_ai.usage.input_tokens", .int(tokens)),
                    KeyValue("gen_ai.usage.output_tokens", .int(10)),
                ]
            }
            let parts = [(2, 30), (3, 70)].map { id, tokens in
                Self.call("chat", id: id, parent: 9, scope: "b", tokens: tokens).with {
                    ($0.start, $0.end) = (id * 1_000, id * 1_000 + 500)
                }
            }
            return Self.findings([try .of([whole] + parts, position: 1)]).unattributed
        }
        #expect(try found(100).isEmpty)
        #expect(try found(101).count == 1)
    }

    /// One without tokens is no part of a sum, or each of two calls were that of the other.
    @Test func callsOfTheSameTokensAreNoSumsOfOneAnother() throws {
        let spans = [("a", 100), ("b", 100), ("c", nil)].enumerated().map { index, call in
            Self.call("chat", id: UInt64(index) + 1, parent: 9, scope: call.0, tokens: call.1).with {
                $0.attributes[1] = KeyValue("gen_ai.request.model", .string("model-\(call.0)"))
            }
        }
        #expect(Self.findings([try .of(spans, position: 1)]).calls.count == 3)
    }

    @Test(
        arguments: [
            ("2026-11-21T10:00:00.250Z", 0.25), ("\"2026-11-21T11:00:01.5+01:00\"", 1.5), ("2026-11-21T10:00:00Z", 0),
            // Before the span, after it, and no time.
            ("2026-11-21T09:59:59.999Z", nil), ("2026-11-21T10:00:03Z", nil), ("soon", nil), ("\"", nil),
        ] as [(String, Double?)])
    func theFirstTokenOfLangfuseIsWhenTheCompletionStarted(_ text: String, _ seconds: Double?) throws {
        let start = try #require(TimeText.parseRFC3339("2026-11-21T10:00:00Z"))
        func found(_ further: [KeyValue] = []) throws -> Double? {
            let span = SpanFixture("answer").with {
                ($0.start, $0.end) = (start, start + 2_000_000_000)
                $0.attributes =
                    [
                        KeyValue("langfuse.observation.type", .string("generation")),
                        KeyValue("langfuse.observation.completion_start_time", .string(text)),
                    ] + further
            }
            return try #require(Self.findings([try .of([span], position: 1)]).calls.first).timeToFirstToken
        }
        #expect(try found() == seconds)
        #expect(try found([KeyValue("gen_ai.response.time_to_first_chunk", .double(0.125))]) == 0.125)
    }

    @Test func pendingSpansAreBounded() throws {
        var configuration = GenAIConfiguration()
        configuration.pendingSpansMax = 100
        var collector = GenAICollector(configuration)
        var calls = 0
        for number in 1...500 as ClosedRange<UInt64> {
            let span = Self.call("chat", id: number, parent: 0, scope: "a", tokens: 1).with {
                $0.traceID = TraceID(high: 3, low: number)
            }
            collector.add(try .of([span], position: number, receivedAt: number)) { calls += $1.calls.count }
            #expect(collector.pendingSpans <= 100)
        }
        #expect(calls == 400 && collector.tracesSettledEarly == 400)
        collector.finishAll { calls += $1.calls.count }
        #expect(calls == 500)
    }

    @Test func whatWaitsKeepsItsTextsWhileOthersComeAndGo() throws {
        var collector = GenAICollector(GenAIConfiguration())
        var calls: [ModelCall] = []
        for batch in 0..<60 as Range<UInt64> {
            let spans = (batch * 400 + 1...batch * 400 + 400).map { number in
                Self.call("chat", id: number, parent: 0, scope: "a", tokens: 1).with {
                    $0.traceID = TraceID(high: 3, low: number)
                    $0.attributes += [
                        KeyValue("gen_ai.conversation.id", .string("conversation \(number)")),
                        KeyValue("gen_ai.response.model", .string("m-\(number)")),
                        KeyValue("gen_ai.response.finish_reasons", .array([.string("stop \(number)")])),
                        KeyValue("user.id", .string("user \(number % 3_000)")),
                    ]
                }
            }
            collector.add(try .of(spans, position: batch + 1, receivedAt: batch * 3_000_000_000)) { calls += $1.calls }
        }
        collector.finishAll { calls += $1.calls }
        #expect(calls.count == 24_000)
        #expect(
            calls.allSatisfy { call in
                let number = call.traceID.low
                return call.conversation == "conversation \(number)" && call.responseModel == "m-\(number)"
                    && call.finishReasons == ["stop \(number)"] && call.attribution[0] == "user \(number % 3_000)"
                    && call.requestModel == "m" && call.operation == "chat"
            })
    }

    @Test func aTraceOfManySpansOrALoopOfParentsCostsNoMore() throws {
        let spans = (1...12_000).map { number in
            Self.call("chat", id: number, parent: number % 12_000 + 1, scope: "a", tokens: UInt64(number))
        }
        let found = Self.findings([try .of(spans, position: 1)])
        #expect(found.calls.count + found.unattributed.count > 0)
    }

    private static func call(_ name: String, id: UInt64, parent: UInt64, scope: String, tokens: UInt64?) -> SpanFixture
    {
        SpanFixture(name, id: id, parent: parent).with {
            $0.scope = scope
            $0.attributes = [
                KeyValue("gen_ai.operation.name", .string("chat")), KeyValue("gen_ai.request.model", .string("m")),
            ]
            if let tokens {
                $0.attributes.append(KeyValue("gen_ai.usage.input_tokens", .int(Int64(tokens))))
                $0.attributes.append(KeyValue("gen_ai.usage.output_tokens", .int(5)))
            }
        }
    }
}
