/// The numbers of short texts that came lately, in so little room that it stays in the processor's first cache.
///
/// Spans repeat the names of models, agents and tools; the table of all texts is large where ids come by.
struct RecentTexts: Sendable {
    /// Bytes of a text; names are shorter.
    private static let bytesMax = 32
    /// A power of two; 16 KB.
    private static let entriesMax = 256

    private struct Entry: Sendable {
        var words = SIMD4<UInt64>()
        /// 0 in a free place, as the empty text is not asked for.
        var count: UInt32 = 0
        var number = TextNumber.none
    }

    private var entries = [Entry](repeating: Entry(), count: Self.entriesMax)

    /// A text's bytes in four words: with their count they stand for it. Nil for one that is too long.
    @inline(__always)
    static func words(_ bytes: UnsafeRawBufferPointer) -> SIMD4<UInt64>? {
        let count = bytes.count
        guard count <= bytesMax else { return nil }
        func load(_ offset: Int) -> UInt64 { bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
        guard count >= 8 else {
            var word: UInt64 = 0
            for byte in bytes { word = word << 8 | UInt64(byte) }
            return SIMD4(word, 0, 0, 0)
        }
        // The last word overlaps the ones before.
        return SIMD4(load(0), count > 16 ? load(8) : 0, count > 24 ? load(16) : 0, load(count - 8))
    }

    @inline(__always)
    private static func place(_ words: SIMD4<UInt64>, _ count: Int) -> Int {
        let mixed =
            words[0] &* 0x9E37_79B9_7F4A_7C15 ^ words[1] &* 0xC2B2_AE3D_27D4_EB4F ^ words[2] &* 0xFF51_AFD7_ED55_8CCD
            ^ (words[3] &+ UInt64(count)) &* 0xD6E8_FEB8_6659_FD93
        return Int(truncatingIfNeeded: (mixed ^ mixed >> 29) &* 0x9E37_79B9_7F4A_7C15 >> 48) & (entriesMax - 1)
    }

    @inline(__always)
    func number(_ words: SIMD4<UInt64>, count: Int) -> TextNumber? {
        let place = Self.place(words, count)
        guard entries[place].count == UInt32(truncatingIfNeeded: count), entries[place].words == words else {
            return nil
        }
        return entries[place].number
    }

    mutating func set(_ words: SIMD4<UInt64>, count: Int, _ number: TextNumber) {
        entries[Self.place(words, count)] = Entry(
            words: words, count: UInt32(truncatingIfNeeded: count), number: number)
    }
}
