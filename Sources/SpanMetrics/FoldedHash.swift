/// The hash of the tables of derived state. With a seed that nobody outside knows nobody can choose what collides.
enum FoldedHash {
    /// Both halves of the product with a large odd constant, xored.
    @inline(__always)
    static func folded(_ value: UInt64) -> UInt64 {
        let (high, low) = value.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return high ^ low
    }

    /// Of bytes, eight at a time, and what came before them: the seed, or the hash of other bytes.
    @inline(__always)
    static func hash(_ bytes: UnsafeRawBufferPointer, after before: UInt64) -> UInt64 {
        var state = before ^ UInt64(bytes.count)
        guard bytes.count >= 8 else {
            var tail: UInt64 = 0
            for byte in bytes { tail = tail << 8 | UInt64(byte) }
            return folded(state ^ tail)
        }
        var offset = 0
        while offset + 8 < bytes.count {
            state = folded(state ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        // The last eight, of which some were in the ones before.
        return folded(state ^ bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self))
    }
}
