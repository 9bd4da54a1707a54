import SemanticConventions
import Tracing

// The fast way to set attributes, on a span of any type: what `InstrumentationSystem.tracer` and `withSpan` hand out is
// an `any Span`. A span of another tracer gets the value through its dictionary.
extension Tracing.Span {
    /// Records a string.
    @inlinable @_disfavoredOverload
    public func record(_ key: StaticString, _ value: String) {
        if let span = self as? SkeinSpan { span.record(key, value) } else { attributes[key.description] = value }
    }

    /// Records an integer.
    @inlinable @_disfavoredOverload
    public func record(_ key: StaticString, _ value: Int) {
        if let span = self as? SkeinSpan { span.record(key, Int64(value)) } else { attributes[key.description] = value }
    }

    /// Records a floating-point number.
    @inlinable @_disfavoredOverload
    public func record(_ key: StaticString, _ value: Double) {
        if let span = self as? SkeinSpan { span.record(key, value) } else { attributes[key.description] = value }
    }

    /// Records a truth value.
    @inlinable @_disfavoredOverload
    public func record(_ key: StaticString, _ value: Bool) {
        if let span = self as? SkeinSpan { span.record(key, value) } else { attributes[key.description] = value }
    }

    /// Records a value, or a list of values, under a key of a conventions file.
    @inlinable @_disfavoredOverload
    public func record<Value: AttributeValueType>(_ key: AttributeKey<Value>, _ value: Value) {
        if let span = self as? SkeinSpan {
            value.record(under: key.staticName, on: span)
        } else {
            attributes[key.name] = value.spanAttribute
        }
    }
}
