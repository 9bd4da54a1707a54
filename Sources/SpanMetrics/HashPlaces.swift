/// Gives what was found lately a place, by a hash that stands for what it was found by: of 64 bits that nobody outside
/// can choose, as those of ``ByteHash``, so that two of them are never equal by chance.
///
/// There are so many places and no more: who comes where all are taken takes the place of another.
struct HashPlaces: Sendable {
    /// A power of two: the places that a hash may have, side by side.
    private static let ways = 4

    /// 0 in a free place.
    private var hashes: [UInt64]
    private var turn = 0

    /// - Parameter count: How many places there are; a power of two, 4 or more.
    init(count: Int) { hashes = Array(repeating: 0, count: count) }

    @inline(__always)
    private func first(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & (hashes.count - Self.ways) }

    /// The place of a hash; nil when it has none, or none any more.
    @inline(__always)
    func place(of hash: UInt64) -> Int? {
        let first = first(hash)
        for place in first..<first + Self.ways where hashes[place] == max(1, hash) { return place }
        return nil
    }

    /// Gives a hash that has no place one.
    mutating func insert(_ hash: UInt64) -> Int {
        let first = first(hash)
        turn &+= 1
        let free = (first..<first + Self.ways).first { hashes[$0] == 0 }
        let place = free ?? first + turn & (Self.ways - 1)
        hashes[place] = max(1, hash)
        return place
    }
}
