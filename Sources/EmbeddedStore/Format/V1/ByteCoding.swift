/// Appends little-endian numbers and varints.
struct ByteWriter {
    var bytes: [UInt8] = []

    mutating func fixed<Number: FixedWidthInteger>(_ value: Number) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func varint(_ value: Int) { varint(UInt64(value)) }

    /// A length and so many bytes.
    mutating func string(_ value: some Collection<UInt8>) {
        varint(value.count)
        bytes.append(contentsOf: value)
    }
}

/// Reads what a ``ByteWriter`` wrote; every read checks against the end.
struct ByteReader {
    private let bytes: [UInt8]
    private(set) var offset: Int
    private let end: Int

    /// `offset`: where to begin; no more than the bytes there are.
    init(_ bytes: [UInt8], at offset: Int = 0) {
        self.bytes = bytes
        self.offset = offset
        end = bytes.count
    }

    var bytesLeft: Int { end - offset }

    mutating func fixed<Number: FixedWidthInteger>(_: Number.Type) throws(FormatError) -> Number {
        let count = MemoryLayout<Number>.size
        guard bytesLeft >= count else { throw FormatError("ends within a number at byte \(offset)") }
        var value = Number.zero
        for index in 0..<count { value |= Number(truncatingIfNeeded: bytes[offset + index]) << (8 * Number(index)) }
        offset += count
        return value
    }

    mutating func varint() throws(FormatError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while offset < end, shift < 64 {
            let byte = bytes[offset]
            offset += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        throw FormatError("malformed varint before byte \(offset)")
    }

    /// A varint that is at most `max`.
    mutating func count(max: Int) throws(FormatError) -> Int {
        let value = try varint()
        guard value <= UInt64(max) else { throw FormatError("count \(value) before byte \(offset), at most \(max)") }
        return Int(value)
    }

    /// A number of things that each take a byte or more from here on.
    mutating func countOfRest() throws(FormatError) -> Int { try count(max: bytesLeft) }

    mutating func string() throws(FormatError) -> [UInt8] {
        let count = try varint()
        // Behind the length: it is itself part of what was left before.
        guard count <= UInt64(bytesLeft) else {
            throw FormatError("\(count) bytes of text before byte \(offset), where \(bytesLeft) are left")
        }
        let start = offset
        offset += Int(count)
        return Array(bytes[start..<offset])
    }
}
