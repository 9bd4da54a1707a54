import SemanticConventions
import Tracing

/// Records attributes on any span: by type where the span can, else through its dictionary.
struct AttributeRecorder: Sendable {
    let span: any Span
    /// Found once for each span, because the cast costs more than several attributes.
    private let typed: (any TypedAttributeRecording)?

    init(_ span: any Span) {
        self.span = span
        typed = span as? any TypedAttributeRecording
    }

    /// Records `value` unless it is nil.
    func set<Value: AttributeValueType>(_ key: AttributeKey<Value>, _ value: Value?) {
        guard let value else { return }
        if let typed {
            value.record(under: key.staticName, on: typed)
        } else {
            span.attributes[key.name] = value.spanAttribute
        }
    }

    /// Records `values` unless there are none.
    func set(_ key: AttributeKey<[String]>, _ values: [String]) {
        if !values.isEmpty { set(key, Optional(values)) }
    }

    /// Records how the operation failed: `error.type`, an `exception` event and the status. A cancelled operation did
    /// not fail: it gets only its mark.
    func fail(_ error: any Error) {
        markFailed(error)
        if !isCancellation(error) { span.recordError(error) }
    }

    /// The same for an error that is not thrown, or not yet, which has no event.
    func markFailed(_ error: any Error) {
        guard !isCancellation(error) else { return set(SkeinAttributes.isCancelled, true) }
        set(ErrorAttributes.errorType, errorType(error))
        span.setStatus(SpanStatus(code: .error, message: String(describing: error)))
    }

    /// Adds an event unless nobody would see it.
    func addEvent(_ name: String, _ attributes: @autoclosure () -> SpanAttributes) {
        guard span.isRecording else { return }
        span.addEvent(SpanEvent(name: name, attributes: attributes()))
    }
}

extension SpanAttributes {
    /// Sets the attribute unless the value is nil.
    mutating func set<Value: AttributeValueType>(_ key: AttributeKey<Value>, _ value: Value?) {
        if let value { self[key.name] = value.spanAttribute }
    }
}
