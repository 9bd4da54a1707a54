/// A hash of 64 bits that is the same in every process, version and language: FNV-1a over the bytes, then the finalizer
/// of MurmurHash3, because FNV's high bits hardly change with the last bytes.
///
///     h = 0xcbf29ce484222325
///     for each byte b:  h = (h xor b) * 0x100000001b3
///     h = (h xor (h >> 33)) * 0xff51afd7ed558ccd
///     h = (h xor (h >> 33)) * 0xc4ceb9fe1a85ec53
///     h = h xor (h >> 33)
///
/// All arithmetic is modulo 2^64. It must never change: people would move to other variants.
enum StableHash {
    static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        hash = (hash ^ hash >> 33) &* 0xff51_afd7_ed55_8ccd
        hash = (hash ^ hash >> 33) &* 0xc4ce_b9fe_1a85_ec53
        return hash ^ hash >> 33
    }
}
