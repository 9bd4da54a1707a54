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

    /// Marks the span as failed: `error.type`, an `exception` event and the status.
    func fail(_ error: any Error) {
        set(ErrorAttributes.errorType, errorType(error))
        span.recordError(error)
        span.setStatus(SpanStatus(code: .error, message: String(describing: error)))
    }
}

/// An error that names its own class, for `error.type`: a status code or a word such as `rate_limited`.
public protocol ErrorTypeProviding: Error {
    /// One of few distinct values.
    var errorType: String { get }
}

/// What the error calls itself, or the name of its Swift type with its module.
private func errorType(_ error: any Error) -> String {
    (error as? any ErrorTypeProviding)?.errorType ?? String(reflecting: type(of: error))
}
