import AgentTraffic

/// Ways in which bytes get damaged.
package struct Damage {
    private var random: SeededRandom

    package init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    /// The bytes with one to four changes: flipped bits, overwritten, removed, repeated or inserted bytes, or the end
    /// cut off.
    package mutating func apply(to bytes: [UInt8]) -> [UInt8] {
        var result = bytes
        for _ in 0...random.below(4) where !result.isEmpty {
            let index = random.below(result.count)
            let end = min(result.count, index + 1 + random.below(8))
            switch random.below(7) {
            case 0: result[index] ^= 1 << UInt8(random.below(8))
            case 1: result[index] = [0x00, 0x01, 0x7F, 0x80, 0xFF][random.below(5)]
            case 2: result.removeSubrange(index..<end)
            case 3: result.insert(contentsOf: result[index..<end], at: index)
            case 4: result.insert(UInt8(truncatingIfNeeded: random.next()), at: index)
            case 5: result.removeSubrange(index...)
            default: result[index] = result[index] &+ 1
            }
        }
        return result
    }
}
