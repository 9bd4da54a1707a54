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
public final class SkeinSpan: Tracing.Span, TypedAttributeRecording {
    struct State: ~Copyable {
        var name: String
        var fields = SpanFields()
        var status: SpanStatus?
        var isEnded = false
    }

    /// What a recording span needs besides its state; nil for a span that is not sampled.
    struct Recording {
        let pipeline: SpanPipeline
        let parentID: SpanID
        let isParentRemote: Bool
        let kind: UInt8
        let startNanoseconds: UInt64
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

    private let recording: Recording?
    /// Ids and flags; nil only when tracing is off and the caller has no trace either.
    public let spanContext: SpanContext?
    /// The context the span was started in.
    private let parentContext: ServiceContext
    private let contextForm: ContextForm
    private let state: Mutex<State>

    /// - Parameter recording: nil for a span that records nothing.
    init(
        name: String, spanContext: SpanContext?, parent: ServiceContext, contextForm: ContextForm,
        recording: Recording? = nil
    ) {
        self.recording = recording
        self.spanContext = spanContext
        parentContext = parent
        self.contextForm = contextForm
        state = Mutex(State(name: name))
    }

    /// The context to run the span's work in: the caller's, with this span as the parent of new ones. Made anew each
    /// time, so that the span does not keep itself alive.
    public var context: ServiceContext {
        var context = parentContext
        switch contextForm {
        case .callers: break
        case .span: context.currentSpan = .local(self)
        case .copy: context.spanContext = spanContext
        }
        return context
    }

    /// The name; may change until the end.
    public var operationName: String {
        get { state.withLock { $0.name } }
        set { change { state, _ in state.name = newValue } }
    }

    /// Whether the span is sampled and has not ended.
    public var isRecording: Bool {
        recording != nil && state.withLock { !$0.isEnded }
    }

    /// Sets the outcome. Once it is ok it stays so; an error may become ok.
    public func setStatus(_ status: SpanStatus) {
        change { state, _ in
            if state.status?.code != .ok { state.status = status }
        }
    }

    /// Adds an event.
    public func addEvent(_ event: SpanEvent) {
        change { state, limits in state.fields.addEvent(event, limits) }
    }

    /// Adds a link to another span. A context without a span is ignored.
    public func addLink(_ link: SpanLink) {
        guard let target = link.context.spanContext, target.isValid else { return }
        change { state, limits in state.fields.addLink(target, link.attributes, limits) }
    }

    /// Adds an `exception` event with the error's type and text. Leaves the status alone.
    public func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        guard isRecording else { return }
        var described = attributes
        let type = String(reflecting: Swift.type(of: error))
        if described.get(ErrorAttributes.exceptionType.name) == nil {
            described.set(ErrorAttributes.exceptionType.name, value: .string(type))
        }
        if described.get(ErrorAttributes.exceptionMessage.name) == nil {
            described.set(ErrorAttributes.exceptionMessage.name, value: .string(String(describing: error)))
        }
        addEvent(SpanEvent(name: ErrorAttributes.exceptionEventName, at: instant(), attributes: described))
    }

    /// Ends the span and hands it to the batch. Ending it again is ignored and counted.
    public func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        guard let recording, let spanContext else { return }
        let end = max(instant().nanosecondsSinceEpoch, recording.startNanoseconds)
        let isFirst = state.withLock { state in
            guard !state.isEnded else { return false }
            state.isEnded = true
            Self.finish(&state, spanContext, recording, end)
            return true
        }
        if !isFirst { recording.pipeline.counters.countWriteAfterEnd() }
    }

    /// Runs `body` under the span's lock unless the span does not record or has ended.
    @inline(__always)
    func change(_ body: (inout State, SpanLimits) -> Void) {
        guard let recording else { return }
        let isLate = state.withLock { state in
            if state.isEnded { return true }
            body(&state, recording.pipeline.limits)
            return false
        }
        if isLate { recording.pipeline.counters.countWriteAfterEnd() }
    }

    /// Reads under the span's lock.
    func read<Result>(_ body: (inout State) -> Result) -> Result {
        state.withLock { state in body(&state) }
    }

    /// Encodes the span into the processor's chunk. Runs under the span's lock, so that a concurrent write is either
    /// in it or late.
    private static func finish(
        _ state: inout State, _ context: SpanContext, _ recording: Recording, _ end: UInt64
    ) {
        withUTF8(state.name) { name in
            withUTF8(context.traceState.header) { traceState in
                withUTF8(state.status?.message ?? "") { message in
                    let span = FinishedSpan(
                        context: context, parentID: recording.parentID, isParentRemote: recording.isParentRemote,
                        kind: recording.kind, startNanoseconds: recording.startNanoseconds, endNanoseconds: end,
                        name: name, traceState: traceState, statusMessage: message, statusCode: state.statusCode,
                        droppedAttributes: state.fields.droppedAttributes,
                        droppedEvents: state.fields.droppedEvents, droppedLinks: state.fields.droppedLinks,
                        fields: state.fields.buffer.bytes)
                    recording.pipeline.processor.onEnd(span)
                }
            }
        }
        state.fields.releaseBuffer()
    }
}

extension SkeinSpan.State {
    fileprivate var statusCode: UInt8 {
        switch status?.code {
        case nil: 0
        case .ok: 1
        case .error: 2
        }
    }
}
