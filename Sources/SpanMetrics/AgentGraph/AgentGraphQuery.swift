import OTLP
import TraceStorage

/// Agents, the tools and models they use, and who invokes them, computed from stored spans.
///
/// The newest traces that have a span about agents or models in the range are read whole, one at a time, and what began
/// in the range is counted. That costs some microseconds a span of those traces and nothing at ingest.
package struct AgentGraphQuery: Sendable {
    /// Traces that one answer is made of: some seconds on one core for traces of 25 spans. Of more, the newest count.
    package static let tracesMax = 50_000
    /// Spans of those traces; past it the older ones are left out.
    package static let spansMax = 2_000_000

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
        let found = try traces(reader, context)
        var graph = AgentGraph()
        var prices = CallPrices(costs)
        var traceReader = AgentTraceReader()
        var (next, spans, skipped) = (0, 0, 0)
        while next < found.ids.count, spans < Self.spansMax {
            do throws(StorageError) {
                try reader.traces(
                    Array(found.ids[next...]), tenant: tenant, context: context
                ) { _, batch throws(StorageError) in
                    try context.check()
                    next += 1
                    guard let batch else { return true }
                    graph.add(traceReader.read(batch), in: range) { prices.cost(of: $0) }
                    graph.traces += 1
                    spans += batch.spans.count
                    return spans < Self.spansMax
                }
            } catch {
                guard case .limitExceeded = error else { throw error }
                skipped += 1
                next += 1
            }
        }
        if next < found.ids.count || found.isCut {
            graph.partialReasons.append("there are more traces in the range than the newest \(next), which were read")
        }
        if skipped > 0 { graph.partialReasons.append("\(skipped) traces are too large to be read") }
        if graph.isTruncated {
            graph.partialReasons.append("there are more than \(AgentGraph.linksMax) edges, others were left out")
        }
        addGaps(reader.statistics(), to: &graph)
        return graph
    }

    private func addGaps(_ statistics: StorageStatistics, to graph: inout AgentGraph) {
        graph.partialReasons += statistics.gapReasons(in: range, tenant: tenant)
        if let deletedBefore = statistics.deletedBefore, range.start < deletedBefore {
            graph.partialReasons.append("retention has deleted spans of the range")
        }
    }

    // MARK: traces

    /// The newest traces with a span that is wanted, those that began last first.
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

/// What calls cost; a price is looked up once, as that takes microseconds.
private struct CallPrices {
    private struct Key: Hashable {
        var model: String
        var provider: String
    }

    private let costs: CostModel
    private var known: [Key: ModelPrice?] = [:]

    init(_ costs: CostModel) { self.costs = costs }

    mutating func cost(of call: ModelCall) -> CallCost {
        let key = Key(model: call.model, provider: call.provider)
        let price = known[key] ?? costs.prices.price(of: call.model, provider: call.provider)
        known[key] = .some(price)
        return costs.policy.cost(
            computed: call.usage.flatMap { price?.cost(of: $0) }, reported: call.reportedCost, usage: call.usage)
    }
}

/// Remembers the traces with the latest spans.
private struct NewestTraces {
    private let countMax: Int
    private var starts: [TraceID: UInt64] = [:]
    /// Traces whose latest span starts earlier were left out.
    private var bar: UInt64 = 0
    private var isCut = false
    private var checked = UInt64.max

    init(countMax: Int) { self.countMax = countMax }

    mutating func add(_ trace: TraceID, start: UInt64) {
        if start < bar, starts[trace] == nil {
            isCut = true
            return
        }
        starts[trace] = max(starts[trace] ?? 0, start)
        if starts.count >= countMax * 4 { cut() }
    }

    /// Whether spans that start no later than a time can belong to the newest.
    mutating func mayChange(laterStartMax: UInt64) -> Bool {
        guard starts.count >= countMax, laterStartMax < checked else { return true }
        checked = laterStartMax
        cut()
        return laterStartMax >= bar
    }

    private mutating func cut() {
        guard starts.count > countMax else { return }
        let sorted = ordered()
        isCut = true
        bar = sorted[countMax - 1].value
        starts = Dictionary(uniqueKeysWithValues: sorted.prefix(countMax).map { ($0.key, $0.value) })
    }

    private func ordered() -> [(key: TraceID, value: UInt64)] {
        starts.sorted {
            $0.value == $1.value
                ? ($0.key.high, $0.key.low) < ($1.key.high, $1.key.low) : $0.value > $1.value
        }
    }

    mutating func finish() -> (ids: [TraceID], isCut: Bool) {
        cut()
        return (ordered().map(\.key), isCut)
    }
}
