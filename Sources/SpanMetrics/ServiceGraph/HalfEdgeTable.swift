import OTLP

/// One side of a request, which waits for the other.
struct HalfEdge: Hashable, Sendable {
    /// What both sides have in common: the trace and the client's span.
    struct Key: Hashable, Sendable {
        /// Both halves of the trace id in one: of random ids no two that meet here are likely to agree.
        var trace: UInt64
        /// The client's span id.
        var span: UInt64

        init(trace: UInt64, span: UInt64) {
            self.trace = trace
            self.span = span
        }

        @inline(__always)
        init(_ traceID: TraceID, _ span: SpanID) {
            trace = traceID.low ^ traceID.high &* 0x9E37_79B9_7F4A_7C15
            self.span = span.rawValue
        }
    }

    struct Flags: OptionSet, Hashable, Sendable {
        let rawValue: UInt8

        /// The client's or producer's side; else the server's or consumer's.
        static let client = Flags(rawValue: 1)
        static let error = Flags(rawValue: 2)
        static let messaging = Flags(rawValue: 4)
        /// The other side has come; a client's is kept for further ones.
        static let matched = Flags(rawValue: 8)
    }

    var key: Key
    /// When the collector took it, unix nanoseconds.
    var receivedAt: UInt64
    var durationNanoseconds: UInt64
    /// Who it is: a number of ``ServiceGraphTotals/sides``.
    var side: UInt32
    /// Of a client: whom it asked, should nobody answer.
    var peer: UInt32
    /// How many requests it stands for.
    var count: UInt32
    var tenant: UInt16
    var flags: Flags
}

/// The sides that wait, in the order in which they came, found by their key: a ring and an open-addressed table over it.
///
/// Grows by doubling and never shrinks. Keys are hashed with a seed, so that nobody outside can choose those that
/// collide.
struct HalfEdgeTable: Sendable {
    /// Sides of one key, as when one message goes to many consumers. More would let one key slow down all.
    static let perKeyMax = 64

    private var ring: [HalfEdge] = []
    private var head = 0
    private(set) var count = 0
    /// Place in the ring + 1 in the low half, and the hash in the high half; 0 for a free slot. A power of two, at most
    /// half in use.
    private var slots: [UInt64] = []
    private let seed: UInt64

    init(seed: UInt64) { self.seed = seed }

    /// Where a side is, until the next one is added or removed.
    struct Place: Hashable, Sendable {
        fileprivate let index: Int
    }

    subscript(place: Place) -> HalfEdge {
        _read { yield ring[place.index] }
        _modify { yield &ring[place.index] }
    }

    /// What waits for longest.
    var first: HalfEdge? { count == 0 ? nil : ring[head & (ring.count - 1)] }

    /// All, the oldest first.
    func forEach(_ body: (HalfEdge) -> Bool) {
        for offset in 0..<count where !body(ring[(head + offset) & (ring.count - 1)]) { return }
    }

    mutating func update(_ body: (inout HalfEdge) -> Void) {
        for offset in 0..<count { body(&ring[(head + offset) & (ring.count - 1)]) }
    }

    /// The sides of a key, in no particular order.
    ///
    /// - Complexity: O(their number).
    @inline(__always)
    func places(of key: HalfEdge.Key, tenant: UInt16, _ body: (Place) -> Bool) {
        guard count > 0 else { return }
        let hash = hash(key, tenant)
        let mask = slots.count - 1
        var slot = Int(hash) & mask
        while slots[slot] != 0 {
            if slots[slot] >> 32 == UInt64(hash) {
                let index = Int(slots[slot] & 0xFFFF_FFFF) - 1
                if ring[index].key == key, ring[index].tenant == tenant, !body(Place(index: index)) { return }
            }
            slot = (slot + 1) & mask
        }
    }

    mutating func append(_ edge: HalfEdge) {
        if count == ring.count { grow(edge) }
        let index = (head + count) & (ring.count - 1)
        ring[index] = edge
        count += 1
        place(index)
    }

    mutating func removeFirst() -> HalfEdge {
        let index = head & (ring.count - 1)
        remove(index)
        head = index + 1
        count -= 1
        return ring[index]
    }

    // MARK: slots

    private mutating func grow(_ filler: HalfEdge) {
        var larger: [HalfEdge] = []
        let capacity = max(1_024, ring.count * 2)
        larger.reserveCapacity(capacity)
        forEach {
            larger.append($0)
            return true
        }
        larger.append(contentsOf: repeatElement(filler, count: capacity - larger.count))
        ring = larger
        head = 0
        slots = Array(repeating: 0, count: capacity * 2)
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
        while slots[hole] & 0xFFFF_FFFF != UInt64(index + 1) { hole = (hole + 1) & mask }
        var next = (hole + 1) & mask
        while slots[next] != 0 {
            let home = Int(slots[next] >> 32) & mask
            if (next - home) & mask >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = 0
    }

    @inline(__always)
    private func hash(_ key: HalfEdge.Key, _ tenant: UInt16) -> UInt32 {
        let (a, b) = (key.trace ^ seed).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        let (c, d) = (key.span ^ a ^ b ^ UInt64(tenant)).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
        return UInt32(truncatingIfNeeded: c ^ d)
    }
}
