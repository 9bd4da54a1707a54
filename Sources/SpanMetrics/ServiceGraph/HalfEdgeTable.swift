/// The sides that wait, in the order in which they came, found by their key: a ring and an open-addressed table over it.
///
/// 56 to 72 bytes a side at most once it is full. Grows by doubling, up to the number of sides that it is meant for, and
/// never shrinks. Keys are hashed with a seed, so that nobody outside can choose those that collide.
struct HalfEdgeTable: Sendable {
    /// Sides of one key, as when one message goes to many consumers. More would let one key slow down all.
    static let perKeyMax = 64

    /// Sides that came at one time.
    private struct Arrival: Sendable {
        var time: UInt64
        var count: Int
    }

    private var ring: [HalfEdge] = []
    private var head = 0
    private(set) var count = 0
    /// Place in the ring + 1, and the low half of the hash above it, so that where a slot belongs is known without the
    /// side itself; 0 for a free slot. A power of two, at most half in use.
    private var slots: [UInt64] = []
    /// When the sides came, the oldest from `firstArrival` on: a side itself need not say it.
    private var arrivals: [Arrival] = []
    private var firstArrival = 0
    private let capacityMax: Int
    private let seed: UInt64

    /// - Parameter capacityMax: Sides that there are room for, at most 2^24; who adds more makes room first.
    init(capacityMax: Int, seed: UInt64) {
        self.capacityMax = capacityMax
        self.seed = seed
    }

    /// Where a side is, until it is removed or the table grows.
    struct Place: Hashable, Sendable {
        fileprivate let index: Int
    }

    subscript(place: Place) -> HalfEdge {
        _read { yield ring[place.index] }
        _modify { yield &ring[place.index] }
    }

    /// When what waits for longest came.
    var firstTime: UInt64? { count == 0 ? nil : arrivals[firstArrival].time }

    /// Whether a side came before another.
    func isOlder(_ a: Place, _ b: Place) -> Bool { age(a) < age(b) }

    private func age(_ place: Place) -> Int {
        place.index < head ? place.index + ring.count - head : place.index - head
    }

    @inline(__always)
    private func index(_ offset: Int) -> Int {
        let index = head + offset
        return index < ring.count ? index : index - ring.count
    }

    /// All, the oldest first, with the time at which they came, until `body` says that it is enough.
    func forEach(_ body: (HalfEdge, Place, UInt64) -> Bool) {
        var offset = 0
        for arrival in arrivals[firstArrival...] {
            for _ in 0..<arrival.count {
                let index = index(offset)
                guard body(ring[index], Place(index: index), arrival.time) else { return }
                offset += 1
            }
        }
    }

    mutating func update(_ body: (inout HalfEdge) -> Void) {
        for offset in 0..<count { body(&ring[index(offset)]) }
    }

    /// The sides of a key, in no particular order, until `body` says that it is enough.
    ///
    /// - Complexity: O(their number).
    @inline(__always)
    func places(of key: HalfEdge.Key, tenant: UInt16, _ body: (Place) -> Bool) {
        guard count > 0 else { return }
        let hash = hash(key, tenant)
        let mask = slots.count - 1
        var slot = Int(hash) & mask
        while slots[slot] != 0 {
            if Self.hash(slots[slot]) == hash {
                let index = Self.place(slots[slot])
                if ring[index].key == key, ring[index].tenant == tenant, !body(Place(index: index)) { return }
            }
            slot = (slot + 1) & mask
        }
    }

    /// How many sides before its turn a side's slots are fetched.
    private static let aheadSides = 4

    @inline(__always)
    private mutating func fetchKeys(of half: HalfEdge) {
        fetch(half.key, tenant: half.tenant)
        if half.parent != .none { fetch(half.parent, tenant: half.tenant) }
    }

    /// Has the processor fetch where the sides of a key are looked for; mutating in name, as the table would be copied.
    @inline(__always)
    mutating func fetch(_ key: HalfEdge.Key, tenant: UInt16) {
        guard count > 0 else { return }
        Prefetch.element(Int(hash(key, tenant)) & (slots.count - 1), of: slots)
    }

    /// - Parameter time: When it came; not before those that are there.
    mutating func append(_ edge: HalfEdge, at time: UInt64) {
        if count == ring.count { grow(edge) }
        let index = index(count)
        ring[index] = edge
        count += 1
        place(index)
        if let last = arrivals.indices.last, last >= firstArrival, arrivals[last].time == time {
            arrivals[last].count += 1
        } else {
            arrivals.append(Arrival(time: time, count: 1))
        }
    }

    mutating func removeFirst() -> HalfEdge {
        let index = head
        if count > Self.aheadSides { fetchKeys(of: ring[self.index(Self.aheadSides)]) }
        remove(index)
        head = head + 1 < ring.count ? head + 1 : 0
        count -= 1
        arrivals[firstArrival].count -= 1
        if arrivals[firstArrival].count == 0 { forgetArrival() }
        return ring[index]
    }

    private mutating func forgetArrival() {
        firstArrival += 1
        guard firstArrival >= 64, firstArrival * 2 >= arrivals.count else { return }
        arrivals.removeFirst(firstArrival)
        firstArrival = 0
    }

    // MARK: slots

    private mutating func grow(_ filler: HalfEdge) {
        var larger: [HalfEdge] = []
        let capacity = max(count + 1, min(capacityMax, max(1_024, ring.count * 2)))
        larger.reserveCapacity(capacity)
        forEach { half, _, _ in
            larger.append(half)
            return true
        }
        larger.append(contentsOf: repeatElement(filler, count: capacity - larger.count))
        ring = larger
        head = 0
        slots = Array(repeating: 0, count: 2 << (Int.bitWidth - (capacity - 1).leadingZeroBitCount))
        for index in 0..<count { place(index) }
    }

    private mutating func place(_ index: Int) {
        let hash = hash(ring[index].key, ring[index].tenant)
        let mask = slots.count - 1
        var slot = Int(hash) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = UInt64(hash) << 32 | UInt64(index + 1)
    }

    /// Frees the slot and moves those after it that would not be found any more.
    private mutating func remove(_ index: Int) {
        let mask = slots.count - 1
        var hole = Int(hash(ring[index].key, ring[index].tenant)) & mask
        while Self.place(slots[hole]) != index { hole = (hole + 1) & mask }
        var next = (hole + 1) & mask
        while slots[next] != 0 {
            let home = Int(Self.hash(slots[next])) & mask
            if (next - home) & mask >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = 0
    }

    @inline(__always)
    private static func place(_ slot: UInt64) -> Int { Int(truncatingIfNeeded: slot & 0xFFFF_FFFF) - 1 }

    @inline(__always)
    private static func hash(_ slot: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: slot >> 32) }

    @inline(__always)
    private func hash(_ key: HalfEdge.Key, _ tenant: UInt16) -> UInt32 {
        UInt32(truncatingIfNeeded: FoldedHash.folded(key.rawValue ^ seed &+ UInt64(tenant)))
    }
}
