import OTLP
import TraceStorage

/// Finds the newest traces with spans that match, for the command line, Tempo's search and Jaeger's.
package struct TraceSearch: Sendable {
    package enum Selection: Sendable {
        case query(TraceQLQuery)
        /// Jaeger's search: traces with one span that meets the condition.
        case spans(SpanPredicate)
    }

    package var selection: Selection
    package var tenant = TenantID.default
    /// Spans are selected by their start time.
    package var range: TimeRange
    /// Traces of the answer.
    package var limit = 20
    /// Matched spans shown for each trace; 0 for all of them, of a search by predicate at most ``spansKeptMax``.
    package var spansPerTrace = 3

    package init(_ selection: Selection, range: TimeRange = .all) {
        self.selection = selection
        self.range = range
    }

    /// Traces remembered while spans are looked through, about 100 bytes each. Past it the oldest are forgotten, and
    /// the answer says that it is not complete.
    package static let candidatesMax = 200_000
    /// Traces that are read whole for one answer. A query whose condition on the whole trace few traces meet stops
    /// here, and the answer says that it is not complete.
    package static let tracesReadMax = 5_000

    /// Ids of matched spans remembered for each trace in a search by predicate, which cannot find them again.
    package static let spansKeptMax = 100

    /// Runs the search; blocks on the reader.
    package func run(
        on reader: any TraceReader, context: QueryContext = QueryContext()
    ) throws(StorageError) -> TraceSearchResult {
        var isComplete = true
        let candidates: TraceCandidates
        switch selection {
        case .query(let query): candidates = try scan(query.spanset, reader, context, &isComplete)
        case .spans(let predicate): candidates = try scan(predicate, reader, context, &isComplete)
        }
        let patterns: [String: TextPattern] =
            if case .query(let query) = selection { TraceQLEvaluator.patterns(of: query) } else { [:] }
        var found: [TraceSummary] = []
        var read = 0
        for candidate in candidates.newestFirst() where limit > 0 {
            try context.check()
            // No further trace starts later than its first matched span does.
            if found.count >= limit, found[limit - 1].startTime >= candidate.start { break }
            guard read < Self.tracesReadMax else {
                isComplete = false
                break
            }
            read += 1
            guard let batch = try reader.trace(candidate.id, tenant: tenant, context: context) else { continue }
            let matched = matches(batch, candidate, patterns)
            guard !matched.isEmpty else { continue }
            var summary = summary(of: batch, candidate.id, matched)
            if case .spans = selection { summary.matchedCount = candidate.matched }
            insert(summary, into: &found)
        }
        return TraceSearchResult(traces: Array(found.prefix(max(0, limit))), tracesRead: read, isComplete: isComplete)
    }

    // MARK: candidates

    private func scan(
        _ expression: SpansetExpression, _ reader: any TraceReader, _ context: QueryContext, _ isComplete: inout Bool
    ) throws(StorageError) -> TraceCandidates {
        switch expression {
        case .filter(let condition):
            return try scan(TraceQLCompiler.predicate(condition), reader, context, &isComplete)
        case .and(let left, let right):
            let first = try scan(left, reader, context, &isComplete)
            return first.isEmpty ? first : first.intersection(try scan(right, reader, context, &isComplete))
        case .or(let left, let right):
            return try scan(left, reader, context, &isComplete).union(
                try scan(right, reader, context, &isComplete))
        }
    }

    private func scan(
        _ predicate: SpanPredicate, _ reader: any TraceReader, _ context: QueryContext, _ isComplete: inout Bool
    ) throws(StorageError) -> TraceCandidates {
        var candidates = TraceCandidates(countMax: Self.candidatesMax)
        let plan = ScanPlan(
            tenant: tenant, range: range, predicate: predicate, fields: [.traceID, .startTime, .spanID])
        try reader.scan(plan, context: context) { rows in
            for row in 0..<rows.count {
                guard case .traceID(let trace) = rows.columns[0][row], case .int(let start) = rows.columns[1][row],
                    case .spanID(let span) = rows.columns[2][row]
                else { continue }
                candidates.add(trace, start: UInt64(bitPattern: start), span: span, spansMax: spansMax)
            }
            return true
        }
        if candidates.hasForgotten { isComplete = false }
        return candidates
    }

    /// Only a query can say again which spans it meant.
    private var spansMax: Int {
        guard case .spans = selection else { return 0 }
        return spansPerTrace > 0 ? min(spansPerTrace, Self.spansKeptMax) : Self.spansKeptMax
    }

    private func matches(
        _ batch: SpanBatch, _ candidate: TraceCandidates.Candidate, _ patterns: [String: TextPattern]
    ) -> [Int] {
        switch selection {
        case .query(let query):
            return TraceQLEvaluator(batch, patterns: patterns).matches(query.spanset, in: range)
        case .spans:
            return batch.spans.indices.filter {
                range.contains(batch.spans[$0].startTime) && candidate.spans.contains(batch.spans[$0].spanID)
            }
        }
    }

    // MARK: summaries

    /// Keeps `found` in order, the newest first, and no longer than needed.
    private func insert(_ summary: TraceSummary, into found: inout [TraceSummary]) {
        let index = found.firstIndex { $0.startTime < summary.startTime } ?? found.count
        found.insert(summary, at: index)
        if found.count > limit { found.removeLast() }
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
        let shown = spansPerTrace == 0 ? matched[...] : matched.prefix(spansPerTrace)
        return TraceSummary(
            traceID: id, rootServiceName: root.map { batch.serviceName(of: batch.resource(of: $0)) ?? "" },
            rootName: root.map { batch.string($0.name) }, startTime: extent.start,
            durationNanoseconds: extent.durationNanoseconds, spanCount: batch.spans.count,
            errorCount: batch.spans.count { $0.isError }, services: services,
            matchedSpans: shown.map { TraceSummary.MatchedSpan(batch.spans[$0], of: batch) },
            matchedCount: matched.count)
    }
}
