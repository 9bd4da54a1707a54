/// Byte strings of one length that differ only in hex digits, as most ids do: a pattern, and half a byte a digit.
///
/// Layout: length L (varint), L bytes of pattern, in which 0 stands for a digit and every other byte for itself in all
/// values; then each value's digits in their order, two a byte, the first in the low half. A value with an odd number
/// of them has a last half of 0. Digits are lower case.
enum HexPage {
    /// Values below which the pattern is not looked for: it would cost more bytes than it saves.
    private static let valuesMin = 16
    /// The longest strings looked at; ids are shorter.
    private static let lengthMax = 128
    /// The fewest digits that are worth it.
    private static let digitsMin = 4

    /// Appends a page of values that lie end to end, without the mode; false, with nothing appended, when they are not
    /// of the kind.
    static func encode(
        _ content: UnsafePointer<UInt8>, ends: UnsafeBufferPointer<UInt32>, to page: inout Room<UInt8>
    ) -> Bool {
        guard ends.count >= valuesMin, let first = ends.first else { return false }
        let length = Int(first)
        guard length >= digitsMin, length <= lengthMax, Int(ends[ends.count - 1]) == length * ends.count else {
            return false
        }
        for (index, end) in ends.enumerated() where Int(end) != length * (index + 1) { return false }
        guard let runs = runs(content, length: length, count: ends.count) else { return false }
        let digits = runs.reduce(0) { $0 + $1.count }
        page.append(varint: UInt64(length))
        for place in 0..<length { page.append(runs.contains { $0.contains(place) } ? 0 : content[place]) }
        pack(content, length: length, count: ends.count, runs, digits: digits, to: &page)
        return true
    }

    /// The places where values differ, if only in digits and some of these are letters: what is made of decimal digits
    /// alone compresses better as text.
    private static func runs(_ content: UnsafePointer<UInt8>, length: Int, count: Int) -> [Range<Int>]? {
        var differing = [UInt8](repeating: 0, count: length)
        var other = [UInt8](repeating: 0, count: length)
        var letters = [UInt8](repeating: 0, count: length)
        differing.withUnsafeMutableBufferPointer { differing in
            other.withUnsafeMutableBufferPointer { other in
                letters.withUnsafeMutableBufferPointer { letters in
                    for index in 0..<count {
                        let value = content + index * length
                        for place in 0..<length {
                            let byte = value[place]
                            let isDigit: UInt8 = byte &- 48 < 10 ? 1 : 0
                            let isLetter: UInt8 = byte &- 97 < 6 ? 1 : 0
                            differing[place] |= byte ^ content[place]
                            other[place] |= 1 ^ (isDigit | isLetter)
                            letters[place] |= isLetter
                        }
                    }
                }
            }
        }
        var places: [Int] = []
        var hasLetters = false
        for place in 0..<length {
            guard differing[place] != 0 else {
                if content[place] == 0 { return nil }
                continue
            }
            guard other[place] == 0 else { return nil }
            places.append(place)
            hasLetters = hasLetters || letters[place] != 0
        }
        return places.count >= digitsMin && hasLetters ? Self.runs(places) : nil
    }

    private static func pack(
        _ content: UnsafePointer<UInt8>, length: Int, count: Int, _ runs: [Range<Int>], digits: Int,
        to page: inout Room<UInt8>
    ) {
        let packed = (digits + 1) / 2
        // Eight digits are packed at a time: what they write beyond a value is overwritten by the next one.
        let target = page.reserve(packed * count + 8)
        let gathered = Room<UInt8>(repeating: 48, count: lengthMax + 8)
        for index in 0..<count {
            var filled = 0
            for run in runs {
                (gathered.base + filled).update(from: content + index * length + run.lowerBound, count: run.count)
                filled += run.count
            }
            gathered[filled] = 48
            let bytes = UnsafeMutableRawPointer(target + index * packed)
            for offset in stride(from: 0, to: digits, by: 8) {
                let text = UnsafeRawPointer(gathered.base).loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                bytes.storeBytes(
                    of: halves(UInt64(littleEndian: text)).littleEndian, toByteOffset: offset / 2, as: UInt32.self)
            }
        }
        page.take(packed * count)
    }

    /// Eight digits of text as eight half bytes.
    @inline(__always)
    private static func halves(_ text: UInt64) -> UInt32 {
        var digits = (text & 0x0F0F_0F0F_0F0F_0F0F) &+ ((text >> 6) & 0x0101_0101_0101_0101) &* 9
        digits = (digits | digits >> 4) & 0x00FF_00FF_00FF_00FF
        digits = (digits | digits >> 8) & 0x0000_FFFF_0000_FFFF
        return UInt32(truncatingIfNeeded: digits | digits >> 16)
    }

    /// Reads a page from behind its mode on.
    static func decode(_ page: [UInt8], at offset: Int, count: Int) throws(FormatError) -> BytesPage {
        var reader = ByteReader(page, at: offset)
        let pattern = try reader.string()
        let places = pattern.indices.filter { pattern[$0] == 0 }
        let packed = (places.count + 1) / 2
        guard count >= 0, !pattern.isEmpty, count <= BlockFormat.pageBytesMax / pattern.count,
            packed * count == reader.bytesLeft
        else { throw FormatError("\(count) patterns of \(pattern.count) bytes in \(reader.bytesLeft)") }
        let start = reader.offset
        let runs = Self.runs(places)
        let length = pattern.count
        let bytes = [UInt8](unsafeUninitializedCapacity: length * count) { target, filled in
            page.withUnsafeBufferPointer { page in
                guard let target = target.baseAddress, let page = page.baseAddress else { return }
                // The digits of one value as text; eight are written at a time.
                let text = Room<UInt8>(repeating: 0, count: packed * 2 + 8)
                for index in 0..<count {
                    let value = target + index * length
                    value.initialize(from: pattern, count: length)
                    unpack(page + start + index * packed, count: packed, into: text.base)
                    var digit = 0
                    for run in runs {
                        (value + run.lowerBound).update(from: text.base + digit, count: run.count)
                        digit += run.count
                    }
                }
            }
            filled = length * count
        }
        return BytesPage(bytes: bytes, starts: (0...count).map { UInt32(truncatingIfNeeded: $0 * length) })
    }

    /// Neighbouring places as ranges.
    private static func runs(_ places: [Int]) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        for place in places {
            if let last = runs.last, last.upperBound == place {
                runs[runs.count - 1] = last.lowerBound..<place + 1
            } else {
                runs.append(place..<place + 1)
            }
        }
        return runs
    }

    /// Writes the digits of so many bytes as text, and up to six bytes more.
    @inline(__always)
    private static func unpack(_ packed: UnsafePointer<UInt8>, count: Int, into text: UnsafeMutablePointer<UInt8>) {
        let text = UnsafeMutableRawPointer(text)
        var offset = 0
        while offset < count {
            var halves: UInt64 = 0
            for byte in 0..<min(4, count - offset) { halves |= UInt64(packed[offset + byte]) << UInt64(8 * byte) }
            halves = (halves | halves << 16) & 0x0000_FFFF_0000_FFFF
            halves = (halves | halves << 8) & 0x00FF_00FF_00FF_00FF
            halves = (halves | halves << 4) & 0x0F0F_0F0F_0F0F_0F0F
            let letters = ((halves &+ 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
            let digits = halves &+ 0x3030_3030_3030_3030 &+ letters &* 39
            text.storeBytes(of: digits.littleEndian, toByteOffset: offset * 2, as: UInt64.self)
            offset += 4
        }
    }
}
