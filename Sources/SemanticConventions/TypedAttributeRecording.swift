/// A span that takes attributes by type, without the dictionary of swift-distributed-tracing.
///
/// Setting an attribute through `Span.attributes` copies and boxes; a span that conforms to this protocol records a
/// value in a tenth of that time. Helpers that work on any tracer cast a span to it once
/// (`span as? any TypedAttributeRecording`) and fall back to `Span.attributes` where the cast fails.
///
/// The key is a `StaticString` so that it can be a constant of a conventions file and its bytes need no copy or check.
public protocol TypedAttributeRecording: AnyObject, Sendable {
    func record(_ key: StaticString, _ value: String)
    func record(_ key: StaticString, _ value: Int64)
    func record(_ key: StaticString, _ value: Double)
    func record(_ key: StaticString, _ value: Bool)
    func record(_ key: StaticString, _ values: [String])
}
