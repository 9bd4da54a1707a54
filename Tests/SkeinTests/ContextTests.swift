import OTLP
import Skein
import SkeinTesting
import Testing
import Tracing

@Suite struct ContextTests {
    private let exporter = InMemorySpanExporter()

    /// Whether all spans but the root are its children.
    private func areChildren(_ names: [String]) throws {
        let root = try #require(exporter.spans(named: "root").first)
        for name in names {
            let span = try #require(exporter.spans(named: name).first)
            #expect(span.parentSpanID == root.spanID && span.traceID == root.traceID)
        }
        #expect(exporter.spans.count == names.count + 1)
    }

    @Test func taskGroupCarriesTheContextIntoItsTasks() async throws {
        let tracer = exporter.tracer()
        await tracer.withSpan("root", context: .topLevel) { _ in
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<3 {
                    group.addTask { await tracer.withSpan("child \(number)") { _ in await Task.yield() } }
                }
            }
        }
        try areChildren(["child 0", "child 1", "child 2"])
    }

    @Test func asyncLetCarriesTheContext() async throws {
        let tracer = exporter.tracer()
        await tracer.withSpan("root", context: .topLevel) { _ in
            async let one: Void = tracer.withSpan("one") { _ in await Task.yield() }
            async let two: Void = tracer.withSpan("two") { _ in await Task.yield() }
            _ = await (one, two)
        }
        try areChildren(["one", "two"])
    }

    @Test func unstructuredTaskCarriesTheContext() async throws {
        let tracer = exporter.tracer()
        await tracer.withSpan("root", context: .topLevel) { _ in
            await Task { tracer.withSpan("task") { _ in } }.value
        }
        try areChildren(["task"])
    }

    @Test func detachedTaskHasTheContextThatItIsHandedAndNoOther() async throws {
        let tracer = exporter.tracer()
        await tracer.withSpan("root", context: .topLevel) { root in
            let context = root.context
            await Task.detached {
                #expect(ServiceContext.current == nil)
                await ServiceContext.withValue(context) {
                    await tracer.withSpan("handed over") { _ in await Task.yield() }
                }
                tracer.withSpan("named", context: context) { _ in }
            }.value
        }
        try areChildren(["handed over", "named"])
    }

    @Test func contextOutlivesTheSpanItNames() throws {
        let tracer = exporter.tracer()
        let context = tracer.withSpan("root", context: .topLevel) { $0.context }
        tracer.withSpan("late", context: context) { _ in }
        try areChildren(["late"])
    }

    @Test(arguments: [true, false])
    func endedAncestorsAreNotKeptAlive(_ isSampled: Bool) {
        let tracer = exporter.tracer { $0.sampler = isSampled ? AlwaysOnSampler() : FreshTraceState() }
        weak var third: SkeinSpan?
        var context = ServiceContext.topLevel
        for number in 0..<10 {
            let span = tracer.startSpan("link \(number)", context: context)
            if number == 3 { third = span }
            context = span.context
            span.end()
        }
        #expect(context.spanContext?.isSampled == isSampled)
        #expect(third == nil)
    }

    /// Samples nothing and changes the trace state each time, so that every span has a context of its own.
    private struct FreshTraceState: Sampler {
        func shouldSample(_ parameters: SamplingParameters) -> SamplingResult {
            let count = Int(parameters.traceState["n"] ?? "0") ?? 0
            return SamplingResult(isSampled: false, traceState: parameters.traceState.setting("n", to: "\(count + 1)"))
        }
    }

    @Test func childrenOfEveryDepthNameTheirParent() throws {
        let tracer = exporter.tracer()
        var context = ServiceContext.topLevel
        var ids: [SpanID] = []
        for number in 0..<6 {
            let span = tracer.startSpan("\(number)", context: context)
            ids.append(try #require(span.spanContext?.spanID))
            // Asked twice, the context is the same.
            #expect(span.context.spanContext == span.context.spanContext)
            context = span.context
            span.end()
        }
        #expect(exporter.spans.map(\.spanID) == ids)
        #expect(exporter.spans.dropFirst().map(\.parentSpanID) == ids.dropLast())
    }

    // MARK: baggage as attributes

    private func withBaggage(_ entries: KeyValuePairs<String, String>) -> ServiceContext {
        var baggage = Baggage()
        for (key, value) in entries { baggage[key] = value }
        var context = ServiceContext.topLevel
        context.baggage = baggage
        return context
    }

    @Test func baggageOnTheListIsOnEveryRecordedSpan() throws {
        let tracer = exporter.tracer { $0.baggageAttributes = ["user.id", "absent", "tenant"] }
        let context = withBaggage(["user.id": "alice", "secret": "x", "tenant": "acme"])
        tracer.withSpan("outer", context: context) { _ in
            tracer.withSpan("inner") { $0.attributes["user.id"] = "set later" }
        }
        let outer = try #require(exporter.spans(named: "outer").first)
        #expect(outer.attributes == ["user.id": .string("alice"), "tenant": .string("acme")])
        let inner = try #require(exporter.spans(named: "inner").first)
        #expect(inner.attributes == ["user.id": .string("set later"), "tenant": .string("acme")])
    }

    /// But for what SkeinAgents puts there for all spans below; its tests have that.
    @Test func baggageIsNoAttributeUnlessListed() throws {
        exporter.tracer().withSpan("span", context: withBaggage(["session": "alice"])) { _ in }
        #expect(try #require(exporter.spans.first).attributes == [:])
    }

    @Test func attributesGivenAtTheStartWinOverBaggage() async throws {
        let tracer = exporter.tracer { $0.baggageAttributes = ["user.id"] }
        let context = withBaggage(["user.id": "alice"])
        tracer.startSpan("start", attributes: ["user.id": "bob", "n": 1], context: context, ofKind: .client).end()
        tracer.withSpan("sync", attributes: ["n": 2], context: context) { span in
            #expect(ServiceContext.current?.spanContext == span.spanContext)
        }
        await #expect(throws: CancellationError.self) {
            try await tracer.withSpan("async", attributes: ["n": 3], context: context) { _ in
                await Task.yield()
                throw CancellationError()
            }
        }
        let spans = exporter.spans
        #expect(spans.map(\.name) == ["start", "sync", "async"])
        #expect(spans[0].attributes == ["user.id": .string("bob"), "n": .int(1)] && spans[0].kind == .client)
        #expect(spans[1].attributes == ["user.id": .string("alice"), "n": .int(2)])
        #expect(spans[2].status == .error("") && spans[2].events.count == 1)
    }
}
