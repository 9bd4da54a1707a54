import OTLP

/// How many spans a sampled span adds to counters, which are whole numbers; its weight is `TraceStateWeight`'s.
package enum AdjustedCount {
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

    /// A bijection of 64 bits whose output looks random (the finalizer of SplitMix64).
    private static func mixed(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
