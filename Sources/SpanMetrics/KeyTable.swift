/// Numbers byte strings in the order in which they first come: the interning table behind the series of a metric.
///
/// Keys are kept end to end in one array. Lookups hash eight bytes at a time with a seed of the process, so that
/// nobody outside can choose keys that collide.
struct KeyTable: Sendable {
    private var keys: [UInt8] = []
    /// Where key `index` ends in `keys`.
    private var ends: [Int] = []
    private var hashes: [UInt64] = []
    /// Index + 1 of the key in each slot in the low half, and of its hash the high half; 0 for a free one. The count is
    /// a power of two, at most half in use.
    private var slots: [UInt64] = Array(repeating: 0, count: 64)
    private let seed: UInt64

    init(seed: UInt64) {
        self.seed = seed
    }

    var count: Int { ends.count }

    /// The bytes of all keys together.
    var keyBytes: Int { keys.count }

    func key(_ index: Int) -> ArraySlice<UInt8> {
        keys[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
    }

    /// Adds a key, with its length, to another one.
    func append(_ index: Int, to other: inout SeriesTableKey) {
        withBytes(of: index) { other.append($0) }
    }

    /// Adds a key, with its length, to bytes.
    func appendBlock(_ index: Int, to bytes: inout [UInt8]) {
        withBytes(of: index) { SeriesTableKey.appendBlock($0, to: &bytes) }
    }

    @inline(__always)
    func withBytes<Result>(of index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let start = index == 0 ? 0 : ends[index - 1]
        return keys.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[start..<ends[index]])) }
    }

    /// The number of a key; nil when it has none.
    ///
    /// - Complexity: O(bytes of the key).
    func index(of key: [UInt8]) -> Int? { key.withUnsafeBytes { index(of: $0) } }

    func index(of key: UnsafeRawBufferPointer) -> Int? { index(of: key, hash(key)) }

    @inline(__always)
    private func index(of key: UnsafeRawBufferPointer, _ hash: UInt64) -> Int? {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let index = Int(slots[slot] & 0xFFFF_FFFF) - 1
            if slots[slot] >> 32 == hash >> 32, equals(index, key) { return index }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// Gives a key that has no number the next one.
    mutating func insert(_ key: [UInt8]) -> Int { key.withUnsafeBytes { insert($0) } }

    mutating func insert(_ key: UnsafeRawBufferPointer) -> Int { insert(key, hash(key)) }

    /// The number of a key, the next one when it has none.
    mutating func number(of key: UnsafeRawBufferPointer) -> (index: Int, isNew: Bool) {
        let hash = hash(key)
        if let known = index(of: key, hash) { return (known, false) }
        return (insert(key, hash), true)
    }

    /// Whether a key is `prefix`, `text` and so many zeros.
    @inline(__always)
    func isKey(_ index: Int, prefix: UInt8, _ text: UnsafeRawBufferPointer, zeros: Int) -> Bool {
        let start = index == 0 ? 0 : ends[index - 1]
        let rest = start + 1 + text.count
        guard ends[index] == rest + zeros, keys[start] == prefix else { return false }
        return keys.withUnsafeBytes { ByteEquality.isEqual($0, start + 1, text, 0, text.count) }
            && (zeros == 0 || keys[rest..<rest + zeros].allSatisfy { $0 == 0 })
    }

    private mutating func insert(_ key: UnsafeRawBufferPointer, _ hash: UInt64) -> Int {
        if (count + 1) * 2 > slots.count { grow() }
        let index = count
        keys.append(contentsOf: key)
        ends.append(keys.count)
        hashes.append(hash)
        place(index, hash)
        return index
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: slots.count * 2)
        for (index, hash) in hashes.enumerated() { place(index, hash) }
    }

    private mutating func place(_ index: Int, _ hash: UInt64) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = hash & ~0xFFFF_FFFF | UInt64(UInt32(truncatingIfNeeded: index + 1))
    }

    private func equals(_ index: Int, _ key: UnsafeRawBufferPointer) -> Bool {
        let start = index == 0 ? 0 : ends[index - 1]
        guard ends[index] - start == key.count else { return false }
        return keys.withUnsafeBytes { ByteEquality.isEqual($0, start, key, 0, key.count) }
    }

    @inline(__always)
    private func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 { FoldedHash.hash(bytes, after: seed) }
}
