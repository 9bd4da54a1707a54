import OTLP
import TraceStorage

/// The traces that wait, each in a place that it keeps: nothing is moved or copied as others come and go.
struct WaitingTraces: Sendable {
    /// Places whose room is kept when their trace is forgotten, and elements of one array of them: at most 4 MB.
    private static let sparesMax = 256
    private static let spareElementsMax = 64
    /// Of the spans of a trace; what follows the processor finds by itself.
    private static let fetchedBytesMax = 2_048

    private var traces: [PendingTrace] = []
    private var keys: [TraceKey] = []
    /// Traces that ended in a place: who began there before is not there any more.
    private var endings: [UInt32] = []
    private var free: [Int32] = []
    /// Place + 1 by hash, 0 for none; at most half in use.
    private var slots = [Int32](repeating: 0, count: 64)
    /// So that nobody outside can choose ids that collide.
    private let seed = UInt64.random(in: 0...(.max))

    var count: Int { traces.count - free.count }

    /// All places, those without a trace included, whose trace is empty.
    var places: Range<Int> { traces.indices }

    subscript(place: Int) -> PendingTrace {
        @inline(__always) _read { yield traces[place] }
        @inline(__always) _modify { yield &traces[place] }
    }

    /// The place of a trace; nil when it does not wait.
    func place(of key: TraceKey) -> Int? {
        let mask = slots.count - 1
        var slot = slot(key.traceID)
        while slots[slot] != 0 {
            let place = Int(slots[slot]) - 1
            // Tenants are seldom several, and their names are compared last.
            if keys[place].traceID == key.traceID, keys[place].tenant == key.tenant { return place }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// What to hand to the queue about a trace in a place.
    func entry(_ place: Int, time: UInt64) -> TraceQueue.Entry {
        TraceQueue.Entry(key: keys[place], time: time, place: place, endings: endings[place])
    }

    /// Whether the trace of an entry is still there.
    @inline(__always)
    func isWaiting(_ entry: TraceQueue.Entry) -> Bool { endings[entry.place] == entry.endings }

    /// Has the processor fetch what there is about a place. Mutating in name, as is what follows: the traces would be
    /// copied.
    mutating func fetch(_ place: Int) {
        Prefetch.element(place, of: endings)
        Prefetch.element(place, of: traces)
    }

    /// Has the processor fetch the spans in a place.
    mutating func fetchSpans(_ place: Int) {
        traces[place].spans.withUnsafeBytes {
            Prefetch.memory($0, count: $0.count, bytesMax: Self.fetchedBytesMax)
        }
    }

    /// Gives a trace that does not wait a place, without anything in it.
    mutating func begin(_ key: TraceKey) -> Int {
        if (count + 1) * 2 > slots.count { grow() }
        let place: Int
        if let spare = free.popLast() {
            place = Int(spare)
            keys[place] = key
        } else {
            place = traces.count
            traces.append(PendingTrace())
            keys.append(key)
            endings.append(0)
        }
        enter(place)
        return place
    }

    /// Forgets the trace in a place.
    mutating func end(_ place: Int) {
        leave(place)
        endings[place] &+= 1
        traces[place].clear(keepingRoomFor: free.count < Self.sparesMax ? Self.spareElementsMax : 0)
        free.append(Int32(place))
    }

    // MARK: places by trace

    private func slot(_ traceID: TraceID) -> Int {
        let hash = FoldedHash.folded(FoldedHash.folded(traceID.low ^ seed) ^ traceID.high)
        return Int(truncatingIfNeeded: hash) & (slots.count - 1)
    }

    private mutating func enter(_ place: Int) {
        var slot = slot(keys[place].traceID)
        while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = Int32(place + 1)
    }

    /// Moves those behind it up, so that each is found from where it belongs on.
    private mutating func leave(_ place: Int) {
        let mask = slots.count - 1
        var hole = slot(keys[place].traceID)
        while slots[hole] != Int32(place + 1) { hole = (hole + 1) & mask }
        var next = (hole + 1) & mask
        while slots[next] != 0 {
            let home = slot(keys[Int(slots[next]) - 1].traceID)
            if (next &- home) & mask >= (next &- hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = 0
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: 0, count: old.count * 2)
        for entry in old where entry != 0 { enter(Int(entry) - 1) }
    }
}

extension PendingTrace {
    /// Makes it a trace of which nothing has arrived.
    ///
    /// - Parameter elementsMax: Arrays with room for at most so many elements keep it.
    fileprivate mutating func clear(keepingRoomFor elementsMax: Int) {
        var empty = PendingTrace()
        if spans.capacity <= elementsMax {
            spans.removeAll(keepingCapacity: true)
            swap(&spans, &empty.spans)
        }
        if links.capacity <= elementsMax {
            links.removeAll(keepingCapacity: true)
            swap(&links, &empty.links)
        }
        if unattributed.capacity <= elementsMax {
            unattributed.removeAll(keepingCapacity: true)
            swap(&unattributed, &empty.unattributed)
        }
        self = empty
    }
}
