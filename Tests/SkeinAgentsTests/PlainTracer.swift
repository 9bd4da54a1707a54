import Synchronization
import Tracing

/// The least a swift-distributed-tracing tracer can be: it knows nothing of typed recording.
final class PlainTracer: Tracer {
    typealias Span = PlainSpan

    private let ended = Mutex<[PlainSpan]>([])

    /// In the order in which they ended.
    var spans: [PlainSpan] { ended.withLock { $0 } }

    func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> PlainSpan {
        PlainSpan(operationName, kind, context()) { span in self.ended.withLock { $0.append(span) } }
    }

    @available(*, deprecated, message: "prefer withSpan")
    func startAnySpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> any Tracing.Span {
        startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID, line: line
        )
    }

    func forceFlush() {}

    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {}

    func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {}
}

final class PlainSpan: Tracing.Span {
    private struct State {
        var operationName: String
        var attributes = SpanAttributes()
        var status: SpanStatus?
        var errorCount = 0
        var linkCount = 0
        var events: [SpanEvent] = []
        var endCount = 0
    }

    let context: ServiceContext
    let kind: SpanKind
    let isRecording = true
    private let state: Mutex<State>
    private let onEnd: @Sendable (PlainSpan) -> Void

    init(
        _ operationName: String, _ kind: SpanKind, _ context: ServiceContext,
        _ onEnd: @escaping @Sendable (PlainSpan) -> Void
    ) {
        self.kind = kind
        self.context = context
        self.onEnd = onEnd
        state = Mutex(State(operationName: operationName))
    }

    var operationName: String {
        get { state.withLock { $0.operationName } }
        set { state.withLock { $0.operationName = newValue } }
    }

    var attributes: SpanAttributes {
        get { state.withLock { $0.attributes } }
        set { state.withLock { $0.attributes = newValue } }
    }

    var attributeKeys: [String] {
        var keys: [String] = []
        attributes.forEach { key, _ in keys.append(key) }
        return keys
    }

    var status: SpanStatus? { state.withLock { $0.status } }
    var errorCount: Int { state.withLock { $0.errorCount } }
    var linkCount: Int { state.withLock { $0.linkCount } }
    var hasEnded: Bool { endCount > 0 }
    var endCount: Int { state.withLock { $0.endCount } }
    var events: [SpanEvent] { state.withLock { $0.events } }

    func setStatus(_ status: SpanStatus) { state.withLock { $0.status = status } }
    func addEvent(_ event: SpanEvent) { state.withLock { $0.events.append(event) } }
    func addLink(_ link: SpanLink) { state.withLock { $0.linkCount += 1 } }

    func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        state.withLock { $0.errorCount += 1 }
    }

    func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        state.withLock { $0.endCount += 1 }
        onEnd(self)
    }
}
