import Benchmarking
import EmbeddedStore
import OTLP
import SpanMetrics
import TraceStorage

/// Questions to a store of one block, and the same ones to rows in SQLite. One core.
struct ReadBenchmarks {
    private static let model = FieldReference.attribute(.span, key: SQLiteSpans.model)
    private static let service = "agent-researcher"
    /// Traces asked for in one run; they are spread over all that are stored.
    private static let lookups = 200
    private static let trace = "trace by id, SQLite"
    private static let search = "SQLite, service and duration"
    private static let group = "SQLite, p95 by model"
    private static let redSpanBySpan = "RED, span by span"
    static let insert = "SQLite rows, insert"

    let store: EmbeddedStore
    let traffic: Traffic
    let meter: Meter

    /// The baseline for what a stored span costs, and the rows for what finding it costs.
    func measure() throws -> [Measurement] {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let database = try SQLiteSpans(path: directory.path + "/spans.sqlite")
        try database.insert(traffic.batches)
        let ids = traffic.batches.compactMap { $0.spans.first?.traceID }
        let step = max(1, ids.count / Self.lookups)
        let wanted = stride(from: 0, to: ids.count, by: step).map { ids[$0] }
        return try baselines(database, wanted) + lookups(wanted) + scans() + groups() + red() + [agentGraph()]
    }

    /// What rows cost to write; the store's "append and seal" is compared with it.
    static func insert(_ traffic: Traffic, _ meter: Meter) throws -> Measurement {
        var bytes = 0
        var meter = meter
        meter.repetitions = 2
        var result = try meter.measure(
            Self.insert, units: traffic.spans,
            prepare: {
                let directory = try TemporaryDirectory()
                return (directory, try SQLiteSpans(path: directory.path + "/spans.sqlite"))
            },
            body: { try $0.1.insert(traffic.batches) },
            cleanUp: {
                bytes = $0.0.fileBytes
                $0.0.remove()
            })
        result.bytes = Double(bytes) / Double(traffic.spans)
        return result
    }

    // MARK: SQLite

    private func baselines(_ database: SQLiteSpans, _ wanted: [TraceID]) throws -> [Measurement] {
        let shortest = longDuration
        return [
            try meter.measure(Self.trace, unit: "trace", units: wanted.count) {
                for id in wanted where try database.trace(id) == 0 {
                    throw BenchmarkError("SQLite does not know trace \(id)")
                }
            },
            try meter.measure(Self.search, units: traffic.spans) {
                let rows = try database.rows(
                    "SELECT trace_id, start, duration FROM span WHERE service = '\(Self.service)' "
                        + "AND duration >= \(shortest)")
                guard rows > 0 else { throw BenchmarkError("SQLite finds no long span") }
            },
            try meter.measure(Self.group, units: traffic.spans) {
                let rows = try database.rows(
                    "SELECT model, MIN(duration) FROM (SELECT model, duration, CUME_DIST() OVER "
                        + "(PARTITION BY model ORDER BY duration) AS share FROM span) WHERE share >= 0.95 GROUP BY model"
                )
                guard rows > 1 else { throw BenchmarkError("SQLite finds no groups") }
            },
        ]
    }

    /// A duration that 1 of 500 spans of the service reach.
    private var longDuration: UInt64 {
        let durations = traffic.batches.flatMap { batch in
            batch.spans.filter { batch.serviceName(of: batch.resource(of: $0)) == Self.service }
                .map(\.durationNanoseconds)
        }.sorted()
        return durations.isEmpty ? 0 : durations[durations.count - 1 - durations.count / 500]
    }

    // MARK: the store

    private func lookups(_ wanted: [TraceID]) throws -> [Measurement] {
        [
            try meter.measure("trace by id, one block", unit: "trace", units: wanted.count, baseline: Self.trace) {
                for id in wanted {
                    guard let trace = try store.trace(id, tenant: .default, context: QueryContext()) else {
                        throw BenchmarkError("the store does not know trace \(id)")
                    }
                    keep(trace)
                }
            },
            try meter.measure("trace by id, in no block", unit: "trace", units: wanted.count) {
                for id in wanted {
                    let other = TraceID(high: id.low, low: id.high)
                    guard try store.trace(other, tenant: .default, context: QueryContext()) == nil else {
                        throw BenchmarkError("the store knows a trace that was never sent")
                    }
                }
            },
        ]
    }

    private func scans() throws -> [Measurement] {
        let service = SpanPredicate.compare(.serviceName, .equal, .string(Self.service))
        let long = SpanPredicate.compare(.duration, .greaterOrEqual, .int(Int64(clamping: longDuration)))
        return [
            try scan("scan, service and duration", .and([service, long]), baseline: Self.search),
            try scan("scan, service", service),
            try scan("scan, a value of no span", .compare(Self.model, .equal, .string("gpt-none")), expectsRows: false),
            try scan("scan, all", .all),
        ]
    }

    private func scan(
        _ name: String, _ predicate: SpanPredicate, expectsRows: Bool = true, baseline: String? = nil
    ) throws -> Measurement {
        let plan = ScanPlan(predicate: predicate, fields: [.traceID, .startTime, .duration])
        return try meter.measure(name, units: traffic.spans, baseline: baseline) {
            var rows = 0
            try store.scan(plan, context: QueryContext()) { answer in
                rows += answer.count
                return true
            }
            guard (rows > 0) == expectsRows else { throw BenchmarkError("\(name): \(rows) rows") }
        }
    }

    private func groups() throws -> [Measurement] {
        let duration = AggregationMeasure(.duration)
        return [
            try group("p95 by model", AggregationPlan(groupings: [Self.model], measures: [duration]), Self.group),
            try group(
                "p95 by service and operation",
                AggregationPlan(groupings: [.serviceName, .name], measures: [duration])),
            try group(
                "p95 of tokens by model",
                AggregationPlan(
                    predicate: .exists(Self.model), groupings: [Self.model],
                    measures: [AggregationMeasure(.attribute(.span, key: "gen_ai.usage.output_tokens"))])),
        ]
    }

    /// RED by service and operation: a range with both ends is grouped by the store, another looked at span by span.
    private func red() throws -> [Measurement] {
        [
            try red(Self.redSpanBySpan, TimeRange(start: 1)),
            try red("RED by service and operation", TimeRange(start: 1, end: .max - 1), baseline: Self.redSpanBySpan),
        ]
    }

    private func red(_ name: String, _ range: TimeRange, baseline: String? = nil) throws -> Measurement {
        let groupings = [
            REDQuery.Grouping(name: "service", field: .serviceName), REDQuery.Grouping(name: "operation", field: .name),
        ]
        return try meter.measure(name, units: traffic.spans, baseline: baseline) {
            let result = try REDQuery(range: range, by: groupings).run(on: store)
            let spans = result.rows.reduce(0) { $0 + $1.spans }
            guard spans == traffic.spans else { throw BenchmarkError("\(name): \(spans) spans") }
        }
    }

    /// Who invokes which agents: whole traces, of which what tells of agents is read.
    private func agentGraph() throws -> Measurement {
        let models = traffic.batches.reduce(0) { sum, batch in
            sum + batch.spans.count { batch.attribute("gen_ai.request.model", in: $0.attributes) != nil }
        }
        return try meter.measure("agent graph", units: traffic.spans, baseline: Self.redSpanBySpan) {
            let graph = try AgentGraphQuery(range: .all).run(on: store, costs: CostModel())
            guard graph.partialReasons.isEmpty, graph.total.calls > 0, graph.total.calls <= models else {
                throw BenchmarkError("agent graph: \(graph.total.calls) calls, of \(models) spans with a model")
            }
        }
    }

    private func group(_ name: String, _ plan: AggregationPlan, _ baseline: String? = nil) throws -> Measurement {
        try meter.measure(name, units: traffic.spans, baseline: baseline) {
            let result = try store.aggregate(plan, context: QueryContext())
            let isWhole = result.spans == traffic.spans || plan.predicate != .all
            guard isWhole, result.groups.count > 1, result.groups[0].measures[0].quantile(0.95) != nil else {
                throw BenchmarkError("\(name): \(result.spans) spans in \(result.groups.count) groups")
            }
        }
    }
}
