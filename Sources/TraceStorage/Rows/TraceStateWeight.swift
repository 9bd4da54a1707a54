import OTLP

/// How many spans a sampled span stands for, from the `ot=th:` entry of its trace state.
///
/// The threshold T has up to 14 hexadecimal digits, trailing zeros left out; a span was kept with probability
/// (2^56 − T) / 2^56 and counts as its inverse. Source: OpenTelemetry's "TraceState: Probability Sampling".
package enum TraceStateWeight {
    private static let thresholdDigitsMax = 14
    private static let one: UInt64 = 1 << 56

    /// The weight; 1 where the trace state has no readable threshold.
    package static func adjustedCount(_ traceState: some Collection<UInt8>) -> Double {
        guard let threshold = threshold(traceState), threshold > 0 else { return 1 }
        return Double(one) / Double(one - threshold)
    }

    private static func threshold(_ traceState: some Collection<UInt8>) -> UInt64? {
        for entry in traceState.split(separator: UInt8(ascii: ",")) {
            let entry = entry.drop(while: isSpace)
            guard entry.starts(with: "ot=".utf8) else { continue }
            for part in entry.dropFirst(3).split(separator: UInt8(ascii: ";")) where part.starts(with: "th:".utf8) {
                return hexThreshold(part.dropFirst(3))
            }
        }
        return nil
    }

    private static func hexThreshold(_ text: some Collection<UInt8>) -> UInt64? {
        let digits = text.prefix { !isSpace($0) }
        guard !digits.isEmpty, digits.count <= thresholdDigitsMax, text.dropFirst(digits.count).allSatisfy(isSpace)
        else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            guard let nibble = hexValue(digit) else { return nil }
            value = value << 4 | UInt64(nibble)
        }
        return value << UInt64(4 * (thresholdDigitsMax - digits.count))
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
}
