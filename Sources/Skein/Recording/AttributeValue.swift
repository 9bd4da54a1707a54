import OTLP
import Tracing

/// The value of an attribute of a resource, or of a span that was read back.
public enum AttributeValue: Sendable, Equatable {
    /// Text.
    case string(String)
    /// An integer.
    case int(Int64)
    /// A floating-point number.
    case double(Double)
    /// A truth value.
    case bool(Bool)
    /// A list, of one type where it was recorded through this SDK.
    case array([AttributeValue])

    /// Reads an OTLP `KeyValue`; nil when it is malformed or its value is of another kind.
    package static func pair(_ message: ArraySlice<UInt8>) -> (key: String, value: AttributeValue)? {
        var key: String?
        var value: AttributeValue?
        for field in ProtobufFields(message) {
            switch field.number {
            case 1: key = String(decoding: field.content, as: UTF8.self)
            case 2: value = AttributeValue(anyValue: field.content, depth: 0)
            default: break
            }
        }
        guard let key, let value else { return nil }
        return (key, value)
    }

    /// Lists within lists that are read; deeper ones count as malformed.
    private static let depthMax = 16

    private init?(anyValue message: ArraySlice<UInt8>, depth: Int) {
        guard depth < Self.depthMax, let field = ProtobufFields(message).first(where: { _ in true }) else { return nil }
        switch field.number {
        case 1: self = .string(String(decoding: field.content, as: UTF8.self))
        case 2: self = .bool(field.number64 != 0)
        case 3: self = .int(Int64(bitPattern: field.number64))
        case 4: self = .double(Double(bitPattern: field.number64))
        case 5:
            self = .array(
                ProtobufFields(field.content).compactMap { AttributeValue(anyValue: $0.content, depth: depth + 1) })
        default: return nil
        }
    }

    /// The value in swift-distributed-tracing's form. A list takes the type of its first element.
    var spanAttribute: SpanAttribute {
        switch self {
        case .string(let text): .string(text)
        case .int(let number): .int64(number)
        case .double(let number): .double(number)
        case .bool(let flag): .bool(flag)
        case .array(let values):
            switch values.first {
            case .int: .int64Array(values.compactMap { if case .int(let number) = $0 { number } else { nil } })
            case .double: .doubleArray(values.compactMap { if case .double(let number) = $0 { number } else { nil } })
            case .bool: .boolArray(values.compactMap { if case .bool(let flag) = $0 { flag } else { nil } })
            default: .stringArray(values.compactMap { if case .string(let text) = $0 { text } else { nil } })
            }
        }
    }
}

extension WireWriter {
    /// Writes a `KeyValue` as field `number`.
    package mutating func attribute(_ number: UInt32, _ key: String, _ value: AttributeValue) {
        message(number) { pair in
            pair.string(1, key)
            pair.message(2) { $0.anyValue(value) }
        }
    }

    private mutating func anyValue(_ value: AttributeValue) {
        switch value {
        case .string(let text): string(1, text)
        case .bool(let flag): varint(2, flag ? 1 : 0)
        case .int(let number): varint(3, UInt64(bitPattern: number))
        case .double(let number): fixed64(4, number.bitPattern)
        case .array(let values):
            message(5) { list in
                for value in values { list.message(1) { $0.anyValue(value) } }
            }
        }
    }

    /// Writes the attributes of an event or a link and returns how many did not fit the limit.
    mutating func attributes(
        _ number: UInt32, _ attributes: SpanAttributes, _ limits: SpanLimits, countMax: Int
    ) -> Int {
        var written = 0
        var dropped = 0
        attributes.forEach { key, attribute in
            guard written < countMax, !key.isEmpty, let value = AttributeValue(attribute, limits) else {
                dropped += 1
                return
            }
            self.attribute(number, key, value)
            written += 1
        }
        return dropped
    }
}

extension AttributeValue {
    /// Nil for the case of swift-distributed-tracing's enumeration that stands for no value.
    init?(_ attribute: SpanAttribute, _ limits: SpanLimits) {
        switch attribute {
        case .string(let text): self = .string(limits.cut(text))
        case .int64(let number): self = .int(number)
        case .int32(let number): self = .int(Int64(number))
        case .double(let number): self = .double(number)
        case .bool(let flag): self = .bool(flag)
        case .stringArray(let texts): self = .array(texts.map { .string(limits.cut($0)) })
        case .int64Array(let numbers): self = .array(numbers.map { .int($0) })
        case .int32Array(let numbers): self = .array(numbers.map { .int(Int64($0)) })
        case .doubleArray(let numbers): self = .array(numbers.map { .double($0) })
        case .boolArray(let flags): self = .array(flags.map { .bool($0) })
        case .stringConvertible(let value): self = .string(limits.cut(String(describing: value)))
        case .stringConvertibleArray(let values):
            self = .array(values.map { .string(limits.cut(String(describing: $0))) })
        default: return nil
        }
    }
}
