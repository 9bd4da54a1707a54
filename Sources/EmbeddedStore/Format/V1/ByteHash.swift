#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A fast hash of short byte strings, for tables in memory; never written to a file.
struct ByteHash: Sendable {
    private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15
    private static let other: UInt64 = 0xE703_7ED1_A0B4_28DB

    /// Of this process alone: whoever sends spans cannot choose ids or texts that all have one hash, which would make
    /// every look into a table a walk through it. Tables keep a copy, as a look at this costs more than a hash.
    static let ofProcess = ByteHash(seed: .random(in: .min ... .max), otherSeed: .random(in: .min ... .max))

    private let seed: UInt64
    private let otherSeed: UInt64

    @inline(__always)
    func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = (a ^ seed).multipliedFullWidth(by: b ^ otherSeed)
        return product.high ^ product.low
    }

    @inline(__always)
    func hash(_ bytes: UnsafePointer<UInt8>, count: Int) -> UInt64 {
        let base = UnsafeRawPointer(bytes)
        let length = UInt64(truncatingIfNeeded: count) &* 0xD6E8_FEB8_6659_FD93
        if count >= 8 {
            var state = length
            var offset = 0
            while offset < count - 16 {
                state = mix(state ^ Self.word(base, offset) ^ Self.multiplier, Self.word(base, offset + 8) ^ Self.other)
                offset += 16
            }
            return mix(
                state ^ Self.word(base, max(0, count - 16)) ^ Self.multiplier, Self.word(base, count - 8) ^ Self.other)
        }
        if count >= 4 {
            return mix(length ^ Self.half(base, 0) ^ Self.multiplier, Self.half(base, count - 4) ^ Self.other)
        }
        guard count > 0 else { return mix(Self.multiplier, Self.other) }
        let few = UInt64(bytes[0]) | UInt64(bytes[count / 2]) << 8 | UInt64(bytes[count - 1]) << 16
        return mix(length ^ few ^ Self.multiplier, Self.other)
    }

    /// Short strings, as most are, are compared without a call.
    @inline(__always)
    static func equal(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, count: Int) -> Bool {
        let first = UnsafeRawPointer(a)
        let second = UnsafeRawPointer(b)
        if count >= 8 {
            if count > 64 { return memcmp(first, second, count) == 0 }
            var offset = 0
            while offset < count - 8 {
                if word(first, offset) != word(second, offset) { return false }
                offset += 8
            }
            return word(first, count - 8) == word(second, count - 8)
        }
        if count >= 4 {
            return half(first, 0) == half(second, 0) && half(first, count - 4) == half(second, count - 4)
        }
        for index in 0..<count where a[index] != b[index] { return false }
        return true
    }

    @inline(__always)
    private static func word(_ base: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    @inline(__always)
    private static func half(_ base: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        UInt64(base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}
