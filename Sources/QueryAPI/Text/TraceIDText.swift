import OTLP

extension TraceID {
    /// Digits of the longest id.
    static let digitsMax = 32

    /// An id as Jaeger's clients write it: up to 32 hexadecimal digits, where up to 16 are the low half, or 8 or 16
    /// bytes in base64 of either alphabet, padded or not. Nil for anything else; zero reads as ``TraceID/invalid``.
    init?(jaeger text: String) {
        let digits = Array(text.utf8)
        if !digits.isEmpty, digits.count <= Self.digitsMax, let id = Self.hexadecimal(digits) {
            self = id
        } else if let bytes = Self.base64(digits), bytes.count == 8 || bytes.count == 16 {
            let low = bytes.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
            self.init(high: bytes.dropLast(8).reduce(0) { $0 << 8 | UInt64($1) }, low: low)
        } else {
            return nil
        }
    }

    /// 16 digits when the high half is zero, else 32.
    var jaegerText: String { high == 0 ? SpanID(low).hex : hex }

    private static func hexadecimal(_ digits: [UInt8]) -> TraceID? {
        var high: UInt64 = 0
        var low: UInt64 = 0
        for digit in digits {
            guard let value = hexValue(digit) else { return nil }
            high = high << 4 | low >> 60
            low = low << 4 | UInt64(value)
        }
        return TraceID(high: high, low: low)
    }

    /// Longest text for 16 bytes, padding included.
    private static let base64CharactersMax = 24

    private static func base64(_ text: [UInt8]) -> [UInt8]? {
        guard text.count <= base64CharactersMax else { return nil }
        let padding = text.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        var result: [UInt8] = []
        var bits: UInt32 = 0
        var bitCount = 0
        for byte in text.dropLast(padding) {
            guard padding <= 2, let value = base64Value(byte) else { return nil }
            bits = bits << 6 | UInt32(value)
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                result.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
            }
        }
        return bitCount < 6 ? result : nil
    }

    private static func base64Value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
        case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
