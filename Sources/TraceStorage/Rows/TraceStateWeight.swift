/// The weight that a sampler left in a trace state: `ot=th:` of the OpenTelemetry entry.
package enum TraceStateWeight {
    /// 56 bits of threshold, written as up to 14 hexadecimal digits with zeros at the end left out.
    private static let digitsMax = 14

    /// How many spans the one with this trace state stands for; 1 where there is no readable threshold.
    package static func adjustedCount(_ traceState: some Collection<UInt8>) -> Double {
        guard let threshold = threshold(traceState), threshold > 0 else { return 1 }
        return 0x1p56 / (0x1p56 - Double(threshold))
    }

    private static func threshold(_ traceState: some Collection<UInt8>) -> UInt64? {
        for member in traceState.split(separator: UInt8(ascii: ",")) {
            let member = member.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            guard member.starts(with: "ot=".utf8) else { continue }
            for part in member.dropFirst(3).split(separator: UInt8(ascii: ";")) where part.starts(with: "th:".utf8) {
                return hexadecimal(part.dropFirst(3))
            }
        }
        return nil
    }

    private static func hexadecimal(_ text: some Collection<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        var digits = 0
        for byte in text {
            let nibble: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): nibble = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): nibble = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: " "), UInt8(ascii: "\t"): continue
            default: return nil
            }
            digits += 1
            guard digits <= digitsMax else { return nil }
            value = value << 4 | UInt64(nibble)
        }
        return digits == 0 ? nil : value << UInt64(4 * (digitsMax - digits))
    }
}
