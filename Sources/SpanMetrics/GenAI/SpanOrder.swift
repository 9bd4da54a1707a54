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
    private struct Key: Comparable {
        var start: UInt64
        var end: UInt64
        var id: UInt64
        var place: Int32

        static func < (a: Key, b: Key) -> Bool {
            if a.start != b.start { return a.start < b.start }
            if a.end != b.end { return a.end > b.end }
            return a.id != b.id ? a.id < b.id : a.place < b.place
        }
    }

    /// Bits of a place in a number that also has a start.
    private static let placeBits = 8
    /// Nanoseconds by which starts may differ to fit such a number: two years.
    private static let spreadMax = UInt64(1) << (64 - UInt64(placeBits)) - 1

    /// Starts, less the first one, with places in their low bits.
    private var starts: [UInt64] = []
    private var keys: [Key] = []

    /// Stable, and without allocations once it had as many spans.
    mutating func sort(_ spans: inout OrderedSpans) {
        spans.places.removeAll(keepingCapacity: true)
        if sortStarts(spans.arrived) {
            for start in starts { spans.places.append(Int32(truncatingIfNeeded: place(start))) }
            return
        }
        keys.removeAll(keepingCapacity: true)
        for place in spans.arrived.indices { keys.append(key(at: place, spans.arrived)) }
        keys.sort()
        for key in keys { spans.places.append(key.place) }
    }

    /// Most traces have few spans, and few that start at the same nanosecond.
    ///
    /// - Returns: False where it is not so.
    private mutating func sortStarts(_ spans: [GenAISpan]) -> Bool {
        starts.removeAll(keepingCapacity: true)
        guard spans.count <= 1 << Self.placeBits else { return false }
        var first = UInt64.max
        var last: UInt64 = 0
        // Spans arrive as they end, the inner ones first: from behind they are nearly in order.
        for place in spans.indices.reversed() {
            first = min(first, spans[place].start)
            last = max(last, spans[place].start)
            starts.append(spans[place].start)
        }
        guard last &- first <= Self.spreadMax else { return starts.isEmpty }
        for index in starts.indices {
            starts[index] = (starts[index] - first) << UInt64(Self.placeBits) | UInt64(spans.count - 1 - index)
        }
        starts.withUnsafeMutableBufferPointer { $0.sortNearlySorted { $0 < $1 } }
        for index in starts.indices { orderEqual(before: index, spans) }
        return true
    }

    /// Moves a start up to where it belongs among those before it that are equal.
    @inline(__always)
    private mutating func orderEqual(before index: Int, _ spans: [GenAISpan]) {
        var index = index
        while index > 0, starts[index] >> UInt64(Self.placeBits) == starts[index - 1] >> UInt64(Self.placeBits),
            key(starts[index], spans) < key(starts[index - 1], spans)
        {
            starts.swapAt(index, index - 1)
            index -= 1
        }
    }

    private func place(_ start: UInt64) -> Int { Int(start & (1 << UInt64(Self.placeBits) - 1)) }

    private func key(_ start: UInt64, _ spans: [GenAISpan]) -> Key { key(at: place(start), spans) }

    private func key(at place: Int, _ spans: [GenAISpan]) -> Key {
        Key(
            start: spans[place].start, end: spans[place].end, id: spans[place].spanID.rawValue,
            place: Int32(truncatingIfNeeded: place))
    }
}

extension UnsafeMutableBufferPointer {
    /// Elements up to which nothing is faster than to insert one after the other where they come in runs that are in
    /// order.
    private static var insertionMax: Int { 64 }

    /// Of a buffer, not of an array, so that `isBefore` is inlined.
    @inline(__always)
    func sortNearlySorted(by isBefore: (Element, Element) -> Bool) {
        guard count > 1 else { return }
        guard count <= Self.insertionMax else {
            var elements = self
            return elements.sort(by: isBefore)
        }
        for index in 1..<count where isBefore(self[index], self[index - 1]) {
            let element = self[index]
            var place = index
            repeat {
                self[place] = self[place - 1]
                place -= 1
            } while place > 0 && isBefore(element, self[place - 1])
            self[place] = element
        }
    }
}
