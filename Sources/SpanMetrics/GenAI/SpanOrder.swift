import OTLP

/// Orders the spans of a trace by their start, those that last longest first; of equal ones by their ids.
struct SpanOrder: Sendable {
    private struct Key {
        var start: UInt64
        var end: UInt64
        var id: UInt64
        var index: Int

        static func isBefore(_ a: Key, _ b: Key) -> Bool {
            if a.start != b.start { return a.start < b.start }
            if a.end != b.end { return a.end > b.end }
            return a.id != b.id ? a.id < b.id : a.index < b.index
        }
    }

    /// Keys up to which nothing is faster than to insert one after the other; they come in runs that are in order.
    private static let insertionMax = 32

    private var keys: [Key] = []
    private var scratch: [GenAISpan] = []

    /// Stable, and without allocations once it had as many spans.
    mutating func sort(_ spans: inout [GenAISpan]) {
        keys.removeAll(keepingCapacity: true)
        var isSorted = true
        for index in spans.indices {
            let key = Key(
                start: spans[index].start, end: spans[index].end, id: spans[index].spanID.rawValue, index: index)
            if index > 0, !Key.isBefore(keys[index - 1], key) { isSorted = false }
            keys.append(key)
        }
        guard !isSorted else { return }
        if keys.count <= Self.insertionMax { insertionSort() } else { keys.sort(by: Key.isBefore) }
        scratch.removeAll(keepingCapacity: true)
        for key in keys { scratch.append(spans[key.index]) }
        swap(&spans, &scratch)
    }

    private mutating func insertionSort() {
        keys.withUnsafeMutableBufferPointer { keys in
            for index in keys.indices.dropFirst() {
                let key = keys[index]
                var place = index
                while place > 0, Key.isBefore(key, keys[place - 1]) {
                    keys[place] = keys[place - 1]
                    place -= 1
                }
                keys[place] = key
            }
        }
    }
}

/// Finds the spans of one trace by their ids.
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

    func index(of id: SpanID, _ spans: [GenAISpan]) -> Int? {
        var slot = slot(id)
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if spans[index].spanID == id { return index }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// False when there is a span with this id.
    mutating func insert(_ id: SpanID, _ index: Int, _ spans: [GenAISpan]) -> Bool {
        var slot = slot(id)
        while slots[slot] != 0 {
            if spans[Int(slots[slot]) - 1].spanID == id { return false }
            slot = (slot + 1) & mask
        }
        slots[slot] = Int32(index + 1)
        return true
    }

    private func slot(_ id: SpanID) -> Int {
        let (high, low) = (id.rawValue ^ seed).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return Int(truncatingIfNeeded: high ^ low) & mask
    }
}
