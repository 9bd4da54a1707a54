/// An attribute's value taken out of a batch, for answers and queries; hot paths read ``AttributeRow`` instead.
///
/// Text that is no UTF-8 has become U+FFFD here; the exact bytes stay in the batch.
package indirect enum AnyValue: Hashable, Sendable {
    /// No value at all, or an `AnyValue` without content.
    case empty
    case string(String)
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case array([AnyValue])
    case keyValueList([KeyValue])
    case bytes([UInt8])
}

/// A key and its value; order and duplicates are kept where there are several.
package struct KeyValue: Hashable, Sendable {
    package var key: String
    package var value: AnyValue

    package init(_ key: String, _ value: AnyValue) {
        self.key = key
        self.value = value
    }
}

extension SpanBatch {
    package func value(of row: AttributeRow) -> AnyValue {
        switch row.kind {
        case .absent, .empty: .empty
        case .string: .string(string(row.slice))
        case .bool: .bool(row.bool)
        case .int: .int(row.int)
        case .double: .double(row.double)
        case .bytes: .bytes(Array(slice(row.slice)))
        case .array: .array(withReader(row.slice) { reader in AnyValue.arrayElements(&reader, depth: 1) })
        case .keyValueList: .keyValueList(withReader(row.slice) { reader in AnyValue.listElements(&reader, depth: 1) })
        }
    }

    package func keyValues(_ rows: RowRange) -> [KeyValue] {
        attributes[rows.indices].map { KeyValue(string($0.key), value(of: $0)) }
    }

    private func withReader<Result>(_ range: ByteRange, _ body: (inout WireReader) -> [Result]) -> [Result] {
        bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress, !range.isEmpty else { return [] }
            var reader = WireReader(base: base, range: range)
            return body(&reader)
        }
    }
}

/// Reading nested values. The batch walked them when it was made, so they are well formed and at most
/// ``SpanLimits/attributeDepthCeiling`` deep. Should they not be, a wire error ends a list early and a value that is
/// too deep reads as empty.
extension AnyValue {
    fileprivate static func arrayElements(_ reader: inout WireReader, depth: Int) -> [AnyValue] {
        var elements: [AnyValue] = []
        forEachElement(&reader) { elements.append(read($0, depth: depth)) }
        return elements
    }

    fileprivate static func listElements(_ reader: inout WireReader, depth: Int) -> [KeyValue] {
        var elements: [KeyValue] = []
        forEachElement(&reader) { element in
            var pair = element
            var result = KeyValue("", .empty)
            while !pair.isAtEnd, let tag = try? pair.tag() {
                switch tag {
                case Tag.KeyValue.key:
                    guard let range = try? pair.lengthDelimited() else { break }
                    result.key = text(range, pair.base)
                case Tag.KeyValue.value:
                    guard let range = try? pair.lengthDelimited() else { break }
                    result.value = read(WireReader(base: pair.base, range: range), depth: depth)
                default:
                    guard (try? pair.skip(tag: tag)) != nil else { return }
                }
            }
            elements.append(result)
        }
        return elements
    }

    private static func forEachElement(_ reader: inout WireReader, _ body: (WireReader) -> Void) {
        while !reader.isAtEnd, let tag = try? reader.tag() {
            if tag == Tag.List.values, let range = try? reader.lengthDelimited() {
                body(WireReader(base: reader.base, range: range))
            } else if (try? reader.skip(tag: tag)) == nil {
                return
            }
        }
    }

    private static func read(_ reader: WireReader, depth: Int) -> AnyValue {
        guard depth <= SpanLimits.attributeDepthCeiling else { return .empty }
        var reader = reader
        var result = AnyValue.empty
        while !reader.isAtEnd, let tag = try? reader.tag() {
            do throws(WireError) {
                switch tag {
                case Tag.AnyValue.string: result = .string(text(try reader.lengthDelimited(), reader.base))
                case Tag.AnyValue.bool: result = .bool(try reader.varint() != 0)
                case Tag.AnyValue.int: result = .int(Int64(bitPattern: try reader.varint()))
                case Tag.AnyValue.double: result = .double(Double(bitPattern: try reader.fixed64()))
                case Tag.AnyValue.bytes:
                    let range = try reader.lengthDelimited()
                    result = .bytes(Array(UnsafeRawBufferPointer(rebasing: range.buffer(reader.base))))
                case Tag.AnyValue.array:
                    var list = WireReader(base: reader.base, range: try reader.lengthDelimited())
                    result = .array(arrayElements(&list, depth: depth + 1))
                case Tag.AnyValue.keyValueList:
                    var list = WireReader(base: reader.base, range: try reader.lengthDelimited())
                    result = .keyValueList(listElements(&list, depth: depth + 1))
                default: try reader.skip(tag: tag)
                }
            } catch { return result }
        }
        return result
    }

    private static func text(_ range: ByteRange, _ base: UnsafeRawPointer) -> String {
        String(decoding: range.buffer(base), as: UTF8.self)
    }
}

extension ByteRange {
    fileprivate func buffer(_ base: UnsafeRawPointer) -> Slice<UnsafeRawBufferPointer> {
        UnsafeRawBufferPointer(start: base, count: indices.upperBound)[indices]
    }
}

extension WireWriter {
    /// An `AnyValue`'s content (its fields, without tag and length of the message itself).
    package mutating func anyValue(_ value: AnyValue) {
        switch value {
        case .empty: break
        case .string(let text): string(1, text)
        case .bool(let flag): varint(2, flag ? 1 : 0)
        case .int(let number): varint(3, UInt64(bitPattern: number))
        case .double(let number): fixed64(4, number.bitPattern)
        case .array(let elements):
            message(5) { writer in
                for element in elements { writer.message(1) { $0.anyValue(element) } }
            }
        case .keyValueList(let pairs):
            message(6) { writer in
                for pair in pairs { writer.keyValue(1, pair) }
            }
        case .bytes(let content): bytes(7, content)
        }
    }

    /// A `KeyValue` field.
    package mutating func keyValue(_ field: UInt32, _ pair: KeyValue) {
        message(field) { writer in
            writer.string(1, pair.key)
            writer.message(2) { $0.anyValue(pair.value) }
        }
    }
}
