import Skein
import SkeinTesting
import Synchronization
import Testing
import Tracing

/// Users' own span processors.
@Suite struct SpanProcessorTests {
    private final class Recorder: SpanProcessor {
        struct Seen: Equatable {
            var name: String
            var attribute: String?
            var isError: Bool
            var nanoseconds: UInt64
            var hasParent: Bool
        }

        let seen = Mutex<[Seen]>([])
        let calls = Mutex<[String]>([])

        func onStart(_ span: SkeinSpan, parent: ServiceContext) {
            span.record("started.with", parent.baggage?["user.id"] ?? "nobody")
        }

        func onEnd(_ span: borrowing FinishedSpan) {
            let attribute: String? =
                if case .string(let text)? = span.attributes.get("started.with") { text } else { nil }
            let one = Seen(
                name: span.name, attribute: attribute, isError: span.status?.code == .error,
                nanoseconds: span.endNanoseconds - span.startNanoseconds, hasParent: span.parentSpanID.isValid)
            seen.withLock { $0.append(one) }
        }

        func forceFlush(timeout: Duration) -> Bool {
            calls.withLock { $0.append("flush") }
            return true
        }

        func shutdown(timeout: Duration) async {
            calls.withLock { $0.append("shutdown") }
        }
    }

    @Test func processorSeesStartAndEndOfEveryRecordedSpan() async throws {
        let (recorder, exporter) = (Recorder(), InMemorySpanExporter())
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.exporters = [.custom(exporter)]
        configuration.processors = [recorder]
        let tracing = try SkeinTracing(configuration)
        var context = ServiceContext.topLevel
        context.baggage = Baggage()
        context.baggage?["user.id"] = "u-1"
        let outer = tracing.tracer.startSpan("first", context: context)
        let inner = tracing.tracer.startSpan("inner", context: outer.context)
        inner.operationName = "second"
        inner.setStatus(SpanStatus(code: .error, message: "broken"))
        inner.end()
        outer.end()
        outer.end()
        tracing.tracer.forceFlush()
        await tracing.shutdown()
        let seen = recorder.seen.withLock { $0 }
        #expect(seen.map(\.name) == ["second", "first"] && seen.map(\.attribute) == ["u-1", "u-1"])
        #expect(seen.map(\.isError) == [true, false] && seen.map(\.hasParent) == [true, false])
        #expect(exporter.spans.allSatisfy { $0.attributes["started.with"] == .string("u-1") })
        #expect(recorder.calls.withLock { $0 } == ["flush", "shutdown"])
    }

    @Test func processorIsToldNothingAfterItsShutdown() async throws {
        let recorder = Recorder()
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.exporters = []
        configuration.processors = [recorder]
        let tracing = try SkeinTracing(configuration)
        let open = tracing.tracer.startSpan("open", context: .topLevel)
        await tracing.shutdown()
        open.end()
        let late = tracing.tracer.startSpan("late", context: .topLevel)
        #expect(late.attributes.isEmpty, "no start is told either")
        late.end()
        #expect(recorder.seen.withLock { $0 }.isEmpty)
        await tracing.shutdown()
        #expect(recorder.calls.withLock { $0 } == ["shutdown"])
    }

    /// What a processor of the user's takes of the time must not be the exporters' loss.
    @Test func slowProcessorTakesNoTimeOfTheExporters() async throws {
        struct Slow: SpanProcessor {
            func shutdown(timeout: Duration) async { try? await Task.sleep(for: timeout) }
        }
        let exporter = GatedExporter()
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.exporters = [.custom(exporter)]
        configuration.processors = [Slow()]
        let tracing = try SkeinTracing(configuration)
        for _ in 0..<5_000 { tracing.tracer.startSpan("s", context: .topLevel).end() }
        await tracing.shutdown(timeout: .seconds(2))
        #expect(exporter.spanCount == 5_000 && tracing.statistics.droppedShutdown == 0)
    }

    @Test func processorSeesNothingOfSpansThatAreNotSampled() async throws {
        let recorder = Recorder()
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.exporters = []
        configuration.sampler = AlwaysOffSampler()
        configuration.processors = [recorder]
        let tracing = try SkeinTracing(configuration)
        tracing.tracer.startSpan("x", context: .topLevel).end()
        await tracing.shutdown()
        #expect(recorder.seen.withLock { $0 }.isEmpty)
    }
}
