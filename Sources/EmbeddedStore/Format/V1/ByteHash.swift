#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A fast hash of short byte strings, for tables in memory; never written to a file.
enum ByteHash {
    private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15

    @inline(__always)
    static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }

    @inline(__always)
    static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        var state = seed ^ UInt64(bytes.count) &* 0xD6E8_FEB8_6659_FD93
        guard let base = bytes.baseAddress else { return mix(state ^ multiplier, multiplier) }
        var offset = 0
        let count = bytes.count
        while count - offset >= 8 {
            state = mix(state ^ base.loadUnaligned(fromByteOffset: offset, as: UInt64.self) ^ multiplier, multiplier)
            offset += 8
        }
        var rest: UInt64 = 0
        while offset < count {
            rest = rest << 8 | UInt64(base.load(fromByteOffset: offset, as: UInt8.self))
            offset += 1
        }
        return mix(state ^ rest ^ 0xA076_1D64_78BD_642F, multiplier ^ 0xE703_7ED1_A0B4_28DB)
    }

    @inline(__always)
    static func equal(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        guard a.count == b.count else { return false }
        guard let first = a.baseAddress, let second = b.baseAddress, a.count > 0 else { return true }
        return memcmp(first, second, a.count) == 0
    }
}

/// Distinct byte strings, numbered in the order of their first use.
struct ByteDictionary {
    private(set) var bytes: [UInt8] = []
    private(set) var ends: [UInt32] = []
    /// Number of a string plus 1 by hash, linear probing; 0 is free. The length is a power of two.
    private var slots: [UInt32] = Array(repeating: 0, count: 64)
    private var tags: [UInt32] = Array(repeating: 0, count: 64)

    var count: Int { ends.count }

    func range(_ index: Int) -> Range<Int> { Int(index == 0 ? 0 : ends[index - 1])..<Int(ends[index]) }

    /// The string's number, a new one when it is not there yet.
    mutating func index(of string: UnsafeRawBufferPointer) -> UInt32 {
        let hash = ByteHash.hash(string)
        let tag = UInt32(truncatingIfNeeded: hash >> 32)
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            if tags[slot] == tag, equals(Int(slots[slot]) - 1, string) { return slots[slot] - 1 }
            slot = (slot + 1) & mask
        }
        bytes.append(contentsOf: string)
        ends.append(UInt32(truncatingIfNeeded: bytes.count))
        slots[slot] = UInt32(ends.count)
        tags[slot] = tag
        if ends.count * 2 > slots.count { rebuild(slots.count * 2) }
        return UInt32(ends.count - 1)
    }

    /// Forgets all strings but the first `count`.
    mutating func truncate(to count: Int) {
        guard count < ends.count else { return }
        ends.removeSubrange(count...)
        bytes.removeSubrange(Int(ends.last ?? 0)...)
        rebuild(slots.count)
    }

    private func equals(_ index: Int, _ string: UnsafeRawBufferPointer) -> Bool {
        let start = index == 0 ? 0 : Int(ends[index - 1])
        let end = Int(ends[index])
        guard end - start == string.count else { return false }
        return bytes.withUnsafeBytes { ByteHash.equal(UnsafeRawBufferPointer(rebasing: $0[start..<end]), string) }
    }

    private mutating func rebuild(_ size: Int) {
        slots = Array(repeating: 0, count: size)
        tags = Array(repeating: 0, count: size)
        bytes.withUnsafeBytes { base in
            for index in ends.indices {
                let hash = ByteHash.hash(UnsafeRawBufferPointer(rebasing: base[range(index)]))
                var slot = Int(truncatingIfNeeded: hash) & (size - 1)
                while slots[slot] != 0 { slot = (slot + 1) & (size - 1) }
                slots[slot] = UInt32(index + 1)
                tags[slot] = UInt32(truncatingIfNeeded: hash >> 32)
            }
        }
    }
}
