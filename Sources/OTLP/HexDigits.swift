/// Reads and writes fixed-width hexadecimal numbers.
struct HexDigits<Text: StringProtocol> {
    private var rest: Text.UTF8View.Iterator

    init(_ text: Text) {
        rest = text.utf8.makeIterator()
    }

    /// The next `count` (at most 16) digits as a number; nil when there are fewer or one is no digit.
    mutating func next(count: Int) -> UInt64? {
        var value: UInt64 = 0
        for _ in 0..<count {
            guard let digit = rest.next().flatMap(hexValue) else { return nil }
            value = value << 4 | UInt64(digit)
        }
        return value
    }

    var isAtEnd: Bool {
        mutating get { rest.next() == nil }
    }
}

extension HexDigits where Text == String {
    /// Writes 16 lowercase digits at `offset`; the caller owns at least `offset + 16` bytes.
    static func write(_ value: UInt64, to buffer: UnsafeMutableBufferPointer<UInt8>, at offset: Int) {
        for index in 0..<16 {
            buffer[offset + index] = hexDigit(UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * index)) & 0xF)
        }
    }
}

/// The value of one hexadecimal digit of either case; nil for any other byte.
package func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}

/// The lowercase hexadecimal digit of a value under 16.
package func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
}
