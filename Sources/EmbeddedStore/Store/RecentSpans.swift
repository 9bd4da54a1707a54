import OTLP

/// The ids of the spans that were sealed last, so that a span sent again is recognised although it is in a block.
///
/// Two generations of hashes: when the younger is full the older is forgotten. A hit is only a hint.
struct RecentSpans: Sendable {
    /// Spans remembered at least; see ``StoreOptions/recentSpansMax``.
    private let spansMax: Int
    private var young = HashSet()
    private var old = HashSet()

    init(spansMax: Int) {
        self.spansMax = spansMax
    }

    @inline(__always)
    static func hash(_ trace: TraceID, _ span: SpanID, _ hash: ByteHash = .ofProcess) -> UInt64 {
        // One after the other: a root span's id may be its trace's lower half, as Zipkin has it.
        hash.mix(hash.mix(trace.low, trace.high), span.rawValue) | 1
    }

    @inline(__always)
    func contains(_ hash: UInt64) -> Bool { young.contains(hash) || old.contains(hash) }

    mutating func insert(_ hash: UInt64) {
        if young.count >= spansMax {
            old = young
            young = HashSet()
        }
        young.insert(hash)
    }

    /// Linear probing; 0 is free. The length is a power of two.
    private struct HashSet: Sendable {
        private(set) var count = 0
        private var slots: [UInt64] = Array(repeating: 0, count: 1024)

        @inline(__always)
        func contains(_ hash: UInt64) -> Bool {
            guard count > 0 else { return false }
            let slot = place(hash)
            return slots[slot] == hash
        }

        mutating func insert(_ hash: UInt64) {
            if (count + 1) * 2 > slots.count { grow() }
            let slot = place(hash)
            if slots[slot] == 0 { count += 1 }
            slots[slot] = hash
        }

        /// Where the hash is, or would go.
        @inline(__always)
        private func place(_ hash: UInt64) -> Int {
            let mask = slots.count - 1
            var slot = Int(truncatingIfNeeded: hash >> 16) & mask
            while slots[slot] != 0, slots[slot] != hash { slot = (slot + 1) & mask }
            return slot
        }

        private mutating func grow() {
            let all = slots
            slots = Array(repeating: 0, count: all.count * 2)
            for hash in all where hash != 0 { slots[place(hash)] = hash }
        }
    }
}
