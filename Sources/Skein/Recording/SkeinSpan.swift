import OTLP
import SemanticConventions
import Synchronization
import Tracing

/// A span of Skein.
///
/// Attributes, events and links are written as OTLP bytes the moment they are set; ending the span appends those bytes
/// to the batch. All members may be called from any thread at the same time. What is set after the end is ignored and
/// counted (``TracingStatistics/writesAfterEnd``). A span that is not sampled records nothing and carries on the
/// caller's trace.
public final class SkeinSpan: Tracing.Span, TypedAttributeRecording, ContextualSpan {
    struct State: ~Copyable {
        var name: String
        var fields: SpanFields
        var status: SpanStatus?
        var reads = AttributeReads()
        var isEnded = false
    }

    /// How the span stands in its own context; see ``CurrentSpan``.
    enum ContextForm {
        /// Not at all: the caller's context goes on as it is.
        case callers
        /// As itself.
        case span
        /// As a copy of its identity.
        case copy
    }

    /// Nil for a span that is not sampled.
    private let pipeline: SpanPipeline?
    /// Ids and flags; nil only when tracing is off and the caller has no trace either.
    public let spanContext: SpanContext?
    /// The context it was started in.
    private let parentContext: ServiceContext
    private let contextForm: ContextForm
    private let isParentRemote: Bool
    private let kind: SpanKind
    private let parentSpanID: SpanID
    private let startNanoseconds: UInt64
    private let state: Mutex<State>

    /// A span that is recorded.
    init(
        _ name: String, _ pipeline: SpanPipeline, _ spanContext: SpanContext, in context: ServiceContext,
        as contextForm: ContextForm, parent: SpanContext?, kind: SpanKind, startNanoseconds: UInt64
    ) {
        self.pipeline = pipeline
        self.spanContext = spanContext
        parentContext = context
        self.contextForm = contextForm
        isParentRemote = parent?.isRemote ?? false
        parentSpanID = parent?.spanID ?? .invalid
        self.kind = kind
        self.startNanoseconds = startNanoseconds
        state = Mutex(State(name: name, fields: SpanFields(pipeline.limits)))
    }

    /// A span that records nothing.
    init(
        notRecording name: String, _ spanContext: SpanContext?, in context: ServiceContext, as contextForm: ContextForm
    ) {
        pipeline = nil
        self.spanContext = spanContext
        parentContext = context
        self.contextForm = contextForm
        isParentRemote = false
        parentSpanID = .invalid
        kind = .internal
        startNanoseconds = 0
        state = Mutex(State(name: name, fields: SpanFields()))
    }

    /// The context to run the span's work in: the caller's, with this span as the parent of new ones. Made anew each
    /// time, so that the span does not keep itself alive.
    public var context: ServiceContext {
        if case .callers = contextForm { return parentContext }
        var context = parentContext.isEmpty ? .withVacancy : parentContext
        switch contextForm {
        case .callers: break
        case .span: context.currentSpan = .local(self)
        case .copy: context.spanContext = spanContext
        }
        return context
    }

    package func placed(in context: ServiceContext) -> ServiceContext {
        var placed = context
        placed.currentSpan = self.context.currentSpan
        return placed
    }

    /// The name; may change until the end.
    public var operationName: String {
        get { state.withLock { $0.name } }
        set { change { state in state.name = newValue } }
    }

    /// Whether the span is sampled and has not ended.
    public var isRecording: Bool {
        pipeline != nil && state.withLock { !$0.isEnded }
    }

    /// Sets the outcome. Once it is ok it stays so; an error may become ok.
    public func setStatus(_ status: SpanStatus) {
        change { state in
            if state.status?.code != .ok { state.status = status }
        }
    }

    /// Adds an event.
    public func addEvent(_ event: SpanEvent) {
        guard pipeline != nil else { return }
        let limits = limits
        var event = event
        event.attributes = event.attributes.described
        change { state in state.fields.addEvent(event, limits) }
    }

    /// Adds a link to another span. A context without a span is ignored.
    public func addLink(_ link: SpanLink) {
        guard pipeline != nil, let target = link.context.spanContext, target.isValid else { return }
        let limits = limits
        let attributes = link.attributes.described
        change { state in state.fields.addLink(target, attributes, limits) }
    }

    /// Adds an `exception` event with the error's type and text, the attributes given, and the call stack where
    /// ``TracingConfiguration/recordsCallStacks`` asks for it. Leaves the status alone.
    public func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        guard let pipeline else { return }
        guard isRecording else { return pipeline.countWriteAfterEnd() }
        var described = attributes
        let type = String(reflecting: Swift.type(of: error))
        if described.get(ErrorAttributes.exceptionType.name) == nil {
            described.set(ErrorAttributes.exceptionType.name, value: .string(type))
        }
        if described.get(ErrorAttributes.exceptionMessage.name) == nil {
            described.set(ErrorAttributes.exceptionMessage.name, value: .string(String(describing: error)))
        }
        if pipeline.recordsCallStacks, described.get(ErrorAttributes.exceptionStacktrace.name) == nil,
            let stack = CallStack.text()
        {
            described.set(ErrorAttributes.exceptionStacktrace.name, value: .string(stack))
        }
        addEvent(SpanEvent(name: ErrorAttributes.exceptionEventName, at: instant(), attributes: described))
    }

    /// Ends the span and hands it to the batch. Ending it again is ignored and counted.
    public func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        guard let pipeline, let spanContext else { return }
        let end = max(instant().nanosecondsSinceEpoch, startNanoseconds)
        var name = ""
        var status: SpanStatus?
        var fields = SpanFields()
        // Under the lock the content changes hands, so that a concurrent write is either in it or late.
        let isFirst = state.withLock { state in
            guard !state.isEnded else { return false }
            state.isEnded = true
            name = state.name
            status = state.status
            swap(&fields, &state.fields)
            return true
        }
        guard isFirst else { return pipeline.countWriteAfterEnd() }
        pipeline.end(
            FinishedSpan(
                context: spanContext, parentSpanID: parentSpanID, isParentRemote: isParentRemote, kind: kind,
                startNanoseconds: startNanoseconds, endNanoseconds: end, name: name, status: status, fields: fields))
    }

    /// The tracer's limits; a span that records nothing never asks.
    @inline(__always)
    var limits: SpanLimits { pipeline?.limits ?? SpanLimits() }

    /// Runs `body` under the span's lock unless the span does not record or has ended.
    @inline(__always)
    func change(_ body: (inout State) -> Void) {
        guard pipeline != nil else { return }
        let isLate = state.withLock { state in
            if state.isEnded { return true }
            body(&state)
            return false
        }
        if isLate { pipeline?.countWriteAfterEnd() }
    }

    /// Reads under the span's lock.
    func read<Result>(_ body: (inout State) -> Result) -> Result {
        state.withLock { state in body(&state) }
    }
}
