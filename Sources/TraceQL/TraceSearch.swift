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
    /// Matched spans shown for each trace; 0 for all of them.
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

    /// Traces read beyond as many as an answer has, in the hope of later starts. Traces that last longer than it takes
    /// so many to begin are taken by the start of their first matched span then, and not by their own.
    static func extraReadsMax(_ limit: Int) -> Int { max(20, limit) }

    /// Runs the search; blocks on the reader. Where the reader has the newest spans first it is asked for no more than
    /// the answer needs.
    package func run(
        on reader: any TraceReader, context: QueryContext = QueryContext()
    ) throws(StorageError) -> TraceSearchResult {
        guard limit > 0 else {
            return TraceSearchResult(traces: [], tracesRead: 0, isComplete: true, partialReasons: [])
        }
        var reading = try TraceReading(self, reader, context)
        var wanted = limit + Self.extraReadsMax(limit)
        while true {
            let found = try scan(wanted, reader, context)
            let isFinal = try reading.read(found.candidates)
            // Traces not met yet start no later than the spans that were not looked at.
            if isFinal || found.isWhole || reading.isDecided(before: found.restStartMax) {
                return reading.result(isComplete: !found.candidates.hasForgotten)
            }
            wanted = wanted.multipliedReportingOverflow(by: 4).overflow ? .max : wanted * 4
        }
    }

    // MARK: candidates

    /// Traces with spans that match; perhaps not all of them.
    private struct Found {
        var candidates: TraceCandidates
        /// No span that was left out starts later.
        var restStartMax: UInt64 = 0
        var isWhole = true
    }

    /// - Parameter wanted: traces after which the scan may stop once no later one can come.
    private func scan(
        _ wanted: Int, _ reader: any TraceReader, _ context: QueryContext
    ) throws(StorageError) -> Found {
        switch selection {
        case .query(let query): try scan(query.spanset, wanted, reader, context)
        case .spans(let predicate): try scan(predicate, wanted, reader, context)
        }
    }

    private func scan(
        _ expression: SpansetExpression, _ wanted: Int, _ reader: any TraceReader, _ context: QueryContext
    ) throws(StorageError) -> Found {
        switch expression {
        case .filter(let condition):
            return try scan(TraceQLCompiler.predicate(condition), wanted, reader, context)
        case .and(let left, let right):
            // A trace that is old by one side may be new by the other: both are looked through as a whole.
            let first = try scan(left, .max, reader, context).candidates
            guard !first.isEmpty else { return Found(candidates: first) }
            return Found(candidates: first.intersection(try scan(right, .max, reader, context).candidates))
        case .or(let left, let right):
            let first = try scan(left, .max, reader, context).candidates
            return Found(candidates: first.union(try scan(right, .max, reader, context).candidates))
        }
    }

    private func scan(
        _ predicate: SpanPredicate, _ wanted: Int, _ reader: any TraceReader, _ context: QueryContext
    ) throws(StorageError) -> Found {
        var found = Found(candidates: TraceCandidates(countMax: Self.candidatesMax))
        var checked = UInt64.max
        let plan = ScanPlan(tenant: tenant, range: range, predicate: predicate, fields: [.traceID, .startTime])
        try reader.scan(plan, context: context) { rows in
            for row in 0..<rows.count {
                guard case .traceID(let trace) = rows.columns[0][row], case .int(let start) = rows.columns[1][row]
                else { continue }
                found.candidates.add(trace, start: UInt64(bitPattern: start))
            }
            // Counting looks at all of them: it is done when it can have changed.
            guard rows.laterStartMax < checked, found.candidates.count >= wanted else { return true }
            checked = rows.laterStartMax
            guard found.candidates.count(from: checked) >= wanted else { return true }
            found.restStartMax = checked
            found.isWhole = false
            return false
        }
        return found
    }
}
