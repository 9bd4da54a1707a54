import OTLP

/// Puts spans of any batches together into one batch, in the order of the calls, each span once.
///
/// A span is passed over when one with the same canonical bytes, resource and scope was taken before; two spans with
/// one id and different content both stay. Made for one trace after the other: what one took is room for the next.
package struct SpanCollector: Sendable {
    /// A span in `spans`.
    private struct Taken {
        let id: SpanID
        let scope: Int
        /// Where it begins, as a field of a `ScopeSpans`; the next one begins where it ends.
        let start: Int
    }

    /// The spans taken, end to end, as fields of a `ScopeSpans`.
    private var spans = WireWriter()
    private var taken: [Taken] = []
    /// Index into `taken` + 1 by the span's id, 0 for none; at most half in use.
    private var slots: [Int32] = []
    private var scopes = ScopeNumbers()
    private let parts: SpanParts?
    /// So that nobody outside can choose ids that collide.
    private static let seed = UInt64.random(in: 0...(.max))
    /// About how many bytes of memory the spans take, the batch that they become included: each is written, kept to be
    /// compared with, and indexed again.
    package private(set) var memoryBytes = 0

    private static let slotsMin = 64
    /// Bytes of room for spans above which it is given back: few traces take so much.
    private static let keptBytesMax = 4 << 20
    /// Scopes whose numbers are kept for the next batch, of some hundred bytes each.
    private static let scopesMax = 4_096

    /// - Parameter parts: What is taken of spans of batches; nil for all.
    package init(parts: SpanParts? = nil) {
        self.parts = parts
    }

    /// Spans taken so far.
    package private(set) var count = 0

    /// The number of a batch's scope for ``append(span:id:scope:)``; scopes with equal headers have one number.
    package mutating func number(of scope: ScopeRow, in batch: SpanBatch) -> Int {
        let number = scopes.number(of: batch.header(with: scope))
        hasManyScopes = scopes.headers.count > Self.scopesMax
        return number
    }

    /// Takes one span, given in its canonical form.
    package mutating func append(span: [UInt8], id: SpanID, scope: Int) {
        append(id: id, scope: scope) { $0.raw(span) }
    }

    /// Takes one span, whose canonical form `write` appends to what it is given. When it throws, the batch cannot be
    /// gone on with.
    package mutating func append<Failure: Error>(
        id: SpanID, scope: Int, _ write: (inout WireWriter) throws(Failure) -> Void
    ) throws(Failure) {
        let span = Taken(id: id, scope: scope, start: spans.bytes.count)
        let content = spans.beginMessage(2)
        try write(&spans)
        spans.endMessage(content)
        guard insert(span) else { return spans.truncate(to: span.start) }
        memoryBytes += 3 * (spans.bytes.count - span.start) + 256
    }

    /// Takes some spans of a batch.
    package mutating func append(_ batch: SpanBatch, rows: some Sequence<Int>) {
        let parts = parts
        var last: (row: UInt32, scope: Int)?
        for row in rows {
            let span = batch.spans[row]
            if last?.row != span.scope { last = (span.scope, number(of: batch.scope(of: span), in: batch)) }
            guard let last else { continue }
            append(id: span.spanID, scope: last.scope) { batch.writeSpan(row, parts: parts, to: &$0) }
        }
    }

    /// The batch; nil when no span was taken. The collector is empty then, and its numbers of scopes hold until
    /// ``forgetScopes()``.
    package mutating func finish() throws(WireError) -> SpanBatch? {
        defer { removeAll() }
        guard !taken.isEmpty else { return nil }
        var writer = WireWriter(reservingCapacity: spans.bytes.count + 1_024)
        var first = 0
        while first < taken.count {
            var next = first + 1
            while next < taken.count, taken[next].scope == taken[first].scope { next += 1 }
            let header = scopes.headers[taken[first].scope]
            let range = taken[first].start..<(next < taken.count ? taken[next].start : spans.bytes.count)
            spans.bytes.withUnsafeBytes { bytes in
                let run = bytes[range]
                header.write(to: &writer, spans: UnsafeRawBufferPointer(rebasing: run))
            }
            first = next
        }
        return try StoredSpans.decode(writer.takeBytes())
    }

    /// Gives up what was taken.
    package mutating func removeAll() {
        if spans.bytes.capacity > Self.keptBytesMax { spans = WireWriter() } else { spans.removeAll() }
        taken.removeAll(keepingCapacity: true)
        count = 0
        if slots.count > Self.slotsMin * 64 {
            slots = []
        } else {
            for slot in slots.indices { slots[slot] = 0 }
        }
        memoryBytes = 0
    }

    /// Whether there are so many scopes that ``forgetScopes()`` should be called before the next batch.
    package private(set) var hasManyScopes = false

    /// Begins the numbers of scopes anew; to be called while nothing is taken.
    package mutating func forgetScopes() {
        precondition(taken.isEmpty, "numbers of scopes are forgotten while spans have them")
        scopes = ScopeNumbers()
        hasManyScopes = false
    }

    // MARK: spans by id

    /// Notes the span at the end of `spans`; false when an equal one is there.
    private mutating func insert(_ span: Taken) -> Bool {
        if (taken.count + 1) * 2 > slots.count { grow() }
        var slot = slot(span.id)
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if taken[index].id == span.id, taken[index].scope == span.scope, isEqual(index, toSpanFrom: span.start) {
                return false
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        taken.append(span)
        count = taken.count
        slots[slot] = Int32(taken.count)
        return true
    }

    private func isEqual(_ index: Int, toSpanFrom start: Int) -> Bool {
        // The span at the end is not among those taken: what ends the last of these is where it begins.
        let range = taken[index].start..<(index + 1 < taken.count ? taken[index + 1].start : start)
        guard range.count == spans.bytes.count - start else { return false }
        return spans.bytes[range].elementsEqual(spans.bytes[start...])
    }

    private func slot(_ id: SpanID) -> Int {
        let (high, low) = (id.rawValue ^ Self.seed).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return Int(truncatingIfNeeded: high ^ low) & (slots.count - 1)
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: max(Self.slotsMin, slots.count * 2))
        for index in taken.indices {
            var slot = slot(taken[index].id)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = Int32(index + 1)
        }
    }
}

extension SpanBatch {
    /// All spans of some batches as one batch, each once; see ``SpanCollector``.
    package static func combining(_ batches: [SpanBatch]) throws(WireError) -> SpanBatch {
        var collector = SpanCollector()
        for batch in batches { collector.append(batch, rows: batch.spans.indices) }
        return try collector.finish() ?? .empty
    }
}
