import Foundation

/// Random numbers that are the same for the same inputs, in every process (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    /// - Parameter inputs: what the numbers depend on; hashed as text (FNV-1a).
    init(_ inputs: any CustomStringConvertible...) {
        state = 0xCBF2_9CE4_8422_2325
        for input in inputs {
            for byte in input.description.utf8 { mix(byte) }
            mix(0xFF)  // no byte of UTF-8: keeps "a", "bc" apart from "ab", "c"
        }
    }

    private mutating func mix(_ byte: UInt8) {
        state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }

    /// True in that share of all cases.
    mutating func happens(_ share: Double) -> Bool {
        Double.random(in: 0..<1, using: &self) < share
    }

    /// Log-normal, as latencies and lengths are: most near the median, a few far above it. Never outside a fifth and
    /// five times the median.
    mutating func logNormal(median: Double, sigma: Double) -> Double {
        let radius = (-2 * log(Double.random(in: 0.000_001..<1, using: &self))).squareRoot()
        let normal = radius * cos(2 * .pi * Double.random(in: 0..<1, using: &self))
        return median * min(max(exp(sigma * normal), 0.2), 5)
    }

    /// Log-normal milliseconds.
    mutating func duration(medianMilliseconds median: Double) -> Duration {
        .microseconds(Int64(logNormal(median: median, sigma: 0.35) * 1000))
    }
}
