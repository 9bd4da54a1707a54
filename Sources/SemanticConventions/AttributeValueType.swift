import Tracing

extension String: AttributeValueType {
    /// Calls the overload of ``TypedAttributeRecording`` for this type.
    public func record(under key: StaticString, on span: any TypedAttributeRecording) {
        span.record(key, self)
    }

    /// The value in the dictionary form.
    public var spanAttribute: SpanAttribute { .string(self) }
}

extension Int: AttributeValueType {
    /// Calls the overload of ``TypedAttributeRecording`` for this type.
    public func record(under key: StaticString, on span: any TypedAttributeRecording) {
        span.record(key, Int64(self))
    }

    /// The value in the dictionary form.
    public var spanAttribute: SpanAttribute { .int64(Int64(self)) }
}

extension Int64: AttributeValueType {
    /// Calls the overload of ``TypedAttributeRecording`` for this type.
    public func record(under key: StaticString, on span: any TypedAttributeRecording) {
        span.record(key, self)
    }

    /// The value in the dictionary form.
    public var spanAttribute: SpanAttribute { .int64(self) }
}

extension Double: AttributeValueType {
    /// Calls the overload of ``TypedAttributeRecording`` for this type.
    public func record(under key: StaticString, on span: any TypedAttributeRecording) {
        span.record(key, self)
    }

    /// The value in the dictionary form.
    public var spanAttribute: SpanAttribute { .double(self) }
}

extension Bool: AttributeValueType {
    /// Calls the overload of ``TypedAttributeRecording`` for this type.
    public func record(under key: StaticString, on span: any TypedAttributeRecording) {
        span.record(key, self)
    }

    /// The value in the dictionary form.
    public var spanAttribute: SpanAttribute { .bool(self) }
}

/// A type whose lists an attribute can hold.
public protocol AttributeElementType: AttributeValueType {
    /// Records a list under `key` on a span that takes attributes by type.
    static func record(_ values: [Self], under key: StaticString, on span: any TypedAttributeRecording)

    /// A list as swift-distributed-tracing stores it.
    static func spanAttribute(_ values: [Self]) -> SpanAttribute
}

extension Array: AttributeValueType where Element: AttributeElementType {
    /// Calls the overload of ``TypedAttributeRecording`` for lists of this type.
    public func record(under key: StaticString, on span: any TypedAttributeRecording) {
        Element.record(self, under: key, on: span)
    }

    /// The list in the dictionary form.
    public var spanAttribute: SpanAttribute { Element.spanAttribute(self) }
}

extension String: AttributeElementType {
    /// Calls the overload of ``TypedAttributeRecording`` for lists of this type.
    public static func record(_ values: [String], under key: StaticString, on span: any TypedAttributeRecording) {
        span.record(key, values)
    }

    /// The list in the dictionary form.
    public static func spanAttribute(_ values: [String]) -> SpanAttribute { .stringArray(values) }
}

extension Int: AttributeElementType {
    /// Calls the overload of ``TypedAttributeRecording`` for lists of this type.
    public static func record(_ values: [Int], under key: StaticString, on span: any TypedAttributeRecording) {
        span.record(key, values.map(Int64.init))
    }

    /// The list in the dictionary form.
    public static func spanAttribute(_ values: [Int]) -> SpanAttribute { .int64Array(values.map(Int64.init)) }
}

extension Int64: AttributeElementType {
    /// Calls the overload of ``TypedAttributeRecording`` for lists of this type.
    public static func record(_ values: [Int64], under key: StaticString, on span: any TypedAttributeRecording) {
        span.record(key, values)
    }

    /// The list in the dictionary form.
    public static func spanAttribute(_ values: [Int64]) -> SpanAttribute { .int64Array(values) }
}

extension Double: AttributeElementType {
    /// Calls the overload of ``TypedAttributeRecording`` for lists of this type.
    public static func record(_ values: [Double], under key: StaticString, on span: any TypedAttributeRecording) {
        span.record(key, values)
    }

    /// The list in the dictionary form.
    public static func spanAttribute(_ values: [Double]) -> SpanAttribute { .doubleArray(values) }
}

extension Bool: AttributeElementType {
    /// Calls the overload of ``TypedAttributeRecording`` for lists of this type.
    public static func record(_ values: [Bool], under key: StaticString, on span: any TypedAttributeRecording) {
        span.record(key, values)
    }

    /// The list in the dictionary form.
    public static func spanAttribute(_ values: [Bool]) -> SpanAttribute { .boolArray(values) }
}
