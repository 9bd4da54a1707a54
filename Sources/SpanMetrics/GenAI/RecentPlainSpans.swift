import OTLP
import TraceStorage

/// The last spans of traces in which no model was called yet: one of them may turn out to be above a call, and then say
/// on whose behalf it was made.
struct RecentPlainSpans: Sendable {
    struct Entry: Sendable {
        var key: TraceKey
        var link: SpanLink
        /// The number + 1 of the entry before in the same bucket; 0 for none.
        fileprivate var previous: UInt64 = 0

        init(key: TraceKey, link: SpanLink) {
            self.key = key
            self.link = link
        }
    }

    /// A power of two; some seconds of a service's traffic, and half a megabyte. Older ones are forgotten.
    private static let entriesMax = 8_192

    private var entries: [Entry] = []
    /// By bucket of trace ids: the number + 1 of its last entry; 0 for none.
    private var heads: [UInt64] = []
    /// Entries so far; the next one's number.
    private var count: UInt64 = 0

    private static func bucket(_ traceID: TraceID) -> Int {
        let mixed = (traceID.low ^ traceID.high) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: mixed >> 40) & (entriesMax - 1)
    }

    private static func place(_ number: UInt64) -> Int { Int(truncatingIfNeeded: number) & (entriesMax - 1) }

    mutating func append(_ key: TraceKey, _ link: SpanLink) {
        if heads.isEmpty { heads = Array(repeating: 0, count: Self.entriesMax) }
        let bucket = Self.bucket(key.traceID)
        var entry = Entry(key: key, link: link)
        entry.previous = heads[bucket]
        if entries.count < Self.entriesMax { entries.append(entry) } else { entries[Self.place(count)] = entry }
        count += 1
        heads[bucket] = count
    }

    /// What is known of a trace, the last first.
    func links(of key: TraceKey) -> [SpanLink] {
        guard !heads.isEmpty else { return [] }
        var result: [SpanLink] = []
        var next = heads[Self.bucket(key.traceID)]
        while next > 0, next + UInt64(Self.entriesMax) > count {
            let entry = entries[Self.place(next - 1)]
            if entry.key == key { result.append(entry.link) }
            next = entry.previous
        }
        return result
    }

    /// All of them, in their order.
    var all: [Entry] {
        let first = count - UInt64(entries.count)
        return (first..<count).map { entries[Self.place($0)] }
    }

    mutating func renumber(_ renumbering: inout TextRenumbering) {
        for index in entries.indices { renumbering.renumber(&entries[index].link) }
    }
}
