import OTLP
import Skein
import SkeinTesting
import Testing
import Tracing

@Suite struct SkeinTestingTests {
    private let exporter = InMemorySpanExporter()

    /// An agent that calls a model and a tool; the tool calls a database and fails.
    private func research() {
        struct Failed: Error {}
        let tracer = exporter.tracer()
        tracer.withSpan("invoke_agent researcher", context: .topLevel) { agent in
            tracer.withSpan("chat gpt-5", context: agent.context, ofKind: .client) { chat in
                chat.record("gen_ai.usage.output_tokens", 42)
                chat.record("gen_ai.response.id", "resp-1")
                chat.addEvent("first_chunk")
            }
            tracer.withSpan("execute_tool search", context: agent.context) { tool in
                tracer.withSpan("SELECT papers", context: tool.context, ofKind: .client) { _ in }
                tool.setStatus(SpanStatus(code: .error, message: "no index"))
            }
        }
    }

    @Test func outlineShowsParentsAndOrder() {
        research()
        #expect(
            exporter.tree.outline == """
                invoke_agent researcher
                  chat gpt-5
                  execute_tool search
                    SELECT papers
                """)
        #expect(exporter.tree.spans.count == 4)
    }

    @Test func descriptionShowsWhatEachSpanHolds() {
        research()
        #expect(
            exporter.tree.description == """
                invoke_agent researcher [internal]
                  chat gpt-5 [client]
                    gen_ai.response.id = string("resp-1")
                    gen_ai.usage.output_tokens = int(42)
                    event first_chunk
                  execute_tool search [internal, error: no index]
                    SELECT papers [client]
                """)
    }

    @Test func treeIsComparedWithExpectations() {
        research()
        let chat = SpanExpectation(
            name: "chat gpt-5", kind: .client,
            matching: [
                "gen_ai.response.id": .hasPrefix("resp-"), "gen_ai.usage.output_tokens": .atLeast(1),
                "gen_ai.input.messages": .absent,
            ], events: ["first_chunk"], linkCount: 0, children: [])
        let tool = SpanExpectation(
            name: "execute_tool search", status: .error("no index"), children: [SpanExpectation(name: "SELECT papers")])
        let tree = exporter.tree
        #expect(tree.mismatches([SpanExpectation(name: "invoke_agent researcher", children: [chat, tool])]) == [])
        #expect(tree.mismatches([SpanExpectation(name: "invoke_agent researcher")]) == [], "children are left open")
    }

    @Test func differencesNameThePlace() {
        research()
        let wrong = SpanExpectation(
            name: "invoke_agent researcher",
            children: [
                SpanExpectation(
                    name: "chat gpt-5", matching: ["gen_ai.usage.output_tokens": .atMost(10), "missing": .present],
                    events: [], linkCount: 1),
                SpanExpectation(children: []),
            ])
        #expect(
            exporter.tree.mismatches([wrong]) == [
                "invoke_agent researcher > chat gpt-5: gen_ai.usage.output_tokens is int(42), "
                    + "expected a number of at most 10.0",
                "invoke_agent researcher > chat gpt-5: missing is absent, expected any value",
                "invoke_agent researcher > chat gpt-5: events is [\"first_chunk\"], expected []",
                "invoke_agent researcher > chat gpt-5: link count is 0, expected 1",
                "invoke_agent researcher > execute_tool search: 1 span ('SELECT papers'), expected 0",
            ])
        #expect(exporter.tree.mismatches([]) == ["roots: 1 span ('invoke_agent researcher'), expected 0"])
    }

    @Test(
        arguments: [
            (.equal(to: .int(1)), .int(1), true), (.equal(to: .int(1)), .double(1), false), (.present, nil, false),
            (.present, .bool(false), true), (.absent, nil, true), (.absent, .int(0), false),
            (.containing("b"), .string("abc"), true), (.containing("x"), .string("abc"), false),
            (.containing(""), .string(""), true), (.containing("1"), .int(1), false),
            (.hasPrefix("a"), .string("abc"), true), (.hasPrefix("b"), .string("abc"), false),
            (.atLeast(1), .double(0.5), false), (.atLeast(1), .int(1), true), (.atMost(1), .int(2), false),
            (.atMost(1), .string("0"), false), (.oneOf([.int(1), .int(2)]), .int(2), true),
            (.oneOf([.int(1)]), .int(2), false),
        ] as [(AttributeMatcher, AttributeValue?, Bool)])
    func matcherSaysWhetherAValueFits(_ matcher: AttributeMatcher, _ value: AttributeValue?, _ fits: Bool) {
        #expect(matcher.matches(value) == fits, "\(matcher)")
    }

    private func span(_ name: String, _ id: UInt64, parent: UInt64 = 0, trace: UInt64 = 1, at time: UInt64 = 0)
        -> RecordedSpan
    {
        var span = RecordedSpan()
        span.name = name
        span.traceID = TraceID(high: 0, low: trace)
        span.spanID = SpanID(id)
        span.parentSpanID = SpanID(parent)
        span.startNanoseconds = time
        return span
    }

    @Test func childrenStandInTheOrderOfTheirStart() {
        let tree = SpanTree([
            span("late", 3, parent: 1, at: 9), span("early", 2, parent: 1, at: 5), span("root", 1, at: 1),
            span("same", 4, parent: 1, at: 9),
        ])
        #expect(tree.outline == "root\n  early\n  late\n  same")
    }

    @Test func spanWhoseParentIsElsewhereIsARoot() {
        let tree = SpanTree([span("orphan", 2, parent: 99), span("other trace", 3, parent: 2, trace: 2)])
        #expect(tree.outline == "orphan\nother trace")
    }

    @Test func brokenParentsEndAndLoseNoSpan() {
        #expect(SpanTree([span("self", 1, parent: 1)]).spans.count == 1)
        #expect(SpanTree([span("a", 1, parent: 2), span("b", 2, parent: 1)]).outline == "a\n  b")
        #expect(SpanTree([span("twin", 1), span("twin", 1), span("child", 2, parent: 1)]).spans.count == 3)
        let chain = (1...5_000).map { span("s", UInt64($0), parent: UInt64($0 - 1)) }
        #expect(SpanTree(chain).spans.count == 5_000)
    }

    @Test func waitEndsWhenTheSpansAreThere() async throws {
        let exporter = exporter
        let tracer = exporter.tracer()
        tracer.startSpan("first", context: .topLevel).end()
        async let spans = exporter.waitForSpans(count: 3)
        let task = Task {
            for name in ["second", "third"] { tracer.startSpan(name, context: .topLevel).end() }
        }
        #expect(try await spans.map(\.name) == ["first", "second", "third"])
        await task.value
        #expect(try await exporter.waitForSpans(count: 0).count == 3)
    }

    @Test func spansOfABatchProcessorAreWaitedFor() async throws {
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.exporters = [.custom(exporter)]
        configuration.batch.maxExportBatchSize = 2
        let tracing = try SkeinTracing(configuration)
        for _ in 0..<4 { tracing.tracer.startSpan("x", context: .topLevel).end() }
        #expect(try await exporter.waitForSpans(count: 4).count == 4)
        await tracing.shutdown()
    }

    @Test func waitThatIsTooLongSaysWhatIsThere() async throws {
        exporter.tracer().startSpan("only", context: .topLevel).end()
        let error = await #expect(throws: SpanWaitError.self) {
            try await exporter.waitForSpans(count: 2, timeout: .milliseconds(10))
        }
        #expect(error?.description == "1 spans arrived, expected 2:\nonly")
    }

    @Test func cancelledWaitEnds() async throws {
        let exporter = exporter
        let task = Task { try await exporter.waitForSpans(count: 1, timeout: .seconds(600)) }
        task.cancel()
        await #expect(throws: SpanWaitError.self) { try await task.value }
    }

    @Test func spansAreChosenByExpectation() {
        research()
        #expect(
            exporter.spans(matching: SpanExpectation(kind: .client)).map(\.name) == ["chat gpt-5", "SELECT papers"])
    }
}
