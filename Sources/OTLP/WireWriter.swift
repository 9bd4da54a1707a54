/// Protobuf wire types as they stand in the low three bits of a tag.
package enum WireType {
    package static let varint: UInt8 = 0
    package static let fixed64: UInt8 = 1
    package static let lengthDelimited: UInt8 = 2
    package static let startGroup: UInt8 = 3
    package static let endGroup: UInt8 = 4
    package static let fixed32: UInt8 = 5
}

/// Appends protobuf fields to a growing byte array.
///
/// Fields are written in the order of the calls. A nested message whose size is not known beforehand is written
/// by ``message(_:_:)``, which reserves one length byte and moves the content only when it is 128 bytes or longer.
package struct WireWriter: Sendable {
    package private(set) var bytes: [UInt8]

    package init(reservingCapacity capacity: Int = 0) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    package init(_ bytes: consuming [UInt8]) {
        self.bytes = bytes
    }

    @inline(__always)
    package mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    @inline(__always)
    package mutating func tag(_ field: UInt32, _ type: UInt8) {
        varint(UInt64(field) << 3 | UInt64(type))
    }

    /// A varint field (`uint32`, `uint64`, `bool`, enums; `int32` and `int64` by sign extension).
    @inline(__always)
    package mutating func varint(_ field: UInt32, _ value: UInt64) {
        tag(field, WireType.varint)
        varint(value)
    }

    @inline(__always)
    package mutating func fixed64(_ field: UInt32, _ value: UInt64) {
        tag(field, WireType.fixed64)
        appendLittleEndian(value)
    }

    @inline(__always)
    package mutating func fixed32(_ field: UInt32, _ value: UInt32) {
        tag(field, WireType.fixed32)
        appendLittleEndian(value)
    }

    /// A `string` or `bytes` field.
    package mutating func bytes(_ field: UInt32, _ value: some Collection<UInt8>) {
        head(field, count: value.count)
        raw(value)
    }

    /// As the other, for bytes that somebody else holds.
    package mutating func bytes(_ field: UInt32, _ value: UnsafeRawBufferPointer) {
        head(field, count: value.count)
        bytes.append(contentsOf: value)
    }

    /// Tag and length of a field whose content of `count` bytes follows, through ``raw(_:)`` for example.
    package mutating func head(_ field: UInt32, count: Int) {
        tag(field, WireType.lengthDelimited)
        varint(UInt64(count))
    }

    /// The bytes that ``head(_:count:)`` writes.
    package static func headBytes(_ field: UInt32, count: Int) -> Int {
        varintBytes(UInt64(field) << 3) + varintBytes(UInt64(count))
    }

    /// The bytes of a varint: 1 to 10.
    package static func varintBytes(_ value: UInt64) -> Int {
        max(1, (70 - value.leadingZeroBitCount) / 7)
    }

    @inline(__always)
    mutating func byte(_ value: UInt8) {
        bytes.append(value)
    }

    package mutating func string(_ field: UInt32, _ value: String) {
        bytes(field, value.utf8)
    }

    /// A trace id as its 16 bytes.
    package mutating func traceID(_ field: UInt32, _ id: TraceID) {
        tag(field, WireType.lengthDelimited)
        bytes.append(16)
        appendLittleEndian(id.high.byteSwapped)
        appendLittleEndian(id.low.byteSwapped)
    }

    /// A span id as its 8 bytes.
    package mutating func spanID(_ field: UInt32, _ id: SpanID) {
        tag(field, WireType.lengthDelimited)
        bytes.append(8)
        appendLittleEndian(id.rawValue.byteSwapped)
    }

    /// Bytes that are fields already.
    package mutating func raw(_ fields: some Collection<UInt8>) {
        // Where they lie together they are copied at once, whatever collection it is.
        let isCopied: Void? = fields.withContiguousStorageIfAvailable { bytes.append(contentsOf: $0) }
        if isCopied == nil { bytes.append(contentsOf: fields) }
    }

    /// As the other, for bytes that somebody else holds.
    package mutating func raw(_ fields: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: fields)
    }

    /// A nested message: `body` appends its fields.
    package mutating func message(_ field: UInt32, _ body: (inout WireWriter) throws -> Void) rethrows {
        let start = beginMessage(field)
        try body(&self)
        endMessage(start)
    }

    /// Begins a nested message where a closure does not fit; what is written until ``endMessage(_:)`` is its content.
    /// - Returns: What `endMessage` has to be given.
    package mutating func beginMessage(_ field: UInt32) -> Int {
        tag(field, WireType.lengthDelimited)
        bytes.append(0)
        return bytes.count
    }

    /// Ends the message that `beginMessage` returned `start` for.
    package mutating func endMessage(_ start: Int) {
        let count = bytes.count - start
        if count < 0x80 {
            bytes[start - 1] = UInt8(count)
            return
        }
        let more = Self.varintBytes(UInt64(count)) - 1
        for _ in 0..<more { bytes.append(0) }
        bytes.withUnsafeMutableBytes { bytes in
            guard let content = bytes.baseAddress.map({ $0 + start }) else { return }
            (content + more).copyMemory(from: content, byteCount: count)
            var rest = count
            for place in start - 1..<start + more {
                bytes[place] = UInt8(truncatingIfNeeded: rest) | (place < start + more - 1 ? 0x80 : 0)
                rest >>= 7
            }
        }
    }

    /// Takes back what was written behind the first `count` bytes.
    package mutating func truncate(to count: Int) {
        bytes.removeLast(bytes.count - count)
    }

    /// Empties the writer, and keeps its room.
    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
    }

    /// Gives the bytes away without copying and leaves the writer empty.
    package mutating func takeBytes() -> [UInt8] {
        let result = bytes
        bytes = []
        return result
    }

    @inline(__always)
    private mutating func appendLittleEndian(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
}
