import Tracing

/// The span of an operation that one of this module's functions runs.
public protocol OperationSpan: Sendable {
    /// The span itself, for attributes of one's own.
    var span: any Span { get }
}
