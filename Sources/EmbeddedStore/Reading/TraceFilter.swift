import OTLP

/// Tells in a few bytes of memory that a block has nothing of a trace; for some that it has nothing of it says that it
/// may have.
///
/// A Bloom filter whose bits for one id lie in one word: 24 bits an id, of which 6 are set, err for 1 of 1,000 ids. A
/// look-up asks every block, and each that errs costs a look into an index. Made from the block's trace index when it is
/// first asked, and never written to a file.
struct TraceFilter: Sendable {
    /// Bytes of the largest filter. A block with more traces has one that errs more often: 4 in 100 for one of 65,536
    /// traces of one span each.
    static let bytesMax = 64 << 10

    private var words: [UInt64]

    /// - Parameter count: ids that it will hold.
    init(count: Int) {
        let bytes = min(Self.bytesMax, count * 24 / 8)
        words = Array(repeating: 0, count: max(1, (bytes + 7) / 8))
    }

    /// Bytes of memory that it takes.
    var memoryBytes: Int { words.count * 8 }

    mutating func insert(_ id: TraceID) {
        let (word, bits) = place(id)
        words[word] |= bits
    }

    func mayHold(_ id: TraceID) -> Bool {
        let (word, bits) = place(id)
        return words[word] & bits == bits
    }

    private func place(_ id: TraceID) -> (word: Int, bits: UInt64) {
        let hash = ByteHash.ofProcess.mix(id.low ^ 0xD6E8_FEB8_6659_FD93, 0x9E37_79B9_7F4A_7C15 ^ id.high)
        let word = Int((hash >> 32).multipliedFullWidth(by: UInt64(words.count) << 32).high)
        var bits: UInt64 = 0
        for bit: UInt64 in 0..<6 { bits |= 1 << (hash >> (6 * bit) & 63) }
        return (word, bits)
    }
}
