import OTLP
import TraceStorage

/// Gathers the spans of traces in which models are called, and finds out of which calls they tell.
///
/// Time is when the collector received batches, never the clock, so that a replay of the journal finds the same.
package struct GenAICollector: Sendable {
    package let configuration: GenAIConfiguration
    /// Spans that wait.
    package private(set) var pendingSpans = 0
    /// Their other spans, of which the parents are kept; eight take less room than a span that waits.
    private var pendingLinks = 0
    /// Traces that were counted before their wait was over, for want of room.
    package private(set) var tracesSettledEarly: UInt64 = 0
    /// The last batch's time, or that of an earlier one if its clock ran ahead.
    private(set) var now: UInt64 = 0

    private(set) var traces: [TraceKey: PendingTrace] = [:]
    /// The traces to be looked at again, by the time of the last look; each once.
    private(set) var queue = TraceQueue()
    private var attributes: GenAIAttributes
    private(set) var tools = SettlingTools()
    private var findings = NumberedFindings()
    /// The spans of the batch at hand that are of no interest.
    private var others: [Int] = []
    /// The trace of the span before, as spans of a trace come together; nil when a trace was begun or forgotten since.
    private var last: (key: TraceKey, place: Dictionary<TraceKey, PendingTrace>.Index)?
    /// Room of traces that were forgotten.
    private var spareSpans: [[GenAISpan]] = []
    private var spareLinks: [[SpanLink]] = []
    private var spareRests: [[FoundRest]] = []
    /// Traces that became too large with the batch at hand.
    private var full: Set<TraceKey> = []

    package init(_ configuration: GenAIConfiguration) {
        self.configuration = configuration
        attributes = GenAIAttributes(attribution: configuration.attribution.map(\.attributes))
    }

    /// Takes a batch and gives what was waiting for its time to come.
    package mutating func add(_ stored: StoredBatch, _ body: (TenantID, GenAIFindings) -> Void) {
        take(stored) { body($0, GenAIFindings($1, $2)) }
    }

    /// As ``add(_:_:)``, with the numbers of texts and their table.
    mutating func take(_ stored: StoredBatch, _ body: (TenantID, NumberedFindings, TextTable) -> Void) {
        // Before anything is given, so that the numbers of all that comes of a batch are of one table.
        if tools.texts.isOversized { renumberTexts() }
        now = max(now, stored.receivedAt)
        settleDue(now: now, body)
        gather(stored)
        for key in full { settleEarly(key, body) }
        full.removeAll()
        while pendingSpans > configuration.pendingSpansMax || pendingLinks > configuration.pendingSpansMax * 8,
            let key = queue.popFirst()
        { settleEarly(key, body) }
    }

    private mutating func settleEarly(_ key: TraceKey, _ body: (TenantID, NumberedFindings, TextTable) -> Void) {
        tracesSettledEarly += 1
        finish(key, body)
    }

    // MARK: gathering

    private mutating func gather(_ stored: StoredBatch) {
        let batch = stored.batch
        others.removeAll(keepingCapacity: true)
        last = nil
        var isAny = !traces.isEmpty
        for resource in batch.resources {
            let origin = origin(resource, batch)
            for scope in batch.scopes[resource.scopes.indices] {
                let facts = ScopeFacts(scope, of: batch)
                for index in scope.spans.indices {
                    attributes.read(batch.spans[index].attributes, of: batch)
                    guard attributes.isOfInterest else {
                        others.append(index)
                        continue
                    }
                    gather(batch.spans[index], origin, facts, stored)
                    isAny = true
                }
            }
        }
        if isAny { gatherLinks(stored) }
    }

    /// What the spans of a resource have in common.
    private struct Origin {
        var service: TextNumber
        var attribution: ListNumber
    }

    private mutating func origin(_ resource: ResourceRow, _ batch: SpanBatch) -> Origin {
        Origin(
            service: serviceName(of: resource, batch),
            attribution: attributes.attributions(of: resource, in: batch, &tools.texts))
    }

    private mutating func serviceName(of resource: ResourceRow, _ batch: SpanBatch) -> TextNumber {
        guard let row = batch.attribute("service.name", in: resource.attributes), row.kind == .string else {
            return .none
        }
        return tools.texts.number(of: row.slice, in: batch)
    }

    private mutating func gather(
        _ row: borrowing SpanRow, _ origin: Origin, _ scope: ScopeFacts, _ stored: StoredBatch
    ) {
        let batch = stored.batch
        var span = GenAISpan(row, of: batch, &attributes, &tools.texts, scope: scope)
        span.attribution = attributes.attributions(of: batch, fallbacks: origin.attribution, &tools.texts)
        span.service = origin.service
        span.receivedAt = now
        if !row.traceState.isEmpty {
            let weight = TraceStateWeight.adjustedCount(batch.slice(row.traceState))
            span.weight = min(
                Self.weightMax, AdjustedCount.count(weight: weight, traceID: row.traceID, spanID: row.spanID))
        }
        let key = TraceKey(tenant: stored.tenant, traceID: row.traceID)
        let place = place(of: key)
        if traces.values[place].add(span, now: now) >= PendingTrace.spansMax { full.insert(key) }
        pendingSpans += 1
    }

    /// What one span may stand for: sampled to less than one of 65,536, calls of models cannot be added up anyway, and
    /// tokens times more would not fit sums.
    private static let weightMax: UInt64 = 65_536

    /// The place of a trace, which is begun when there is none.
    private mutating func place(of key: TraceKey) -> Dictionary<TraceKey, PendingTrace>.Index {
        if let last, last.key == key { return last.place }
        var found = traces.index(forKey: key)
        if found == nil {
            traces[key] = PendingTrace(
                spans: spareSpans.popLast() ?? [], links: spareLinks.popLast() ?? [],
                unattributed: spareRests.popLast() ?? [])
            queue.append(key, time: now)
            found = traces.index(forKey: key)
        }
        guard let found else { preconditionFailure("a trace that was put in is there") }
        last = (key, found)
        return found
    }

    private mutating func gatherLinks(_ stored: StoredBatch) {
        let spans = stored.batch.spans
        var rest = others[...]
        while let first = rest.first {
            let traceID = spans[first].traceID
            let run = rest.prefix { spans[$0].traceID == traceID }
            rest = rest.dropFirst(run.count)
            let key = TraceKey(tenant: stored.tenant, traceID: traceID)
            guard let place = traces.index(forKey: key) else { continue }
            let before = traces.values[place].links.count
            traces.values[place].addLinks(
                run.lazy.map { SpanLink(span: spans[$0].spanID, parent: spans[$0].parentSpanID) })
            pendingLinks += traces.values[place].links.count - before
        }
    }

    // MARK: settling

    /// Everything that is due at a time, without a change: what ``add(_:_:)`` of a batch at that time would give first.
    func due(at time: UInt64, _ body: (TenantID, NumberedFindings, TextTable) -> Void) {
        var copy = self
        copy.tools.assembler = CallAssembler()
        copy.settleDue(now: max(time, now), body)
    }

    private mutating func settleDue(now: UInt64, _ body: (TenantID, NumberedFindings, TextTable) -> Void) {
        guard now >= configuration.waitNanoseconds else { return }
        let receivedMax = now - configuration.waitNanoseconds
        while let key = queue.popFirst(notAfter: receivedMax) {
            guard let place = traces.index(forKey: key) else { continue }
            if now - traces.values[place].lastReceivedAt >= configuration.lateWaitNanoseconds {
                finish(key, body)
                continue
            }
            queue.append(key, time: now)
            guard traces.values[place].isDirty else { continue }
            traces.values[place].settle(
                key.traceID, receivedMax: receivedMax, lateMax: now - min(now, configuration.lateWaitNanoseconds),
                &tools,
                &findings)
            give(key.tenant, body)
        }
    }

    /// Counts what is known of a trace and forgets it.
    private mutating func finish(_ key: TraceKey, _ body: (TenantID, NumberedFindings, TextTable) -> Void) {
        guard var trace = traces.removeValue(forKey: key) else { return }
        pendingSpans -= trace.spans.count
        pendingLinks -= trace.links.count
        trace.finish(key.traceID, &tools, &findings)
        keepRoom(of: &trace)
        give(key.tenant, body)
    }

    /// Arrays that are kept, and elements of one: at most 4 MB.
    private static let sparesMax = 256
    private static let spareElementsMax = 64

    private mutating func keepRoom(of trace: inout PendingTrace) {
        if spareSpans.count < Self.sparesMax, trace.spans.capacity <= Self.spareElementsMax {
            trace.spans.removeAll(keepingCapacity: true)
            spareSpans.append(trace.spans)
        }
        if spareLinks.count < Self.sparesMax, trace.links.capacity <= Self.spareElementsMax {
            trace.links.removeAll(keepingCapacity: true)
            spareLinks.append(trace.links)
        }
        if spareRests.count < Self.sparesMax, trace.unattributed.capacity <= Self.spareElementsMax {
            trace.unattributed.removeAll(keepingCapacity: true)
            spareRests.append(trace.unattributed)
        }
    }

    private mutating func give(_ tenant: TenantID, _ body: (TenantID, NumberedFindings, TextTable) -> Void) {
        guard !findings.isEmpty else { return }
        body(tenant, findings, tools.texts)
        findings.clear()
    }

    /// Begins a new table of the texts that are in use.
    private mutating func renumberTexts() {
        var renumbering = TextRenumbering(tools.texts)
        for place in traces.values.indices {
            for index in traces.values[place].spans.indices {
                renumbering.renumber(&traces.values[place].spans[index])
            }
            // Holds numbers too; found again when it is needed.
            traces.values[place].isUnattributedKnown = false
        }
        tools.texts = renumbering.finish()
    }

    // MARK: checkpoint

    mutating func restore(now: UInt64) { self.now = now }

    mutating func readTrace(_ reader: inout ByteReader) -> PendingTrace? {
        PendingTrace(&reader, attributions: configuration.attribution.count, &tools.texts)
    }

    mutating func restore(_ trace: PendingTrace, _ key: TraceKey, time: UInt64) {
        guard traces.updateValue(trace, forKey: key) == nil else { return }
        pendingSpans += trace.spans.count
        pendingLinks += trace.links.count
        queue.append(key, time: time)
    }

    /// Counts and forgets everything, as at the end of time.
    package mutating func finishAll(_ body: (TenantID, GenAIFindings) -> Void) {
        takeAll { body($0, GenAIFindings($1, $2)) }
    }

    mutating func takeAll(_ body: (TenantID, NumberedFindings, TextTable) -> Void) {
        while let key = queue.popFirst() { finish(key, body) }
    }
}

/// Traces in the order of times, which never fall.
struct TraceQueue: Hashable, Sendable {
    private var entries: [Entry] = []
    private var first = 0

    struct Entry: Hashable, Sendable {
        var key: TraceKey
        var time: UInt64
    }

    var waiting: ArraySlice<Entry> { entries[first...] }

    mutating func append(_ key: TraceKey, time: UInt64) { entries.append(Entry(key: key, time: time)) }

    mutating func popFirst(notAfter time: UInt64 = .max) -> TraceKey? {
        guard first < entries.count, entries[first].time <= time else { return nil }
        defer {
            first += 1
            if first > 1_024, first * 2 > entries.count {
                entries.removeFirst(first)
                first = 0
            }
        }
        return entries[first].key
    }
}

extension PendingTrace {
    /// Spans of one trace that are kept: what puts them together looks at all of them each time. A trace that has as
    /// many is counted, and what follows of it as if it were another.
    static let spansMax = 10_000
    /// As many as the spans, were each ten levels below the next. Without further ones calls are told apart less well.
    static let linksMax = 100_000

    /// - Returns: How many spans there are now.
    mutating func add(_ span: GenAISpan, now: UInt64) -> Int {
        spans.append(span)
        lastReceivedAt = now
        isDirty = true
        isUnattributedKnown = false
        return spans.count
    }

    mutating func addLinks(_ more: some Sequence<SpanLink>) {
        for link in more where link.parent != .invalid && links.count < Self.linksMax {
            links.append(link)
            isUnattributedKnown = false
        }
    }
}
