import OTLP
import TraceStorage

/// Agents, the tools and models they use, and who invokes them, computed from stored spans.
///
/// Of the newest traces that have a span about agents or models in the range, what tells of agents is read of all spans,
/// one trace at a time, and what began in the range is counted. That costs nothing at ingest.
package struct AgentGraphQuery: Sendable {
    /// Traces that one answer is made of; of more, the newest count. Finding them takes some hundred bytes of memory
    /// each.
    package static let tracesMax = 200_000
    /// Spans of those traces; past it the older ones are left out. Some ten seconds of a core.
    package static let spansMax = 5_000_000

    package var tenant = TenantID.default
    /// Invocations, runs and calls are selected by the start of their spans.
    package var range: TimeRange
    /// A condition that one span of a trace has to meet; nil for all traces.
    package var predicate: SpanPredicate?
    package var tracesMax = Self.tracesMax

    package init(range: TimeRange) {
        self.range = range
    }

    /// Spans that may be about agents, tools or models: ``GenAICollector`` finds work in no others.
    package static let isOfInterest: SpanPredicate = {
        let facts: [GenAIFact] = [
            .operation, .openInferenceKind, .traceloopKind, .traceloopRequest, .langfuseType, .mlflowType, .input,
            .output, .total, .cacheRead, .cacheWrite, .cacheWriteHour, .reasoning, .audioInput, .audioOutput,
            .langfuseUsage, .mlflowUsage,
        ]
        return .or(facts.flatMap(\.names).map { .exists(.attribute(.span, key: $0)) })
    }()

    /// Computes the graph. Blocks on the reader.
    ///
    /// - Throws: what the reader throws; a trace that is too large for the context's limits is left out instead.
    package func run(
        on reader: any TraceReader, costs: CostModel, context: QueryContext = QueryContext()
    ) throws(StorageError) -> AgentGraph {
        let end = Self.end(context)
        let found = try traces(reader, context)
        var graph = AgentGraph()
        var traceReader = AgentTraceReader(costs: costs)
        var (next, spans, skipped) = (0, 0, 0)
        var isLate = false
        while next < found.ids.count, spans < Self.spansMax, !isLate {
            do throws(StorageError) {
                try reader.traces(
                    Array(found.ids[next...]), tenant: tenant, parts: AgentTraceReader.parts, context: context
                ) { _, batch throws(StorageError) in
                    try context.check()
                    next += 1
                    isLate = end.map { ContinuousClock.now >= $0 } ?? false
                    guard let batch else { return !isLate }
                    graph.add(traceReader.read(batch), in: range)
                    graph.traces += 1
                    spans += batch.spans.count
                    return spans < Self.spansMax && !isLate
                }
            } catch {
                guard case .limitExceeded = error else { throw error }
                skipped += 1
                next += 1
            }
        }
        if found.isCut {
            graph.partialReasons.append("there are more traces in the range than the newest \(found.ids.count)")
        }
        if next < found.ids.count {
            let reason = isLate ? "the query's time was nearly over" : "they have more than \(Self.spansMax) spans"
            graph.partialReasons.append("\(next) of \(found.ids.count) traces were read: \(reason)")
        }
        if skipped > 0 { graph.partialReasons.append("\(skipped) traces are too large to be read") }
        if graph.isTruncated {
            graph.partialReasons.append("there are more than \(AgentGraph.linksMax) edges, others were left out")
        }
        addGaps(reader.statistics(), to: &graph)
        return graph
    }

    /// When reading ends, so that there is an answer before the query's time is over: after four fifths of it.
    private static func end(_ context: QueryContext) -> ContinuousClock.Instant? {
        context.deadline.map { deadline in
            let now = ContinuousClock.now
            return now + now.duration(to: deadline) * 4 / 5
        }
    }

    private func addGaps(_ statistics: StorageStatistics, to graph: inout AgentGraph) {
        graph.partialReasons += statistics.gapReasons(in: range, tenant: tenant)
        if let deletedBefore = statistics.deletedBefore, range.start < deletedBefore {
            graph.partialReasons.append("retention has deleted spans of the range")
        }
    }

    // MARK: traces

    /// The newest traces with a span that is wanted, in the order in which the reader came upon them: neighbours in it
    /// lie together, and are read for less than in any other.
    private func traces(
        _ reader: any TraceReader, _ context: QueryContext
    ) throws(StorageError) -> (ids: [TraceID], isCut: Bool) {
        let plan = ScanPlan(
            tenant: tenant, range: range, predicate: predicate ?? Self.isOfInterest, fields: [.traceID, .startTime])
        var newest = NewestTraces(countMax: tracesMax)
        try reader.scan(plan, context: context) { rows in
            for row in 0..<rows.count {
                guard case .traceID(let trace) = rows.columns[0][row], case .int(let start) = rows.columns[1][row]
                else { continue }
                newest.add(trace, start: UInt64(bitPattern: start))
            }
            return newest.mayChange(laterStartMax: rows.laterStartMax)
        }
        return newest.finish()
    }
}

/// Remembers the traces with the latest spans.
private struct NewestTraces {
    private let countMax: Int
    private var traces: [TraceID: Trace] = [:]
    /// Traces whose latest span starts earlier were left out.
    private var bar: UInt64 = 0
    private var isCut = false
    private var checked = UInt64.max

    private struct Trace {
        /// Of its latest span, unix nanoseconds.
        var start: UInt64
        /// When it was first come upon.
        let place: Int
    }

    private var places = 0

    init(countMax: Int) { self.countMax = countMax }

    mutating func add(_ trace: TraceID, start: UInt64) {
        if let known = traces[trace] {
            if known.start < start { traces[trace]?.start = start }
            return
        }
        guard start >= bar else {
            isCut = true
            return
        }
        traces[trace] = Trace(start: start, place: places)
        places += 1
        if traces.count >= countMax * 2 { cut() }
    }

    /// Whether spans that start no later than a time can belong to the newest.
    mutating func mayChange(laterStartMax: UInt64) -> Bool {
        guard traces.count >= countMax, laterStartMax < checked else { return true }
        checked = laterStartMax
        cut()
        return laterStartMax >= bar
    }

    private mutating func cut() {
        guard traces.count > countMax else { return }
        let newest = traces.sorted {
            $0.value.start == $1.value.start
                ? ($0.key.high, $0.key.low) < ($1.key.high, $1.key.low) : $0.value.start > $1.value.start
        }
        isCut = true
        bar = newest[countMax - 1].value.start
        traces = Dictionary(uniqueKeysWithValues: newest.prefix(countMax).map { ($0.key, $0.value) })
    }

    mutating func finish() -> (ids: [TraceID], isCut: Bool) {
        cut()
        return (traces.sorted { $0.value.place < $1.value.place }.map(\.key), isCut)
    }
}
