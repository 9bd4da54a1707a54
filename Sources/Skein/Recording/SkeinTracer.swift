import OTLP
import Tracing

/// Skein's tracer: makes spans, and carries context in and out of carriers.
///
/// ``SkeinTracing/bootstrap(serviceName:configure:)`` makes one for the whole process; tests make their own with
/// `SkeinTesting`.
public final class SkeinTracer: Tracer {
    /// Spans that this tracer makes.
    public typealias Span = SkeinSpan

    private let pipeline: SpanPipeline
    private let sampler: any Sampler
    private let ids: any IDGenerator
    private let propagators: [Propagator]
    /// False makes every span a pass-through of the caller's context; propagation still works.
    private let isEnabled: Bool

    init(_ pipeline: SpanPipeline, _ configuration: TracingConfiguration) {
        self.pipeline = pipeline
        sampler = configuration.sampler
        ids = configuration.idGenerator
        propagators = configuration.propagators
        isEnabled = !configuration.isDisabled
    }

    /// Starts a span as a child of the span in `context`, or of a new trace where there is none.
    public func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> SkeinSpan {
        let parentContext = context()
        let parent = parentContext.spanContext
        guard isEnabled else {
            return SkeinSpan(notRecording: operationName, parent, in: parentContext, isTransparent: true)
        }
        let traceID = parent?.traceID ?? ids.nextTraceID()
        let decision = sampler.shouldSample(
            SamplingParameters(parent: parent, traceID: traceID, name: operationName, kind: kind))
        let inherited = parent?.flags.intersection(.random) ?? []
        guard decision.isSampled else {
            return notSampled(operationName, parentContext, parent, traceID, inherited, decision.traceState)
        }
        let spanContext = SpanContext(
            traceID: traceID, spanID: ids.nextSpanID(), flags: inherited.union(.sampled),
            traceState: decision.traceState)
        let span = SkeinSpan(
            operationName, pipeline, spanContext, in: parentContext, parent: parent, kind: kind,
            startNanoseconds: instant().nanosecondsSinceEpoch)
        for processor in pipeline.processors { processor.onStart(span, parent: parentContext) }
        return span
    }

    /// A span that keeps the caller's trace. Where the caller is not sampled either, its context goes on as it is:
    /// what lies below then names the same parent as if this span did not exist.
    private func notSampled(
        _ name: String, _ context: ServiceContext, _ parent: SpanContext?, _ traceID: TraceID, _ flags: TraceFlags,
        _ traceState: TraceState
    ) -> SkeinSpan {
        if let parent, !parent.isSampled, parent.traceState == traceState {
            return SkeinSpan(notRecording: name, parent, in: context, isTransparent: true)
        }
        let spanContext = SpanContext(
            traceID: traceID, spanID: ids.nextSpanID(), flags: flags, traceState: traceState)
        return SkeinSpan(notRecording: name, spanContext, in: context, isTransparent: false)
    }

    /// Starts a span; see ``startSpan(_:context:ofKind:at:function:file:line:)``.
    @available(*, deprecated, message: "prefer withSpan")
    public func startAnySpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> any Tracing.Span {
        startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID, line: line
        )
    }

    /// Exports every span that has ended, and waits for it as long as an export may take. Blocks the thread; in
    /// asynchronous code prefer ``SkeinTracing/flush()``.
    public func forceFlush() {
        _ = pipeline.forceFlush(timeout: .seconds(30))
    }

    /// Reads the configured formats from `carrier` into `context`.
    public func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        for propagator in propagators { propagator.extract(carrier, into: &context, using: extractor) }
    }

    /// Writes the configured formats of `context` into `carrier`.
    public func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        for propagator in propagators { propagator.inject(context, into: &carrier, using: injector) }
    }

    /// How the spans of this tracer fared so far.
    public var statistics: TracingStatistics { pipeline.statistics }
}
