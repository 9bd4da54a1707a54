import OTLP

/// How many spans a sampled span stands for, from the `ot=th:` entry of its trace state.
///
/// The threshold T has up to 14 hexadecimal digits, trailing zeros left out; a span was kept with probability
/// (2^56 − T) / 2^56 and counts as its inverse. Source: OpenTelemetry's "TraceState: Probability Sampling".
package enum AdjustedCount {
    private static let thresholdDigitsMax = 14
    private static let one: UInt64 = 1 << 56

    /// The weight; 1 where the trace state has no readable threshold.
    package static func weight(traceState: ArraySlice<UInt8>) -> Double {
        guard let threshold = threshold(traceState), threshold > 0 else { return 1 }
        return Double(one) / Double(one - threshold)
    }

    /// The weight as a whole number: a fraction of x rounds up for a share x of all spans, chosen by the span's ids
    /// alone, so that a replay gives the same numbers.
    package static func count(weight: Double, traceID: TraceID, spanID: SpanID) -> UInt64 {
        guard weight > 1 else { return 1 }
        let whole = weight.rounded(.down)
        let fraction = weight - whole
        guard fraction > 0 else { return UInt64(whole) }
        let draw = Double(mixed(traceID.high ^ mixed(traceID.low ^ mixed(spanID.rawValue))) >> 11) * 0x1p-53
        return UInt64(whole) + (draw < fraction ? 1 : 0)
    }

    private static func threshold(_ traceState: ArraySlice<UInt8>) -> UInt64? {
        for entry in traceState.split(separator: UInt8(ascii: ",")) {
            let entry = entry.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            guard entry.starts(with: "ot=".utf8) else { continue }
            for part in entry.dropFirst(3).split(separator: UInt8(ascii: ";")) where part.starts(with: "th:".utf8) {
                return hexThreshold(part.dropFirst(3))
            }
        }
        return nil
    }

    private static func hexThreshold(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var digits = digits
        while digits.last == UInt8(ascii: " ") || digits.last == UInt8(ascii: "\t") {
            digits = digits.dropLast()
        }
        guard !digits.isEmpty, digits.count <= thresholdDigitsMax else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            guard let nibble = hexValue(digit) else { return nil }
            value = value << 4 | UInt64(nibble)
        }
        return value << UInt64(4 * (thresholdDigitsMax - digits.count))
    }

    /// A bijection of 64 bits whose output looks random (the finalizer of SplitMix64).
    private static func mixed(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
