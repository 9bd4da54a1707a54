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
    /// The last batch's time, whatever the clock was.
    private(set) var lastReceivedAt: UInt64 = 0

    private(set) var traces = WaitingTraces()
    /// The traces to be looked at again, by the time of the last look; each once.
    private(set) var queue = TraceQueue()
    private var attributes: GenAIAttributes
    private(set) var tools = SettlingTools()
    /// What was found of a tenant and not given yet.
    private var findings = NumberedFindings()
    private var findingsTenant = TenantID.default
    /// The spans of the batch at hand that are of no interest, by trace.
    private var others: [(traceID: TraceID, link: SpanLink)] = []
    private(set) var plainSpans = RecentPlainSpans()
    private(set) var settled = SettledTraces()
    /// What was settled before and after these times, unix nanoseconds in their order, is given apart.
    var partings: [UInt64] = []
    /// Spans about calls of traces that were forgotten.
    private var lateSpans: UInt64 = 0
    /// As configured, or, while a journal is replayed whose records were written before, as it was then.
    private(set) var timing: GenAITiming
    /// The trace of the span before, as spans of a trace come together, and its place; within one batch.
    private var last: (traceID: TraceID, place: Int)?
    /// Traces that became too large with the batch at hand.
    private var full: [TraceKey] = []

    package init(_ configuration: GenAIConfiguration) {
        self.configuration = configuration
        timing = GenAITiming(configuration)
        attributes = GenAIAttributes(attribution: configuration.attribution.map(\.attributes))
    }

    /// For whole traces, one after the other: each is finished before the next one comes, and nobody asks on whose
    /// behalf calls were made.
    package static func ofWholeTraces() -> GenAICollector {
        var configuration = GenAIConfiguration()
        configuration.attribution = []
        configuration.pendingSpansMax = .max >> 8
        return GenAICollector(configuration)
    }

    /// Takes a batch and gives what was waiting for its time to come.
    package mutating func add(_ stored: StoredBatch, _ body: (TenantID, GenAIFindings) -> Void) {
        take(stored) { body($0, GenAIFindings($1, $2)) }
    }

    /// As ``add(_:_:)``, with the numbers of texts and their table.
    mutating func take(_ stored: StoredBatch, _ body: (TenantID, NumberedFindings, TextTable) -> Void) {
        // Before anything is given, so that the numbers of all that comes of a batch are of one table.
        if tools.texts.isOversized { renumberTexts() }
        if stored.receivedAt < now, now - stored.receivedAt > Self.clockErrorMax {
            // The clock had been ahead and was set right: nothing would be due until it is there again.
            forgetAll(body)
            now = stored.receivedAt
        }
        now = max(now, stored.receivedAt)
        lastReceivedAt = stored.receivedAt
        settleDue(now: now, body)
        pass(to: now, body)
        gather(stored)
        if lateSpans > 0 {
            begin(stored.tenant, body)
            findings.lateSpans += lateSpans
            lateSpans = 0
        }
        for key in full {
            if let place = traces.place(of: key) { settleEarly(key, at: place, body) }
        }
        full.removeAll()
        while pendingSpans > timing.pendingSpansMax || pendingLinks > timing.pendingSpansMax * 8,
            let entry = queue.popFirst()
        {
            if traces.isWaiting(entry) { settleEarly(entry.key, at: entry.place, body) }
        }
        give(body)
    }

    /// Counts from now on as it is configured.
    mutating func useConfiguredTiming() { timing = GenAITiming(configuration) }

    /// Nanoseconds that clocks of requests which come at the same time differ by, at most.
    private static let clockErrorMax: UInt64 = 600_000_000_000

    private mutating func settleEarly(
        _ key: TraceKey, at place: Int, _ body: (TenantID, NumberedFindings, TextTable) -> Void
    ) {
        tracesSettledEarly += 1
        finish(key, at: place, body)
    }

    // MARK: gathering

    private mutating func gather(_ stored: StoredBatch) {
        let batch = stored.batch
        others.removeAll(keepingCapacity: true)
        last = nil
        for resource in batch.resources {
            let origin = origin(resource, batch)
            for scope in batch.scopes[resource.scopes.indices] {
                let facts = ScopeFacts(scope, of: batch)
                batch.spans.withUnsafeBufferPointer { spans in
                    guard let first = spans.baseAddress else { return }
                    let end = scope.spans.indices.upperBound
                    for index in scope.spans.indices {
                        if index + Self.aheadSpans < end { Self.fetch(first + index + Self.aheadSpans, batch) }
                        gather(first + index, origin, facts, batch, stored.tenant)
                    }
                }
            }
        }
        gatherLinks(stored)
    }

    /// How many spans before its turn a span is fetched: what a batch holds is often in no cache of this core yet.
    private static let aheadSpans = 3

    /// Bytes that are fetched ahead at most of a span's, or of its rows.
    private static let aheadBytesMax = 1_024

    /// Has the processor fetch a span's attributes and its bytes.
    @inline(__always)
    private static func fetch(_ span: UnsafePointer<SpanRow>, _ batch: SpanBatch) {
        let (rows, raw) = (span.pointee.attributes, span.pointee.raw)
        let stride = MemoryLayout<AttributeRow>.stride
        batch.attributes.withUnsafeBytes {
            Prefetch.memory(
                $0, from: Int(rows.start) * stride, count: Int(rows.count) * stride, bytesMax: aheadBytesMax)
        }
        batch.bytes.withUnsafeBytes {
            Prefetch.memory($0, from: Int(raw.offset), count: Int(raw.count), bytesMax: aheadBytesMax)
        }
    }

    /// Of a span whose attributes are at hand.
    private mutating func link(_ span: UnsafePointer<SpanRow>, _ origin: Origin, _ batch: SpanBatch) -> SpanLink {
        SpanLink(
            span: span.pointee.spanID, parent: span.pointee.parentSpanID,
            conversation: attributes.text(.conversation, of: batch, &tools.texts),
            attribution: attributes.attributions(of: batch, fallbacks: origin.attribution, &tools.texts))
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

    /// - Parameter row: By its address, as a row is long to copy.
    @inline(__always)
    private mutating func gather(
        _ row: UnsafePointer<SpanRow>, _ origin: Origin, _ scope: ScopeFacts, _ batch: SpanBatch, _ tenant: TenantID
    ) {
        attributes.read(row.pointee.attributes, shape: row.pointee.attributeShape, of: batch)
        guard attributes.isOfInterest else {
            others.append((row.pointee.traceID, link(row, origin, batch)))
            return
        }
        var span = GenAISpan()
        span.read(row, of: batch, &attributes, &tools.texts, service: origin.service, scope: scope)
        span.attribution = attributes.attributions(of: batch, fallbacks: origin.attribution, &tools.texts)
        span.receivedAt = now
        span.weight = GenAISpan.weight(of: row, in: batch)
        let traceID = row.pointee.traceID
        let place = if let last, last.traceID == traceID { last.place } else { newPlace(of: traceID, tenant) }
        if span.role == .call, traces[place].settled.parents.contains(span.spanID) {
            // What is below it was counted, and it says the same.
            span.counted = .withUsage
            span.usage = ReportedUsage()
            lateSpans += 1
        }
        if traces[place].add(span, now: now) == PendingTrace.spansMax {
            full.append(TraceKey(tenant: tenant, traceID: traceID))
        }
        pendingSpans += 1
    }

    /// The place of a trace other than that of the span before, which is begun when there is none.
    @inline(never)
    private mutating func newPlace(of traceID: TraceID, _ tenant: TenantID) -> Int {
        let key = TraceKey(tenant: tenant, traceID: traceID)
        let place = if let known = traces.place(of: key) { known } else { begin(key) }
        last = (traceID, place)
        return place
    }

    private mutating func begin(_ key: TraceKey) -> Int {
        let place = traces.begin(key)
        queue.append(traces.entry(place, time: now))
        traces[place].settled = settled.take(key) ?? SettledUsage()
        for link in plainSpans.links(of: key) { traces[place].addLink(link) }
        pendingLinks += traces[place].links.count
        return place
    }

    private mutating func gatherLinks(_ stored: StoredBatch) {
        var last: (traceID: TraceID, place: Int?)?
        for other in others {
            if last?.traceID != other.traceID {
                let key = TraceKey(tenant: stored.tenant, traceID: other.traceID)
                last = (other.traceID, traces.place(of: key))
            }
            if let place = last?.place {
                if traces[place].addLink(other.link) { pendingLinks += 1 }
            } else {
                plainSpans.append(TraceKey(tenant: stored.tenant, traceID: other.traceID), other.link)
            }
        }
    }

    // MARK: settling

    /// Everything that is due at a time, without a change: what ``add(_:_:)`` of a batch at that time would give first.
    func due(at time: UInt64, _ body: (TenantID, NumberedFindings, TextTable) -> Void) {
        var copy = self
        copy.tools.assembler = CallAssembler()
        copy.settleDue(now: max(time, now), body)
        copy.give(body)
    }

    /// Spans that wait at a time, if nothing came since the last batch.
    func pendingSpans(at time: UInt64) -> Int {
        let time = max(time, now)
        guard time >= timing.waitNanoseconds else { return pendingSpans }
        let receivedMax = time - timing.waitNanoseconds
        var result = pendingSpans
        for entry in queue.waiting {
            guard entry.time <= receivedMax else { break }
            guard traces.isWaiting(entry),
                time - min(time, traces[entry.place].lastReceivedAt) >= timing.lateWaitNanoseconds
            else { continue }
            result -= traces[entry.place].spans.count
        }
        return result
    }

    private mutating func settleDue(now: UInt64, _ body: (TenantID, NumberedFindings, TextTable) -> Void) {
        guard now >= timing.waitNanoseconds else { return }
        let receivedMax = now - timing.waitNanoseconds
        while let entry = queue.popFirst(notAfter: receivedMax) {
            fetchNext()
            let (key, place) = (entry.key, entry.place)
            guard traces.isWaiting(entry) else { continue }
            pass(to: entry.time.addingClamped(timing.waitNanoseconds), body)
            if now - traces[place].lastReceivedAt >= timing.lateWaitNanoseconds {
                finish(key, at: place, body)
                continue
            }
            // Later than what this call takes, which without a wait is all up to now.
            queue.append(traces.entry(place, time: max(now, receivedMax.addingClamped(1))))
            guard traces[place].isDirty else { continue }
            begin(key.tenant, body)
            traces[place].settle(
                key.traceID, receivedMax: receivedMax, lateMax: now - min(now, timing.lateWaitNanoseconds),
                &tools, &findings)
        }
    }

    /// Has the processor fetch the spans of the next trace to be looked at, and where those of the one after it are.
    private mutating func fetchNext() {
        if let place = queue.place(ahead: 1) { traces.fetch(place) }
        if let place = queue.place(ahead: 0) { traces.fetchSpans(place) }
    }

    /// To be called before what is settled at a time is added to what was found.
    private mutating func pass(to time: UInt64, _ body: (TenantID, NumberedFindings, TextTable) -> Void) {
        if partings.contains(where: { findings.settledAt < $0 && $0 <= time }) { give(body) }
        findings.settledAt = time
    }

    /// Counts what is known of a trace and forgets it.
    private mutating func finish(
        _ key: TraceKey, at place: Int, _ body: (TenantID, NumberedFindings, TextTable) -> Void
    ) {
        begin(key.tenant, body)
        pendingSpans -= traces[place].spans.count
        pendingLinks -= traces[place].links.count
        traces[place].finish(key.traceID, &tools, &findings)
        traces[place].settled.add(traces[place].open)
        settled.put(key, traces[place].settled)
        traces.end(place)
    }

    /// Gives what was found of another tenant, or enough of this one.
    private mutating func begin(_ tenant: TenantID, _ body: (TenantID, NumberedFindings, TextTable) -> Void) {
        guard tenant != findingsTenant || findings.isFull else { return }
        give(body)
        findingsTenant = tenant
    }

    private mutating func give(_ body: (TenantID, NumberedFindings, TextTable) -> Void) {
        guard !findings.isEmpty else { return }
        body(findingsTenant, findings, tools.texts)
        findings.clear()
    }

    /// Begins a new table of the texts that are in use.
    private mutating func renumberTexts() {
        var renumbering = TextRenumbering(tools.texts)
        for place in traces.places {
            for index in traces[place].spans.indices { renumbering.renumber(&traces[place].spans[index]) }
            for index in traces[place].links.indices { renumbering.renumber(&traces[place].links[index]) }
            for index in traces[place].unattributed.indices {
                renumbering.renumber(&traces[place].unattributed[index])
            }
        }
        plainSpans.renumber(&renumbering)
        tools.texts = renumbering.finish()
    }

    // MARK: checkpoint

    mutating func restore(now: UInt64, timing: GenAITiming) {
        self.now = now
        self.timing = timing
    }

    mutating func readTrace(_ reader: inout ByteReader, _ attributions: WrittenAttributions) -> PendingTrace? {
        PendingTrace(&reader, attributions, &tools.texts)
    }

    mutating func readLink(_ reader: inout ByteReader, _ attributions: WrittenAttributions) -> SpanLink? {
        SpanLink(&reader, attributions, &tools.texts)
    }

    mutating func restore(_ link: SpanLink, of key: TraceKey) { plainSpans.append(key, link) }

    mutating func restore(_ usage: SettledUsage, of key: TraceKey) { settled.put(key, usage) }

    mutating func restore(_ trace: PendingTrace, _ key: TraceKey, time: UInt64) {
        guard traces.place(of: key) == nil else { return }
        let place = traces.begin(key)
        traces[place] = trace
        pendingSpans += trace.spans.count
        pendingLinks += trace.links.count
        queue.append(traces.entry(place, time: time))
    }

    /// Counts and forgets everything, as at the end of time.
    package mutating func finishAll(_ body: (TenantID, GenAIFindings) -> Void) {
        takeAll { body($0, GenAIFindings($1, $2)) }
    }

    mutating func takeAll(_ body: (TenantID, NumberedFindings, TextTable) -> Void) {
        forgetAll(body)
        give(body)
    }

    private mutating func forgetAll(_ body: (TenantID, NumberedFindings, TextTable) -> Void) {
        while let entry = queue.popFirst() {
            pass(to: entry.time.addingClamped(timing.waitNanoseconds), body)
            if traces.isWaiting(entry) { finish(entry.key, at: entry.place, body) }
        }
    }
}

/// Traces in the order of times, which never fall.
struct TraceQueue: Hashable, Sendable {
    private var entries: [Entry] = []
    private var first = 0

    struct Entry: Hashable, Sendable {
        var key: TraceKey
        var time: UInt64
        /// Where it waits, unless a trace ended there since.
        var place: Int
        var endings: UInt32
    }

    var waiting: ArraySlice<Entry> { entries[first...] }

    mutating func append(_ entry: Entry) { entries.append(entry) }

    /// That of an entry that follows so many others.
    @inline(__always)
    func place(ahead count: Int) -> Int? { first + count < entries.count ? entries[first + count].place : nil }

    mutating func popFirst(notAfter time: UInt64 = .max) -> Entry? {
        guard first < entries.count, entries[first].time <= time else { return nil }
        defer {
            first += 1
            if first > 1_024, first * 2 > entries.count {
                entries.removeFirst(first)
                first = 0
            }
        }
        return entries[first]
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

    /// - Returns: False where there is no room.
    @discardableResult
    mutating func addLink(_ link: SpanLink) -> Bool {
        guard links.count < Self.linksMax else { return false }
        links.append(link)
        isUnattributedKnown = false
        return true
    }
}
