#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A fast hash of short byte strings, for tables in memory; never written to a file.
public struct ByteHash: Sendable {
    @inlinable static var multiplier: UInt64 { 0x9E37_79B9_7F4A_7C15 }
    @inlinable static var other: UInt64 { 0xE703_7ED1_A0B4_28DB }

    /// Of this process alone: whoever sends spans cannot choose ids or texts that all have one hash, which would make
    /// every look into a table a walk through it. Tables keep a copy, as a look at this costs more than a hash.
    package static let ofProcess = ByteHash(seed: .random(in: .min ... .max), otherSeed: .random(in: .min ... .max))

    @usableFromInline let seed: UInt64
    @usableFromInline let otherSeed: UInt64

    @inlinable @inline(__always)
    package func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = (a ^ seed).multipliedFullWidth(by: b ^ otherSeed)
        return product.high ^ product.low
    }

    @inlinable @inline(__always)
    package func hash(_ bytes: UnsafePointer<UInt8>, count: Int) -> UInt64 {
        let base = UnsafeRawPointer(bytes)
        let length = UInt64(truncatingIfNeeded: count) &* 0xD6E8_FEB8_6659_FD93
        if count > 16 {
            var state = mix(
                length ^ Self.word(base, count - 16) ^ Self.multiplier, Self.word(base, count - 8) ^ Self.other)
            var offset = 0
            repeat {
                state = mix(state ^ Self.word(base, offset), Self.word(base, offset + 8) ^ Self.other)
                offset += 16
            } while offset < count - 16
            return state
        }
        if count >= 8 {
            return mix(length ^ Self.word(base, 0) ^ Self.multiplier, Self.word(base, count - 8) ^ Self.other)
        }
        if count >= 4 {
            return mix(length ^ Self.half(base, 0) ^ Self.multiplier, Self.half(base, count - 4) ^ Self.other)
        }
        guard count > 0 else { return mix(Self.multiplier, Self.other) }
        let few = UInt64(bytes[0]) | UInt64(bytes[count / 2]) << 8 | UInt64(bytes[count - 1]) << 16
        return mix(length ^ few ^ Self.multiplier, Self.other)
    }

    /// Short strings, as most are, are compared without a call.
    @inlinable @inline(__always)
    package static func equal(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, count: Int) -> Bool {
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

    @inlinable @inline(__always)
    static func word(_ base: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    @inlinable @inline(__always)
    static func half(_ base: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        UInt64(base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}

extension ByteHash {
    /// Of a slice of a batch's bytes, not the same as ``hash(_:count:)`` has it: short ones are read at once, whatever
    /// their length, with what follows them masked away. Those of other lengths may have the same.
    @inlinable @inline(__always)
    package func hash(
        _ range: ByteRange, in bytes: UnsafeBufferPointer<UInt8>, _ base: UnsafePointer<UInt8>
    ) -> UInt64 {
        let (offset, count) = (Int(range.offset), Int(range.count))
        guard count <= 16, offset + 16 <= bytes.count else { return hash(base + offset, count: count) }
        let start = UnsafeRawPointer(base)
        let first = Self.word(start, offset) & (count >= 8 ? .max : 1 &<< UInt64(truncatingIfNeeded: count &* 8) &- 1)
        let rest = count &- 8
        let second =
            Self.word(start, offset + 8)
            & (rest >= 8 ? .max : rest > 0 ? 1 &<< UInt64(truncatingIfNeeded: rest &* 8) &- 1 : 0)
        return mix(first, second)
    }

    /// The shape of some attributes: a hash of their keys and the types of their values, in their order.
    ///
    /// Equal for equal ones. Nobody outside can choose keys of which two lists have one shape, and of 64 bits none have
    /// by chance: shapes stand for the keys themselves. They differ from process to process.
    @inlinable @inline(__always)
    package func shape(_ rows: UnsafeBufferPointer<AttributeRow>, _ base: UnsafePointer<UInt8>) -> UInt64 {
        var shape: UInt64 = 0
        var place: UInt64 = 0
        for row in rows {
            // Neither waits for what came before, so that the processor does several at once. Keys of other lengths may
            // have the same hash.
            let key = hash(base + Int(row.key.offset), count: Int(row.key.count))
            shape &+= mix(key ^ place, UInt64(row.kind.rawValue) << 32 | UInt64(row.key.count))
            place &+= Self.multiplier
        }
        return shape
    }
}
