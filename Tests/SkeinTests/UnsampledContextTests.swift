import OTLP
import Skein
import SkeinTesting
import Testing
import Tracing

@Suite struct UnsampledContextTests {
    private enum UserKey: ServiceContextKey {
        typealias Value = String
    }

    @Test func unsampledSpanCarriesOnTheTraceWithFlagsZero() throws {
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer { $0.sampler = AlwaysOffSampler() }
        var context = ServiceContext.topLevel
        tracer.extract(
            ["traceparent": TraceContextTests.valid, "tracestate": "a=1", "baggage": "k=v"], into: &context,
            using: HeaderExtractor())
        let span = tracer.startSpan("dropped", context: context)
        #expect(!span.isRecording)
        span.attributes["a"] = 1
        span.addEvent("e")
        span.recordError(CancellationError())
        var headers: [String: String] = [:]
        tracer.inject(span.context, into: &headers, using: HeaderInjector())
        span.end()
        let parent = try #require(headers["traceparent"])
        #expect(parent.hasPrefix("00-\(TraceContextTests.traceID)-") && parent.hasSuffix("-00"))
        #expect(headers["tracestate"] == "a=1")
        #expect(headers["baggage"] == "k=v")
        #expect(exporter.spans.isEmpty)
        #expect(tracer.statistics == TracingStatistics())
    }

    @Test func childOfAnUnsampledSpanIsUnsampledInTheSameTrace() throws {
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer { $0.sampler = ParentBasedSampler(root: AlwaysOffSampler()) }
        tracer.withSpan("root") { root in
            tracer.withSpan("child") { child in
                #expect(child.spanContext?.traceID == root.spanContext?.traceID)
                #expect(child.spanContext?.flags == .random)
                #expect(!child.isRecording)
            }
        }
        #expect(exporter.spans.isEmpty)
    }

    @Test func disabledTracingPassesTheCallersContextThrough() {
        let tracer = InMemorySpanExporter().tracer { $0.isDisabled = true }
        var context = ServiceContext.topLevel
        tracer.extract(["traceparent": TraceContextTests.valid], into: &context, using: HeaderExtractor())
        let span = tracer.startSpan("off", context: context)
        var headers: [String: String] = [:]
        tracer.inject(span.context, into: &headers, using: HeaderInjector())
        span.end()
        #expect(headers == ["traceparent": TraceContextTests.valid])
        #expect(tracer.startSpan("off", context: .topLevel).spanContext == nil)
    }

    @Test(
        arguments: [
            ParentBasedSampler(root: AlwaysOffSampler()), AlwaysOffSampler(), TraceIDRatioSampler(ratio: 0),
        ] as [any Sampler])
    func nestedUnsampledSpansKeepBaggageAndTheCallersOwnKeys(_ sampler: any Sampler) throws {
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer { $0.sampler = sampler }
        var context = ServiceContext.topLevel
        context[UserKey.self] = "mine"
        context.baggage = Baggage()
        context.baggage?["user.id"] = "alice"
        var seen: [ServiceContext] = []
        tracer.withSpan("a", context: context) { _ in
            tracer.withSpan("b") { _ in
                if var current = ServiceContext.current {
                    seen.append(current)
                    current.baggage?["user.id"] = "bob"
                    tracer.withSpan("c", context: current) { span in
                        if let current = ServiceContext.current { seen.append(current) }
                        seen.append(span.context)
                    }
                }
            }
            if let current = ServiceContext.current { seen.append(current) }
        }
        #expect(seen.map { $0[UserKey.self] } == ["mine", "mine", "mine", "mine"])
        #expect(seen.map { $0.baggage?["user.id"] } == ["alice", "bob", "bob", "alice"])
        #expect(Set(seen.compactMap { $0.spanContext?.traceID }).count == 1)
        #expect(seen.allSatisfy { $0.spanContext?.isSampled == false })
        #expect(exporter.spans.isEmpty)
    }
}
