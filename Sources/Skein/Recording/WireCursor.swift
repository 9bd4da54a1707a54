/// Writes protobuf into memory whose size was worked out beforehand.
///
/// The unsafe half of span encoding: with ``SpanBuffer`` the only place of this module that writes through pointers.
/// A caller reserves exactly the bytes it writes; ``SpanBuffer/append(_:_:)`` checks that the two agree.
struct WireCursor {
    private(set) var pointer: UnsafeMutableRawPointer

    init(_ pointer: UnsafeMutableRawPointer) {
        self.pointer = pointer
    }

    @inline(__always)
    mutating func byte(_ value: UInt8) {
        pointer.storeBytes(of: value, as: UInt8.self)
        pointer += 1
    }

    @inline(__always)
    mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            byte(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        byte(UInt8(truncatingIfNeeded: rest))
    }

    @inline(__always)
    mutating func fixed64(_ value: UInt64) {
        pointer.storeBytes(of: value.littleEndian, as: UInt64.self)
        pointer += 8
    }

    @inline(__always)
    mutating func fixed32(_ value: UInt32) {
        pointer.storeBytes(of: value.littleEndian, as: UInt32.self)
        pointer += 4
    }

    @inline(__always)
    mutating func raw(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        pointer.copyMemory(from: base, byteCount: bytes.count)
        pointer += bytes.count
    }

    /// A length-delimited field: its one-byte tag, length and bytes.
    @inline(__always)
    mutating func bytes(tag: UInt8, _ bytes: UnsafeRawBufferPointer) {
        byte(tag)
        varint(UInt64(bytes.count))
        raw(bytes)
    }

    /// A length-delimited field of text.
    @inline(__always)
    mutating func text(tag: UInt8, _ text: String) {
        byte(tag)
        varint(UInt64(text.utf8.count))
        pointer = withUTF8(text) { bytes in
            guard let base = bytes.baseAddress else { return pointer }
            pointer.copyMemory(from: base, byteCount: bytes.count)
            return pointer + bytes.count
        }
    }
}

/// Bytes that `value` takes as a varint.
@inline(__always)
func varintSize(_ value: Int) -> Int {
    varintSize(UInt64(value))
}

/// Bytes that `value` takes as a varint.
@inline(__always)
func varintSize(_ value: UInt64) -> Int {
    value < 0x80 ? 1 : (70 - value.leadingZeroBitCount) / 7
}

/// Bytes of a length-delimited field with a one-byte tag.
@inline(__always)
func fieldSize(_ count: Int) -> Int {
    1 + varintSize(count) + count
}

/// Calls `body` with the UTF-8 of `text`, without copying it where the string is native.
@inline(__always)
func withUTF8<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    if let result = text.utf8.withContiguousStorageIfAvailable({ body(UnsafeRawBufferPointer($0)) }) { return result }
    return Array(text.utf8).withUnsafeBytes(body)
}
