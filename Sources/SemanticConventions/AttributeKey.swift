import Tracing

/// A type that an attribute of a span can hold: `String`, `Int`, `Int64`, `Double`, `Bool` and arrays of them.
public protocol AttributeValueType: Sendable {
    /// Records this value under `key` on a span that takes attributes by type.
    func record(under key: StaticString, on span: any TypedAttributeRecording)

    /// This value as swift-distributed-tracing stores it.
    var spanAttribute: SpanAttribute { get }
}

/// The name of an attribute together with the type of its values.
///
/// ```swift
/// span.record(GenAI.requestModel, "gpt-5")  // typed, on a span of Skein
/// span.attributes[GenAI.requestModel.name] = "gpt-5"  // the same on any span
/// ```
public struct AttributeKey<Value: AttributeValueType>: Sendable {
    /// The name as a constant; what ``TypedAttributeRecording`` takes.
    public let staticName: StaticString

    /// A key with a name of 1 or more bytes.
    public init(_ name: StaticString) {
        staticName = name
    }

    /// The name as it stands on the wire.
    public var name: String { staticName.description }
}

extension AttributeKey: CustomStringConvertible {
    /// The name.
    public var description: String { name }
}
