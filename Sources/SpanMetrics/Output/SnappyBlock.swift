/// The Snappy block format, in which remote write bodies travel.
///
/// A body is its length as a varint, then elements: literals (bytes as they are) and copies of up to 64 bytes from at
/// most 64 KiB before. Series differ little from their neighbours, so that most of a body is copies.
package enum SnappyBlock {
    /// Places of four bytes that are remembered; a power of two.
    private static let tableBits = 14
    /// The farthest that a copy with a two-byte offset reaches.
    private static let offsetMax = 65_535

    /// - Complexity: O(bytes).
    package static func compress(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count / 4 + 16)
        appendVarint(UInt32(clamping: bytes.count), to: &output)
        bytes.withUnsafeBytes { compress($0, to: &output) }
        return output
    }

    private static func compress(_ input: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        // Places plus one, by the hash of the four bytes there.
        var table = [UInt32](repeating: 0, count: 1 << tableBits)
        var literalStart = 0
        var place = 0
        // A copy needs four bytes to be found by.
        while place + 4 <= input.count {
            let word = input.loadUnaligned(fromByteOffset: place, as: UInt32.self)
            let slot = Int((word &* 0x1E35_A7BD) >> UInt32(32 - tableBits))
            let candidate = Int(table[slot]) - 1
            table[slot] = UInt32(truncatingIfNeeded: place + 1)
            guard candidate >= 0, place - candidate <= offsetMax,
                input.loadUnaligned(fromByteOffset: candidate, as: UInt32.self) == word
            else {
                place += 1
                continue
            }
            appendLiteral(input[literalStart..<place], to: &output)
            var length = 4
            while place + length < input.count, input[place + length] == input[candidate + length] { length += 1 }
            appendCopies(offset: place - candidate, length: length, to: &output)
            place += length
            literalStart = place
        }
        appendLiteral(input[literalStart...], to: &output)
    }

    private static func appendLiteral(_ bytes: Slice<UnsafeRawBufferPointer>, to output: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        let length = bytes.count - 1
        if length < 60 {
            output.append(UInt8(length << 2))
        } else {
            let lengthBytes = (32 - UInt32(length).leadingZeroBitCount + 7) / 8
            output.append(UInt8((59 + lengthBytes) << 2))
            for shift in 0..<lengthBytes { output.append(UInt8(truncatingIfNeeded: length >> (8 * shift))) }
        }
        output.append(contentsOf: bytes)
    }

    private static func appendCopies(offset: Int, length: Int, to output: inout [UInt8]) {
        var rest = length
        while rest > 0 {
            let count = min(rest, 64)
            output.append(UInt8((count - 1) << 2 | 2))
            output.append(UInt8(truncatingIfNeeded: offset))
            output.append(UInt8(truncatingIfNeeded: offset >> 8))
            rest -= count
        }
    }

    private static func appendVarint(_ value: UInt32, to output: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            output.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        output.append(UInt8(rest))
    }
}
