import OTLP
import SpanMetrics
import TraceStorage

/// Finds traces with runs of tools that failed, by the labels that the metric has.
///
/// Those are not on the spans of the runs alone: an agent hands its name down to the runs below it, and every vocabulary
/// names tools in its own way. So whole traces are read, and what they say is worked out as for the metric.
struct FailedToolRuns {
    /// Traces that are read for one alert, the newest; they are also those of agents and tools that it is not about.
    private static let tracesMax = 500
    /// Spans that are looked at to find them.
    private static let rowsMax = 100_000

    let reader: any TraceReader

    /// The newest traces with a failed run that `isWanted` by its labels, at most `countMax`; fewer when the context's
    /// time is over. Blocks on the reader.
    func traces(
        _ countMax: Int, in range: TimeRange, context: QueryContext, where isWanted: (AlertLabels) -> Bool
    ) -> [TraceID] {
        let failed = failedSpans(range, context)
        let ids = failed.sorted { ($0.value.start, $1.key) > ($1.value.start, $0.key) }.map(\.key)
        var collector = GenAICollector.ofWholeTraces()
        var found: [TraceID] = []
        var next = 0
        while next < ids.count, found.count < countMax {
            do throws(StorageError) {
                try reader.traces(
                    Array(ids[next...]), tenant: .default, context: context
                ) { id, batch throws(StorageError) in
                    try context.check()
                    next += 1
                    if let batch, let spans = failed[id]?.spans, Self.hasRun(&collector, batch, among: spans, isWanted)
                    {
                        found.append(id)
                    }
                    return found.count < countMax
                }
            } catch {
                // A trace that is too large is passed over; whatever else it is, there is no more to be had.
                guard case .limitExceeded = error else { break }
                next += 1
            }
        }
        return found
    }

    private struct Failed {
        /// Of the latest, unix nanoseconds.
        private(set) var start: UInt64 = 0
        private(set) var spans: Set<SpanID> = []

        mutating func add(_ span: SpanID, start: UInt64) {
            spans.insert(span)
            self.start = max(self.start, start)
        }
    }

    /// The failed spans about agents, tools or models in the range, by trace.
    private func failedSpans(_ range: TimeRange, _ context: QueryContext) -> [TraceID: Failed] {
        let plan = ScanPlan(
            range: range,
            predicate: .and([.compare(.statusCode, .equal, .int(2)), AgentGraphQuery.isOfInterest]),
            fields: [.traceID, .spanID, .startTime])
        var failed: [TraceID: Failed] = [:]
        var rows = 0
        try? reader.scan(plan, context: context) { found in
            for row in 0..<found.count {
                guard case .traceID(let trace) = found.columns[0][row], case .spanID(let span) = found.columns[1][row],
                    case .int(let start) = found.columns[2][row]
                else { continue }
                failed[trace, default: Failed()].add(span, start: UInt64(bitPattern: start))
            }
            rows += found.count
            if failed.count > Self.tracesMax * 4 { Self.keepNewest(&failed) }
            return rows < Self.rowsMax
        }
        Self.keepNewest(&failed)
        return failed
    }

    private static func keepNewest(_ failed: inout [TraceID: Failed]) {
        guard failed.count > tracesMax else { return }
        let kept = failed.sorted { ($0.value.start, $1.key) > ($1.value.start, $0.key) }.prefix(tracesMax)
        failed = Dictionary(uniqueKeysWithValues: Array(kept).map { ($0.key, $0.value) })
    }

    private static func hasRun(
        _ collector: inout GenAICollector, _ batch: SpanBatch, among failed: Set<SpanID>,
        _ isWanted: (AlertLabels) -> Bool
    ) -> Bool {
        var runs: [ToolRun] = []
        // Position and time are of no account.
        collector.add(StoredBatch(batch: batch, position: JournalPosition(1), receivedAt: 0)) { runs += $1.tools }
        collector.finishAll { runs += $1.tools }
        return runs.contains { run in
            run.isError && failed.contains(run.spanID)
                && isWanted(["service": run.service, "agent": run.agent, "tool": run.tool])
        }
    }
}
