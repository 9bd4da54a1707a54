/// A span that takes attributes by type, without the dictionary of swift-distributed-tracing.
///
/// Setting an attribute through `Span.attributes` copies and boxes; a span that conforms to this protocol records a
/// value in a tenth of that time. Helpers that work on any tracer cast a span to it once
/// (`span as? any TypedAttributeRecording`) and fall back to `Span.attributes` where the cast fails.
///
/// The key is a `StaticString` so that it can be a constant of a conventions file and its bytes need no copy or check.
/// A key recorded twice keeps its last value. Calls may come from any thread, also at the same time; after the span
/// has ended they are ignored.
public protocol TypedAttributeRecording: AnyObject, Sendable {
    /// Whether values are kept at all; false on a span that is not sampled or has ended.
    var isRecording: Bool { get }

    /// Records a string.
    func record(_ key: StaticString, _ value: String)
    /// Records an integer.
    func record(_ key: StaticString, _ value: Int64)
    /// Records a floating-point number.
    func record(_ key: StaticString, _ value: Double)
    /// Records a truth value.
    func record(_ key: StaticString, _ value: Bool)
    /// Records a list of strings.
    func record(_ key: StaticString, _ values: [String])
    /// Records a list of integers.
    func record(_ key: StaticString, _ values: [Int64])
    /// Records a list of floating-point numbers.
    func record(_ key: StaticString, _ values: [Double])
    /// Records a list of truth values.
    func record(_ key: StaticString, _ values: [Bool])
}

extension TypedAttributeRecording {
    /// Records an integer.
    @inlinable
    public func record(_ key: StaticString, _ value: Int) {
        record(key, Int64(value))
    }

    /// Records `value` under a key of a conventions file.
    @inlinable
    public func record(_ key: AttributeKey<String>, _ value: String) {
        record(key.staticName, value)
    }

    /// Records `value` under a key of a conventions file.
    @inlinable
    public func record(_ key: AttributeKey<Int>, _ value: Int) {
        record(key.staticName, Int64(value))
    }

    /// Records `value` under a key of a conventions file.
    @inlinable
    public func record(_ key: AttributeKey<Double>, _ value: Double) {
        record(key.staticName, value)
    }

    /// Records `value` under a key of a conventions file.
    @inlinable
    public func record(_ key: AttributeKey<Bool>, _ value: Bool) {
        record(key.staticName, value)
    }

    /// Records `values` under a key of a conventions file.
    @inlinable
    public func record(_ key: AttributeKey<[String]>, _ values: [String]) {
        record(key.staticName, values)
    }
}
