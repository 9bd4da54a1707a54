import OTLP

/// Things of which each has the id of a span.
protocol SpanIDList {
    func spanID(at index: Int) -> SpanID
}

/// Finds the spans of one trace by their ids, among those of a list.
struct SpanIDTable: Sendable {
    /// Index + 1 by hash, 0 for none; at most half in use.
    private var slots: [Int32] = []
    private var mask = 0
    /// So that nobody outside can choose ids that collide.
    private let seed = UInt64.random(in: 0...(.max)) | 1

    mutating func reset(count: Int) {
        var size = 16
        while size < count * 2 { size *= 2 }
        slots.fill(0, count: size)
        mask = size - 1
    }

    @inline(__always)
    func index(of id: SpanID, _ list: borrowing some SpanIDList) -> Int? {
        var slot = slot(id)
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if list.spanID(at: index) == id { return index }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// Notes that something has an id, unless something else has.
    ///
    /// - Returns: What has it already; nil when it was noted.
    @inline(__always)
    mutating func insert(_ id: SpanID, _ index: Int, _ list: borrowing some SpanIDList) -> Int? {
        var slot = slot(id)
        while slots[slot] != 0 {
            let known = Int(slots[slot]) - 1
            if list.spanID(at: known) == id { return known }
            slot = (slot + 1) & mask
        }
        slots[slot] = Int32(index + 1)
        return nil
    }

    private func slot(_ id: SpanID) -> Int { Int(truncatingIfNeeded: FoldedHash.folded(id.rawValue ^ seed)) & mask }
}
