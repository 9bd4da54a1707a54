import OTLP

/// The spans of a trace in an order of their own: they stay where they are, only their places are put in order.
struct OrderedSpans: SpanIDList, Sendable {
    /// As they arrived.
    var arrived: [GenAISpan] = []
    /// By order: the place in `arrived`.
    var places: [Int32] = []
    /// By number; those of the ``TextTable``.
    var allNames: [SpanNames] = []

    var count: Int { places.count }
    var indices: Range<Int> { places.indices }

    subscript(index: Int) -> GenAISpan {
        @inline(__always) _read { yield arrived[Int(places[index])] }
        @inline(__always) _modify { yield &arrived[Int(places[index])] }
    }

    @inline(__always)
    func spanID(at index: Int) -> SpanID { self[index].spanID }

    /// The names of a span.
    subscript(names index: Int) -> SpanNames {
        @inline(__always) _read { yield allNames[Int(arrived[Int(places[index])].names.index)] }
    }
}

/// Orders the spans of a trace by their start, those that last longest first; of equal ones by their ids.
struct SpanOrder: Sendable {
    private struct Key {
        var start: UInt64
        var end: UInt64
        var id: UInt64
        var place: Int32

        static func isBefore(_ a: Key, _ b: Key) -> Bool {
            if a.start != b.start { return a.start < b.start }
            if a.end != b.end { return a.end > b.end }
            return a.id != b.id ? a.id < b.id : a.place < b.place
        }
    }

    /// Keys up to which nothing is faster than to insert one after the other; they come in runs that are in order.
    private static let insertionMax = 64

    private var keys: [Key] = []

    /// Stable, and without allocations once it had as many spans.
    mutating func sort(_ spans: inout OrderedSpans) {
        keys.removeAll(keepingCapacity: true)
        // Spans arrive as they end, the inner ones first: from behind they are nearly in order.
        for place in spans.arrived.indices.reversed() {
            keys.append(
                Key(
                    start: spans.arrived[place].start, end: spans.arrived[place].end,
                    id: spans.arrived[place].spanID.rawValue, place: Int32(truncatingIfNeeded: place)))
        }
        if keys.count <= Self.insertionMax { insertionSort() } else { keys.sort(by: Key.isBefore) }
        spans.places.removeAll(keepingCapacity: true)
        for key in keys { spans.places.append(key.place) }
    }

    private mutating func insertionSort() {
        guard keys.count > 1 else { return }
        keys.withUnsafeMutableBufferPointer { keys in
            for index in keys.indices.dropFirst() where Key.isBefore(keys[index], keys[index - 1]) {
                let key = keys[index]
                var place = index
                repeat {
                    keys[place] = keys[place - 1]
                    place -= 1
                } while place > 0 && Key.isBefore(key, keys[place - 1])
                keys[place] = key
            }
        }
    }
}
