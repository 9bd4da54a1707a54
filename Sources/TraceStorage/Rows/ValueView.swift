import OTLP

/// An attribute's value where it lies: in a batch's bytes or in a page of a block.
///
/// The bytes belong to whoever made the view, which is valid no longer than they are.
package struct ValueView {
    package var kind: ValueKind
    /// `bool`, `int` and `double`: the value's bits.
    package var bits: UInt64
    /// `string` and `bytes`: the content. `array` and `keyValueList`: the content of that message.
    package var bytes: UnsafeRawBufferPointer

    @inlinable
    package init(kind: ValueKind, bits: UInt64 = 0, bytes: UnsafeRawBufferPointer = .init(start: nil, count: 0)) {
        self.kind = kind
        self.bits = bits
        self.bytes = bytes
    }

    /// A view into `base`, which holds the bytes of the batch that the row is from.
    @inlinable
    package init(_ row: AttributeRow, base: UnsafeRawBufferPointer) {
        kind = row.kind
        switch row.kind {
        case .string, .bytes, .array, .keyValueList:
            bits = 0
            bytes = UnsafeRawBufferPointer(rebasing: base[row.slice.indices])
        default:
            bits = row.payload
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
        }
    }

    /// Whether there is a value: an attribute without one counts as absent.
    @inlinable
    package var isPresent: Bool { kind != .absent && kind != .empty }

    /// The value taken out, for an answer.
    package var fieldValue: FieldValue {
        switch kind {
        case .absent, .empty: .none
        case .string: .string(String(decoding: bytes, as: UTF8.self))
        case .bool: .bool(bits != 0)
        case .int: .int(Int64(bitPattern: bits))
        case .double: .double(Double(bitPattern: bits))
        case .bytes: .bytes(Array(bytes))
        case .array, .keyValueList: FieldValue(NestedValue.read(kind, bytes))
        }
    }
}

extension FieldValue {
    /// The value as a query sees it.
    package init(_ value: AnyValue) {
        switch value {
        case .empty: self = .none
        case .string(let text): self = .string(text)
        case .bool(let flag): self = .bool(flag)
        case .int(let number): self = .int(number)
        case .double(let number): self = .double(number)
        case .bytes(let bytes): self = .bytes(bytes)
        case .array(let elements): self = .array(elements.map(FieldValue.init))
        case .keyValueList: self = .keyValueList(OTLPJSON.text(value))
        }
    }
}

/// Arrays and maps read from their bytes alone.
enum NestedValue {
    /// The value of kind `array` or `keyValueList` whose message has this content; empty when it is no such message.
    static func read(_ kind: ValueKind, _ content: UnsafeRawBufferPointer) -> AnyValue {
        // A request with one attribute and nothing else, so that the one reader of OTLP reads this too.
        var writer = WireWriter(reservingCapacity: content.count + 32)
        writer.message(1) { writer in
            writer.message(1) { writer in
                writer.message(1) { writer in
                    writer.message(2) { $0.bytes(kind == .array ? 5 : 6, content) }
                }
            }
        }
        guard let batch = try? StoredSpans.decode(writer.takeBytes()), let row = batch.attributes.first else {
            return .empty
        }
        return batch.value(of: row)
    }
}
