import OTLP

/// Distinct byte strings, numbered in the order of their first use.
struct ByteDictionary: ~Copyable {
    private(set) var bytes = Room<UInt8>()
    /// Where each string ends in `bytes`.
    private(set) var ends = Room<UInt32>()
    /// Linear probing by the low bits of a tag of 32 bits: the tag, then the string's number plus 1; 0 is free. The
    /// length is a power of two.
    private var slots = Room<UInt64>(repeating: 0, count: 64)
    private let byteHash = ByteHash.ofProcess

    var count: Int { ends.count }

    @inline(__always)
    func start(_ index: Int) -> Int { index == 0 ? 0 : Int(ends[index - 1]) }

    @inline(__always)
    func range(_ index: Int) -> Range<Int> { start(index)..<Int(ends[index]) }

    /// The string's number, a new one when it is not there yet.
    @inline(__always)
    mutating func index(of string: UnsafePointer<UInt8>, count: Int) -> Int {
        let tag = byteHash.hash(string, count: count) >> 32
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: tag) & mask
        while slots[slot] != 0 {
            let entry = slots[slot]
            if entry >> 32 == tag {
                let index = Int(truncatingIfNeeded: entry & 0xFFFF_FFFF) - 1
                let start = start(index)
                if Int(ends[index]) - start == count, ByteHash.equal(bytes.base + start, string, count: count) {
                    return index
                }
            }
            slot = (slot + 1) & mask
        }
        return add(string, count, tag, slot)
    }

    @inline(never)
    private mutating func add(_ string: UnsafePointer<UInt8>, _ count: Int, _ tag: UInt64, _ slot: Int) -> Int {
        bytes.append(string, count: count)
        ends.append(UInt32(truncatingIfNeeded: bytes.count))
        slots[slot] = tag << 32 | UInt64(ends.count)
        if ends.count * 2 > slots.count { rebuild(slots.count * 2) }
        return ends.count - 1
    }

    /// Forgets all strings but the first `count`.
    mutating func truncate(to count: Int) {
        guard count < ends.count else { return }
        ends.truncate(to: count)
        bytes.truncate(to: count == 0 ? 0 : Int(ends[count - 1]))
        rebuild(slots.count)
    }

    private mutating func rebuild(_ size: Int) {
        let rebuilt = Room<UInt64>(repeating: 0, count: size)
        for entry in slots.buffer where entry != 0 && entry & 0xFFFF_FFFF <= UInt64(ends.count) {
            var slot = Int(truncatingIfNeeded: entry >> 32) & (size - 1)
            while rebuilt[slot] != 0 { slot = (slot + 1) & (size - 1) }
            rebuilt[slot] = entry
        }
        slots = rebuilt
    }
}
