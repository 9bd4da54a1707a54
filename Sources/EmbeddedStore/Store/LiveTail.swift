import OTLP
import TraceStorage

/// The batches that are not in a block yet, and which of their rows belong to which trace.
///
/// A span that is there already, equal in every byte, is noted as a duplicate and is neither found nor sealed.
struct LiveTail: Sendable {
    /// A span of the tail; `previous` is the index of the one before it in the same trace, -1 for the first.
    private struct Row: Sendable {
        let batch: Int32
        let row: Int32
        let previous: Int32
    }

    /// What a query that looks at all spans needs; cheap to copy.
    struct Snapshot: Sendable {
        fileprivate(set) var batches: [StoredBatch] = []
        /// Rows that are duplicates, in rising order, by batch; batches without any have none.
        fileprivate var duplicates: [Int: [Int]] = [:]

        /// Rows of a batch without duplicates.
        func uniqueRows(_ batch: Int) -> [Int] {
            let rows = batches[batch].batch.spans.indices
            guard let left = duplicates[batch].map(Set.init) else { return Array(rows) }
            return rows.filter { !left.contains($0) }
        }

        /// The other rows of a batch, in rising order.
        func duplicateRows(_ batch: Int) -> [Int] { duplicates[batch] ?? [] }
    }

    private(set) var snapshot = Snapshot()
    /// Spans that are no duplicates.
    var spans: Int { rows.count }
    private(set) var bytes = 0
    private(set) var receivedMin = UInt64.max
    private var rows: [Row] = []
    /// The hash of each of `rows`.
    private(set) var hashes: [UInt64] = []
    /// The last row of each trace, by the hash of its id as in `slots`.
    private var traceSlots: [UInt64] = Array(repeating: 0, count: 1024)
    private var traces = 0
    /// Where the trace of the row that came last is noted: most spans come beside others of their trace.
    private var lastTrace: (id: TraceID, slot: Int)?
    /// Rows by the hash of trace and span id, linear probing: 32 bits of hash, then the row's index plus 1; 0 is free.
    private var slots: [UInt64] = Array(repeating: 0, count: 1024)

    private let byteHash = ByteHash.ofProcess

    var isEmpty: Bool { snapshot.batches.isEmpty }

    init() {}

    /// An empty tail with room for what this one has, which the next one will probably have too.
    func emptied() -> LiveTail {
        var tail = LiveTail()
        tail.rows.reserveCapacity(rows.count)
        tail.hashes.reserveCapacity(hashes.count)
        tail.slots = Array(repeating: 0, count: slots.count)
        tail.traceSlots = Array(repeating: 0, count: traceSlots.count)
        return tail
    }

    /// Takes a batch. `hashes`: of each span's ids, by ``RecentSpans/hash(_:_:)``; `known`: rows that are duplicates of
    /// spans elsewhere. Returns all rows that are duplicates, in rising order.
    mutating func append(_ stored: StoredBatch, hashes batchHashes: [UInt64], without known: Set<Int>) -> [Int] {
        let number = snapshot.batches.count
        snapshot.batches.append(stored)
        var doubled: [Int] = []
        for row in stored.batch.spans.indices {
            guard known.isEmpty || !known.contains(row), insert(stored, row, batchHashes[row]) else {
                doubled.append(row)
                continue
            }
            hashes.append(batchHashes[row])
            appendRow(batch: number, row: row, stored.batch.spans[row].traceID)
        }
        if !doubled.isEmpty { snapshot.duplicates[number] = doubled }
        bytes += stored.batch.bytes.count
        receivedMin = min(receivedMin, stored.receivedAt)
        return doubled
    }

    /// The rows of a trace by batch, both in the order of arrival.
    func rows(of id: TraceID, tenant: TenantID) -> [(batch: SpanBatch, rows: [Int])] {
        var found: [(batch: Int32, rows: [Int])] = []
        var next = Int32(truncatingIfNeeded: traceSlots[traceSlot(id)] & 0xFFFF_FFFF) - 1
        while next >= 0 {
            let row = rows[Int(next)]
            if found.last?.batch == row.batch {
                found[found.count - 1].rows.append(Int(row.row))
            } else {
                found.append((row.batch, [Int(row.row)]))
            }
            next = row.previous
        }
        return found.reversed().filter { snapshot.batches[Int($0.batch)].tenant == tenant }
            .map { (snapshot.batches[Int($0.batch)].batch, $0.rows.reversed()) }
    }

    /// Appends a row to its trace.
    private mutating func appendRow(batch: Int, row: Int, _ trace: TraceID) {
        if (traces + 1) * 2 > traceSlots.count { growTraces() }
        let slot: Int
        if let last = lastTrace, last.id == trace {
            slot = last.slot
        } else {
            slot = traceSlot(trace)
            lastTrace = (trace, slot)
        }
        let previous = Int32(truncatingIfNeeded: traceSlots[slot] & 0xFFFF_FFFF) - 1
        if previous < 0 { traces += 1 }
        rows.append(Row(batch: Int32(batch), row: Int32(row), previous: previous))
        // A slot that is taken has the hash already.
        let tag = previous < 0 ? hash(trace) : traceSlots[slot]
        traceSlots[slot] = tag & 0xFFFF_FFFF_0000_0000 | UInt64(rows.count)
    }

    /// Where a trace's last row is noted, or would be.
    private func traceSlot(_ trace: TraceID) -> Int {
        let hash = hash(trace)
        let mask = traceSlots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while traceSlots[slot] != 0 {
            if traceSlots[slot] >> 32 == hash >> 32, self.trace(traceSlots[slot]) == trace { return slot }
            slot = (slot + 1) & mask
        }
        return slot
    }

    private func trace(_ slot: UInt64) -> TraceID {
        let row = rows[Int(slot & 0xFFFF_FFFF) - 1]
        return snapshot.batches[Int(row.batch)].batch.spans[Int(row.row)].traceID
    }

    private mutating func growTraces() {
        lastTrace = nil
        let all = traceSlots
        traceSlots = Array(repeating: 0, count: all.count * 2)
        for slot in all where slot != 0 { traceSlots[traceSlot(trace(slot))] = slot }
    }

    private func hash(_ trace: TraceID) -> UInt64 { byteHash.mix(trace.low, 0x9E37_79B9_7F4A_7C15 ^ trace.high) }

    /// Notes the row that is about to be appended to `rows`; false when an equal span of the tenant is there.
    private mutating func insert(_ stored: StoredBatch, _ row: Int, _ hash: UInt64) -> Bool {
        if (rows.count + 1) * 2 > slots.count { grow() }
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            if slots[slot] >> 32 == hash >> 32 {
                let other = rows[Int(slots[slot] & 0xFFFF_FFFF) - 1]
                let candidate = snapshot.batches[Int(other.batch)]
                if candidate.tenant == stored.tenant, candidate.batch.equalSpan(Int(other.row), stored.batch, row) {
                    return false
                }
            }
            slot = (slot + 1) & mask
        }
        slots[slot] = hash & 0xFFFF_FFFF_0000_0000 | UInt64(rows.count + 1)
        return true
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: slots.count * 2)
        let mask = slots.count - 1
        for (index, hash) in hashes.enumerated() {
            var slot = Int(truncatingIfNeeded: hash) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = hash & 0xFFFF_FFFF_0000_0000 | UInt64(index + 1)
        }
    }
}

extension SpanBatch {
    /// Whether two spans, and the resources and scopes they are under, are equal in every byte.
    fileprivate func equalSpan(_ row: Int, _ other: SpanBatch, _ otherRow: Int) -> Bool {
        let a = spans[row]
        let b = other.spans[otherRow]
        guard a.traceID == b.traceID, a.spanID == b.spanID, canonicalSpan(row) == other.canonicalSpan(otherRow) else {
            return false
        }
        return header(of: scope(of: a)) == other.header(of: other.scope(of: b))
            && header(of: resource(of: a)) == other.header(of: other.resource(of: b))
    }
}
