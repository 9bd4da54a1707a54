/// Why bytes are no protobuf message. Offsets are bytes from the start of the request.
package enum WireError: Error, Hashable, Sendable {
    /// The message ends inside the field that begins before `offset`.
    case truncated(offset: Int)
    /// A varint of more than ten bytes.
    case malformedVarint(offset: Int)
    /// A tag with field number 0 or a wire type that OTLP has no use for (groups, 6 and 7).
    case invalidTag(offset: Int)
    /// The request consists of so many almost empty messages that its index would be many times its size.
    case tooManyMessages(offset: Int)
    /// The request is larger than the 32-bit offsets of a ``SpanBatch`` reach.
    case tooLarge(bytes: Int)
}

extension WireError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .truncated(let offset): "truncated protobuf field before byte \(offset)"
        case .malformedVarint(let offset): "varint of more than 10 bytes at byte \(offset)"
        case .invalidTag(let offset): "invalid protobuf tag at byte \(offset)"
        case .tooManyMessages(let offset): "too many almost empty messages before byte \(offset)"
        case .tooLarge(let bytes): "request of \(bytes) bytes, at most \(SpanLimits.requestBytesMax) are addressable"
        }
    }
}

/// A cursor over protobuf fields in memory that the caller keeps alive and unchanged.
///
/// This file and the store's format code are the only ones that read through unsafe pointers; every read checks
/// against `end` first, and `end` never exceeds the buffer the cursor was made from.
struct WireReader {
    let base: UnsafeRawPointer
    private(set) var offset: Int
    let end: Int

    /// `range` must lie within the buffer that starts at `base`.
    @inline(__always)
    init(base: UnsafeRawPointer, range: ByteRange) {
        self.base = base
        offset = Int(range.offset)
        end = Int(range.offset) + Int(range.count)
    }

    @inline(__always)
    var isAtEnd: Bool { offset >= end }

    @inline(__always)
    mutating func varint() throws(WireError) -> UInt64 {
        guard offset < end else { throw .truncated(offset: offset) }
        let first = base.load(fromByteOffset: offset, as: UInt8.self)
        if first < 0x80 {
            offset += 1
            return UInt64(first)
        }
        return try longVarint()
    }

    private mutating func longVarint() throws(WireError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        let start = offset
        while offset < end {
            let byte = base.load(fromByteOffset: offset, as: UInt8.self)
            offset += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
            if shift > 63 { throw .malformedVarint(offset: start) }
        }
        throw .truncated(offset: start)
    }

    /// The next field's number and wire type as they stand on the wire (`number << 3 | type`).
    @inline(__always)
    mutating func tag() throws(WireError) -> UInt32 {
        let start = offset
        let raw = try varint()
        guard raw >> 3 != 0, raw <= UInt64(UInt32.max) else { throw .invalidTag(offset: start) }
        return UInt32(truncatingIfNeeded: raw)
    }

    @inline(__always)
    mutating func fixed64() throws(WireError) -> UInt64 {
        guard end - offset >= 8 else { throw .truncated(offset: offset) }
        defer { offset += 8 }
        return UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    @inline(__always)
    mutating func fixed32() throws(WireError) -> UInt32 {
        guard end - offset >= 4 else { throw .truncated(offset: offset) }
        defer { offset += 4 }
        return UInt32(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    /// The content of a length-delimited field, as offsets from `base`.
    @inline(__always)
    mutating func lengthDelimited() throws(WireError) -> ByteRange {
        let count = try varint()
        guard count <= UInt64(end - offset) else { throw .truncated(offset: offset) }
        let range = ByteRange(offset: UInt32(truncatingIfNeeded: offset), count: UInt32(truncatingIfNeeded: count))
        offset += Int(count)
        return range
    }

    /// Passes over the content of a field whose tag was read.
    @inline(__always)
    mutating func skip(tag: UInt32) throws(WireError) {
        switch UInt8(tag & 7) {
        case WireType.varint: _ = try varint()
        case WireType.fixed64: _ = try fixed64()
        case WireType.fixed32: _ = try fixed32()
        case WireType.lengthDelimited: _ = try lengthDelimited()
        default: throw .invalidTag(offset: offset)
        }
    }

    /// Eight bytes of an id in network byte order.
    @inline(__always)
    static func bigEndian64(_ base: UnsafeRawPointer, at offset: UInt32) -> UInt64 {
        UInt64(bigEndian: base.loadUnaligned(fromByteOffset: Int(offset), as: UInt64.self))
    }

    /// A whole `KeyValue` in the form that nearly all have: a key, then a value that is a string, an integer, a double
    /// or a boolean, each length in one byte and nothing else. Nil for every other form, which says nothing about
    /// whether it is well formed. Takes a quarter of the instructions of the general walk.
    ///
    /// `range` must lie within the buffer that starts at `base`.
    @inline(__always)
    static func compactAttribute(_ base: UnsafeRawPointer, _ range: ByteRange) -> AttributeRow? {
        // Offsets below are from the start of the message. Two bytes of content are the least that a value has.
        let count = Int(range.count)
        let start = base + Int(range.offset)
        guard count >= 6, UInt32(start.load(as: UInt8.self)) == Tag.KeyValue.key else { return nil }
        let keyCount = Int(start.load(fromByteOffset: 1, as: UInt8.self))
        let content = keyCount + 4
        guard keyCount < 0x80, content + 2 <= count,
            start.load(fromByteOffset: content - 2, as: UInt8.self) == UInt8(Tag.KeyValue.value),
            case let valueCount = Int(start.load(fromByteOffset: content - 1, as: UInt8.self)),
            valueCount < 0x80, content + valueCount == count
        else { return nil }
        let key = ByteRange(offset: range.offset + 2, count: UInt32(keyCount))
        let first = start.load(fromByteOffset: content + 1, as: UInt8.self)
        switch UInt32(start.load(fromByteOffset: content, as: UInt8.self)) {
        case Tag.AnyValue.string where first < 0x80 && Int(first) + 2 == valueCount:
            let offset = UInt64(range.offset) + UInt64(content + 2)
            return AttributeRow(key: key, payload: offset << 32 | UInt64(first), kind: .string)
        case Tag.AnyValue.int where first < 0x80 && valueCount == 2:
            return AttributeRow(key: key, payload: UInt64(first), kind: .int)
        case Tag.AnyValue.int where first >= 0x80 && valueCount == 3:
            let second = start.load(fromByteOffset: content + 2, as: UInt8.self)
            guard second < 0x80 else { return nil }
            return AttributeRow(key: key, payload: UInt64(second) << 7 | UInt64(first & 0x7F), kind: .int)
        case Tag.AnyValue.double where valueCount == 9:
            let bits = UInt64(littleEndian: start.loadUnaligned(fromByteOffset: content + 1, as: UInt64.self))
            return AttributeRow(key: key, payload: bits, kind: .double)
        case Tag.AnyValue.bool where first < 0x80 && valueCount == 2:
            return AttributeRow(key: key, payload: first != 0 ? 1 : 0, kind: .bool)
        default: return nil
        }
    }
}
