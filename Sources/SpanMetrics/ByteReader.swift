/// Reads the little-endian numbers and length-prefixed texts of a checkpoint; nil where the bytes end early.
struct ByteReader {
    private let bytes: ArraySlice<UInt8>
    private var index: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        index = bytes.startIndex
    }

    var isAtEnd: Bool { index == bytes.endIndex }
    var remaining: Int { bytes.endIndex - index }

    mutating func byte() -> UInt8? {
        guard index < bytes.endIndex else { return nil }
        defer { index += 1 }
        return bytes[index]
    }

    mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            guard let byte = byte() else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }

    mutating func fixed<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
        guard let slice = take(MemoryLayout<Number>.size) else { return nil }
        return slice.reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
    }

    /// A length as varint and that many bytes.
    mutating func block() -> ArraySlice<UInt8>? {
        guard let count = varint(), count <= UInt64(remaining) else { return nil }
        return take(Int(count))
    }

    mutating func text() -> String? {
        block().map { String(decoding: $0, as: UTF8.self) }
    }

    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count >= 0, count <= remaining else { return nil }
        defer { index += count }
        return bytes[index..<index + count]
    }
}

/// Writes what ``ByteReader`` reads.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    /// Writes over what is there.
    mutating func set(_ value: UInt32, at offset: Int) {
        withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(offset..<offset + $0.count, with: $0) }
    }

    mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Writes a text of a table as a block.
    mutating func text(_ number: TextNumber, _ table: TextTable) { table.appendBlock(number, to: &bytes) }

    mutating func fixed(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func block(_ content: some Collection<UInt8>) {
        varint(UInt64(content.count))
        bytes.append(contentsOf: content)
    }

    mutating func raw(_ content: some Collection<UInt8>) {
        bytes.append(contentsOf: content)
    }

    /// Makes room for so many bytes more, so that writing them moves nothing.
    mutating func reserve(_ count: Int) { bytes.reserveCapacity(bytes.count + count) }

    /// Writes at most so many bytes, for records of which there are very many.
    @inline(__always)
    mutating func write(upTo bytesMax: Int, _ body: (inout ByteRoom) -> Void) {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: bytesMax))
        let written = bytes.withUnsafeMutableBytes { bytes in
            var room = ByteRoom(UnsafeMutableRawBufferPointer(rebasing: bytes[start...]))
            body(&room)
            return room.count
        }
        bytes.removeLast(bytesMax - written)
    }
}

/// Writes where there is room already.
struct ByteRoom {
    private let room: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init(_ room: UnsafeMutableRawBufferPointer) { self.room = room }

    @inline(__always)
    mutating func fixed(_ value: some FixedWidthInteger & BitwiseCopyable) {
        room.storeBytes(of: value.littleEndian, toByteOffset: count, as: type(of: value))
        count += MemoryLayout.size(ofValue: value)
    }

    @inline(__always)
    mutating func varint(_ value: UInt64) {
        var rest = value
        // Most have a byte or two.
        if rest < 0x4000, rest >= 0x80 {
            fixed(UInt16(truncatingIfNeeded: rest & 0x7F | 0x80 | rest << 1 & 0x7F00))
            return
        }
        while rest >= 0x80 {
            room[count] = UInt8(truncatingIfNeeded: rest) | 0x80
            rest >>= 7
            count += 1
        }
        room[count] = UInt8(truncatingIfNeeded: rest)
        count += 1
    }
}
