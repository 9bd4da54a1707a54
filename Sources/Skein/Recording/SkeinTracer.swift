import ContextBaggage
import OTLP
import SemanticConventions
import Tracing

/// Skein's tracer: makes spans, and carries context in and out of carriers.
///
/// ``SkeinTracing/bootstrap(serviceName:configure:)`` makes one for the whole process; tests make their own with
/// `SkeinTesting`.
public final class SkeinTracer: Tracer {
    /// Spans that this tracer makes.
    public typealias Span = SkeinSpan

    private let pipeline: SpanPipeline
    /// Samplers that most services use.
    private enum SamplerForm {
        case alwaysOn, alwaysOff, parentOrOn, other

        init(_ sampler: any Sampler) {
            switch sampler {
            case is AlwaysOnSampler: self = .alwaysOn
            case is AlwaysOffSampler: self = .alwaysOff
            case let sampler as ParentBasedSampler where sampler.isDefault: self = .parentOrOn
            default: self = .other
            }
        }
    }

    private let sampler: any Sampler
    private let samplerForm: SamplerForm
    private let ids: any IDGenerator
    /// `ids` where they are Skein's own, which need no call.
    private let randomIDs: RandomIDGenerator?
    private let propagators: [any TextMapPropagator]
    /// Keys of baggage that every recorded span gets as attributes.
    private let baggageAttributes: [String]
    /// Whether a decision can come in without a span.
    private let readsRequestedSampling: Bool
    /// The flags of new traces.
    private let rootFlags: TraceFlags
    /// False makes every span a pass-through of the caller's context; propagation still works.
    private let isEnabled: Bool

    init(_ pipeline: SpanPipeline, _ configuration: TracingConfiguration) {
        self.pipeline = pipeline
        sampler = configuration.sampler
        samplerForm = SamplerForm(configuration.sampler)
        ids = configuration.idGenerator
        randomIDs = configuration.idGenerator as? RandomIDGenerator
        baggageAttributes = Array(configuration.baggageAttributes.prefix(Baggage.membersMax))
        propagators = configuration.propagators.map { [baggageAttributes] in
            $0.format(readingBaggage: baggageAttributes)
        }
        readsRequestedSampling = propagators.contains { $0 is B3Propagator || $0 is JaegerPropagator }
        rootFlags = configuration.idGenerator.makesRandomTraceIDs ? .random : []
        isEnabled = !configuration.isDisabled
    }

    /// Starts a span as a child of the span in `context`, or of a new trace where there is none.
    public func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> SkeinSpan {
        start(operationName, nil, context(), kind, instant)
    }

    /// Starts a span that has `attributes` from its start, so that samplers can decide by them.
    @inline(__always)
    func start<Instant: TracerInstant>(
        _ name: String, _ attributes: SpanAttributes?, _ parentContext: ServiceContext, _ kind: SpanKind,
        _ instant: () -> Instant
    ) -> SkeinSpan {
        // Looking into a context costs more than everything else that is empty by default together.
        let isContextEmpty = parentContext.isEmpty
        let current = isContextEmpty ? nil : parentContext.currentSpan
        let parent = current?.spanContext
        guard isEnabled else {
            return SkeinSpan(notRecording: name, parent, in: parentContext, as: .callers)
        }
        let requested =
            isContextEmpty || !readsRequestedSampling || parent != nil ? nil : parentContext.requestedSampling
        // One that holds a span and nothing else needs no look at all.
        let mayHaveBaggage = !isContextEmpty && parentContext.count > (current == nil ? 0 : 1)
        let baggage = mayHaveBaggage && !baggageAttributes.isEmpty ? parentContext.baggage : nil
        let root = parent == nil ? nextTrace() : nil
        let traceID = parent?.traceID ?? root?.traceID ?? .invalid
        let decision =
            knownDecision(parent, requested)
            ?? sampler.shouldSample(
                SamplingParameters(
                    parent: parent, traceID: traceID, name: name, kind: kind, attributes: attributes ?? [:],
                    remoteDecision: requested.map { $0 != .notSampled }, baggage: baggage,
                    baggageAttributes: baggageAttributes))
        if !decision.isSampled, let parent, !parent.isSampled, !parent.isDeferred,
            parent.traceState == decision.traceState
        {
            // The caller is not sampled either: what lies below names the same parent as if this span did not exist.
            return SkeinSpan(notRecording: name, parent, in: parentContext, as: .callers)
        }
        let inherited = parent.map { $0.flags.intersection(.random) } ?? rootFlags
        let spanContext = SpanContext(
            traceID: traceID, spanID: root?.spanID ?? randomIDs?.nextSpanID() ?? ids.nextSpanID(),
            flags: decision.isSampled ? inherited.union(.sampled) : inherited,
            traceState: decision.traceState, isRemote: false, isDebug: parent?.isDebug ?? (requested == .debug))
        let contextForm: SkeinSpan.ContextForm = if case .local = current { .copy } else { .span }
        guard decision.isSampled else {
            return SkeinSpan(notRecording: name, spanContext, in: parentContext, as: contextForm)
        }
        let span = SkeinSpan(
            name, pipeline, spanContext, in: parentContext, as: contextForm, parent: parent, kind: kind,
            startNanoseconds: instant().nanosecondsSinceEpoch)
        pipeline.started.add()
        if mayHaveBaggage, let baggage = baggage ?? parentContext.baggage { describe(span, baggage) }
        if let attributes { span.attributes.merge(attributes) }
        pipeline.tellStart(span, in: parentContext)
        return span
    }

    @inline(__always)
    private func nextTrace() -> (traceID: TraceID, spanID: SpanID) {
        randomIDs?.nextTrace() ?? (ids.nextTraceID(), ids.nextSpanID())
    }

    /// The decision of a sampler that looks at the parent alone, without a call; nil where the sampler has to be asked.
    @inline(__always)
    private func knownDecision(_ parent: SpanContext?, _ requested: RequestedSampling?) -> SamplingResult? {
        let isSampled: Bool
        switch samplerForm {
        case .alwaysOn: isSampled = true
        case .alwaysOff: isSampled = false
        case .parentOrOn:
            if requested != nil || parent?.isDeferred == true { return nil }
            isSampled = parent?.isSampled ?? true
        case .other: return nil
        }
        return SamplingResult(isSampled: isSampled, traceState: parent?.traceState ?? TraceState())
    }

    /// Says on whose behalf the span is and which variants it belongs to, and what the configuration asks for besides.
    @inline(never)
    private func describe(_ span: SkeinSpan, _ baggage: Baggage) {
        var stamps = BaggageStamps()
        span.change { state in
            for entry in baggage.entries {
                guard let value = stamps.value(forEntry: entry.key, entry.value) else { continue }
                state.fields.set(entry.key, .string(value))
            }
            for key in baggageAttributes {
                if let value = baggage[key] { state.fields.set(key, .string(value)) }
            }
        }
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
    /// asynchronous code prefer ``SkeinTracing/flush(timeout:)``.
    public func forceFlush() {
        _ = pipeline.forceFlush(timeout: .seconds(30))
    }

    /// Reads the configured formats from `carrier` into `context`; see ``Propagator`` for which of several wins.
    public func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        for propagator in propagators {
            propagator.extract(into: &context) { extractor.extract(key: $0, from: carrier) }
        }
    }

    /// Writes the configured formats of `context` into `carrier`.
    public func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        for propagator in propagators {
            propagator.inject(context) { injector.inject($1, forKey: $0, into: &carrier) }
        }
    }

    /// How the spans of this tracer fared so far.
    public var statistics: TracingStatistics { pipeline.statistics }
}
