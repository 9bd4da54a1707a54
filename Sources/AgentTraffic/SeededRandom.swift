/// Random numbers that a seed decides (SplitMix64): the same on every machine, and cheap.
package struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    @inline(__always)
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number under `bound`, which must be positive; the bias is under 2⁻³².
    @inline(__always)
    package mutating func below(_ bound: Int) -> Int {
        Int((next() >> 32).multipliedFullWidth(by: UInt64(bound) << 32).high)
    }

    /// Whether something with this probability, in thousandths, happens.
    @inline(__always)
    package mutating func happens(perMille: Int) -> Bool {
        below(1_000) < perMille
    }
}
