import OTLP

/// The `ot` entry of a trace state: sub-keys joined by semicolons, of which sampling reads and writes `th` and `rv`.
package struct ConsistentSampling: Sendable, Equatable {
    /// One more than the largest randomness value: 56 bits.
    package static let range: UInt64 = 1 << 56
    /// Characters the whole value may have.
    static let valueBytesMax = 256
    static let digits = 14

    private let subkeys: [Substring]

    package init(_ state: TraceState) {
        let value = state["ot"] ?? ""
        subkeys = value.utf8.count <= Self.valueBytesMax ? value.split(separator: ";") : []
    }

    /// The 56 random bits of a trace: `rv` where it is given in exactly 14 lowercase digits, else the trace id's own.
    package func randomness(of traceID: TraceID) -> UInt64 {
        if let text = value("rv"), text.utf8.count == Self.digits, Self.isLowercaseHex(text),
            let value = UInt64(text, radix: 16)
        {
            return value
        }
        return traceID.low & (Self.range - 1)
    }

    /// The rejection threshold: a trace is kept when its randomness is not below it. Nil when absent or malformed.
    package var threshold: UInt64? {
        guard let text = value("th"), (1...Self.digits).contains(text.utf8.count), Self.isLowercaseHex(text),
            let value = UInt64(text, radix: 16)
        else { return nil }
        return value << UInt64(4 * (Self.digits - text.utf8.count))
    }

    /// The trace state with `th` set to `threshold`, or without `th` when it is nil; other sub-keys stay.
    package func setting(threshold: UInt64?, in state: TraceState) -> TraceState {
        var kept = subkeys.filter { !$0.hasPrefix("th:") }
        if let threshold { kept.insert("th:\(Self.text(threshold))", at: 0) }
        return state.setting("ot", to: kept.isEmpty ? nil : kept.joined(separator: ";"))
    }

    private func value(_ key: String) -> Substring? {
        subkeys.first { $0.hasPrefix("\(key):") }?.dropFirst(key.count + 1)
    }

    /// 14 digits without the zeros at their end, and at least one.
    private static func text(_ threshold: UInt64) -> String {
        let hex = String(threshold, radix: 16)
        let padded = String(repeating: "0", count: max(0, digits - hex.count)) + hex
        guard let last = padded.lastIndex(where: { $0 != "0" }) else { return "0" }
        return String(padded[...last])
    }

    private static func isLowercaseHex(_ text: Substring) -> Bool {
        text.utf8.allSatisfy {
            ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9")) || ($0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "f"))
        }
    }
}
