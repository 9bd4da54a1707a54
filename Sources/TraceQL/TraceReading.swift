import OTLP
import TraceStorage

/// Reads the traces that a search has found, each once, and keeps the newest that match.
struct TraceReading {
    private let search: TraceSearch
    private let reader: any TraceReader
    private let context: QueryContext
    private let patterns: [String: TextPattern]
    /// Of a search by predicate.
    private let predicate: CompiledPredicate?
    private var seen: Set<TraceID> = []
    /// The newest first, no more than asked for.
    private var found: [TraceSummary] = []
    private var isCut = false
    /// Traces read since there were enough for an answer.
    private var extraReads = 0

    init(_ search: TraceSearch, _ reader: any TraceReader, _ context: QueryContext) throws(StorageError) {
        self.search = search
        self.reader = reader
        self.context = context
        switch search.selection {
        case .query(let query):
            patterns = TraceQLEvaluator.patterns(of: query)
            predicate = nil
        case .spans(let spans):
            patterns = [:]
            predicate = try CompiledPredicate(spans)
        }
    }

    /// Reads what may belong to the answer; true when no more traces may be read for it.
    mutating func read(_ candidates: TraceCandidates) throws(StorageError) -> Bool {
        let unread = candidates.newestFirst().filter { !seen.contains($0.id) }
        var next = 0
        guard let first = unread.first, mayRead(first) else { return isCut }
        try reader.traces(
            unread.map(\.id), tenant: search.tenant, context: context
        ) { id, batch throws(StorageError) in
            try context.check()
            if found.count >= search.limit { extraReads += 1 }
            seen.insert(id)
            let matched = batch.map(matches) ?? []
            if let batch, !matched.isEmpty { insert(summary(of: batch, id, matched)) }
            next += 1
            return next < unread.count && mayRead(unread[next])
        }
        return isCut
    }

    /// Whether a trace may belong to the answer and may be read for it.
    private mutating func mayRead(_ candidate: TraceCandidates.Candidate) -> Bool {
        // No further trace starts later than its first matched span does.
        if isDecided(before: candidate.start) { return false }
        isCut = isCut || seen.count >= TraceSearch.tracesReadMax
        return !isCut
    }

    /// Whether the answer stands: no trace that starts at `start` or before can be in it, or enough others were read.
    func isDecided(before start: UInt64) -> Bool {
        guard found.count >= search.limit else { return false }
        return found[search.limit - 1].startTime >= start || extraReads >= TraceSearch.extraReadsMax(search.limit)
    }

    func result(isComplete: Bool) -> TraceSearchResult {
        // As of now: a block that was put aside meanwhile may be missing in the answer.
        var reasons = reader.statistics().gapReasons(in: search.range, tenant: search.tenant)
        if !isComplete || isCut { reasons.append("the search stopped before it had looked at everything") }
        return TraceSearchResult(
            traces: found, tracesRead: seen.count, isComplete: reasons.isEmpty, partialReasons: reasons)
    }

    private func matches(_ batch: SpanBatch) -> [Int] {
        switch search.selection {
        case .query(let query):
            return TraceQLEvaluator(batch, patterns: patterns).matches(query.spanset, in: search.range)
        case .spans:
            return batch.spans.indices.filter {
                search.range.contains(batch.spans[$0].startTime) && predicate?.passes(batch, row: $0) ?? false
            }
        }
    }

    /// Keeps `found` in order, the newest first, and no longer than needed.
    private mutating func insert(_ summary: TraceSummary) {
        let index = found.firstIndex { $0.startTime < summary.startTime } ?? found.count
        found.insert(summary, at: index)
        if found.count > search.limit { found.removeLast() }
    }

    private func summary(of batch: SpanBatch, _ id: TraceID, _ matched: [Int]) -> TraceSummary {
        let root = batch.rootSpan
        let extent = batch.extent
        var services: [String: TraceSummary.ServiceCounts] = [:]
        for resource in batch.resources {
            let name = batch.serviceName(of: resource) ?? ""
            for scope in batch.scopes[resource.scopes.indices] {
                let spans = batch.spans[scope.spans.indices]
                services[name, default: .init()].spans += spans.count
                services[name, default: .init()].errors += spans.count { $0.isError }
            }
        }
        let shown = search.spansPerTrace == 0 ? matched[...] : matched.prefix(search.spansPerTrace)
        return TraceSummary(
            traceID: id, rootServiceName: root.map { batch.serviceName(of: batch.resource(of: $0)) ?? "" },
            rootName: root.map { batch.string($0.name) }, startTime: extent.start,
            durationNanoseconds: extent.durationNanoseconds, spanCount: batch.spans.count,
            errorCount: batch.spans.count { $0.isError }, services: services,
            matchedSpans: shown.map { TraceSummary.MatchedSpan(batch.spans[$0], of: batch) },
            matchedCount: matched.count)
    }
}
