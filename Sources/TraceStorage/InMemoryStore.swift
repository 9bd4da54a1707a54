import OTLP
import Synchronization

/// A store that keeps batches as they came and looks at every span for every query: for tests, and to hold other
/// stores against. Nothing survives the process, so ``durablePosition`` stays where it was.
package final class InMemoryStore: TraceWriter, TraceReader {
    private struct State {
        var batches: [StoredBatch] = []
        var position = JournalPosition.beginning
    }

    private let state = Mutex(State())

    package init() {}

    // MARK: TraceWriter

    package var durablePosition: JournalPosition { .beginning }

    package func append(_ batch: StoredBatch) throws(StorageError) {
        state.withLock { state in
            guard batch.position > state.position else { return }
            state.position = batch.position
            state.batches.append(batch)
        }
    }

    package func maintain(now: UInt64) throws(StorageError) {}

    package func flush() throws(StorageError) {}

    // MARK: TraceReader

    package func trace(
        _ id: TraceID, tenant: TenantID, context: QueryContext
    ) throws(StorageError) -> SpanBatch? {
        var collector = SpanCollector()
        for batch in batches(tenant) {
            try context.check()
            collector.append(batch, rows: batch.spans.indices.lazy.filter { batch.spans[$0].traceID == id })
            guard collector.count <= context.rowsMax else { throw .rows(context) }
        }
        do { return try collector.finish() } catch { throw .corrupt(message: "trace \(id): \(error)") }
    }

    package func scan(_ plan: ScanPlan, context: QueryContext, _ body: (ScanRows) -> Bool) throws(StorageError) {
        let predicate = try CompiledPredicate(plan.predicate)
        var rowsLeft = context.rowsMax
        var seen = SpanIdentities()
        for batch in batches(plan.tenant) {
            try context.check()
            let rows = batch.spans.indices.filter { row in
                plan.range.contains(batch.spans[row].startTime) && predicate.passes(batch, row: row)
                    && seen.insert(batch, row)
            }
            guard !rows.isEmpty else { continue }
            guard rows.count <= rowsLeft else { throw .rows(context) }
            rowsLeft -= rows.count
            if !body(batch.scanRows(rows, fields: plan.fields)) { return }
        }
    }

    package func aggregate(_ plan: AggregationPlan, context: QueryContext) throws(StorageError) -> AggregationResult {
        let predicate = try CompiledPredicate(plan.predicate)
        var aggregator = try Aggregator(plan, context: context)
        var seen = SpanIdentities()
        for batch in batches(plan.tenant) {
            try context.check()
            let rows = batch.spans.indices.filter { row in
                plan.range.contains(batch.spans[row].startTime) && predicate.passes(batch, row: row)
                    && seen.insert(batch, row)
            }
            try aggregator.add(rows: batch.scanRows(rows, fields: plan.scan.fields))
        }
        return aggregator.finish()
    }

    package func services(
        in range: TimeRange, tenant: TenantID, context: QueryContext
    ) throws(StorageError) -> [String] {
        var names: Set<String> = []
        try forEachSpan(in: range, tenant, context) { batch, span in
            if let name = batch.serviceName(of: batch.resource(of: span)) { names.insert(name) }
        }
        return names.sorted()
    }

    package func operations(
        of service: String, in range: TimeRange, tenant: TenantID, context: QueryContext
    ) throws(StorageError) -> [Operation] {
        var operations: Set<Operation> = []
        try forEachSpan(in: range, tenant, context) { batch, span in
            guard batch.serviceName(of: batch.resource(of: span)) == service else { return }
            operations.insert(Operation(name: batch.string(span.name), kind: span.kind))
        }
        return operations.sorted()
    }

    package func statistics() -> StorageStatistics {
        state.withLock { state in
            var statistics = StorageStatistics()
            statistics.spans = state.batches.reduce(0) { $0 + $1.batch.spans.count }
            statistics.liveSpans = statistics.spans
            statistics.oldestReceivedAt = state.batches.map(\.receivedAt).min()
            return statistics
        }
    }

    private func batches(_ tenant: TenantID) -> [SpanBatch] {
        state.withLock { $0.batches }.filter { $0.tenant == tenant }.map(\.batch)
    }

    private func forEachSpan(
        in range: TimeRange, _ tenant: TenantID, _ context: QueryContext, _ body: (SpanBatch, SpanRow) -> Void
    ) throws(StorageError) {
        for batch in batches(tenant) {
            try context.check()
            for span in batch.spans where range.contains(span.startTime) { body(batch, span) }
        }
    }
}

/// The spans that a scan has handed out, so that one that was sent twice is handed out once.
private struct SpanIdentities {
    private struct Identity: Hashable {
        let span: [UInt8]
        let scope: [UInt8]
        let resource: [UInt8]
    }

    private var seen: Set<Identity> = []

    mutating func insert(_ batch: SpanBatch, _ row: Int) -> Bool {
        let span = batch.spans[row]
        let identity = Identity(
            span: batch.canonicalSpan(row), scope: batch.header(of: batch.scope(of: span)),
            resource: batch.header(of: batch.resource(of: span)))
        return seen.insert(identity).inserted
    }
}

extension SpanBatch {
    /// Some rows of the batch as an answer to a scan.
    package func scanRows(_ rows: [Int], fields: [FieldReference]) -> ScanRows {
        let reader = SpanFieldReader(self)
        return ScanRows(
            count: rows.count,
            columns: fields.map { field in
                SpanFieldReader.column(field, rows.map { reader.value(of: field, row: $0) })
            })
    }
}

extension StorageError {
    /// A query found more rows than its context lets it have.
    package static func rows(_ context: QueryContext) -> StorageError {
        .limitExceeded(message: "more than \(context.rowsMax) spans match; narrow the time range or the conditions")
    }
}

extension Operation: Comparable {
    package static func < (a: Operation, b: Operation) -> Bool { a.name != b.name ? a.name < b.name : a.kind < b.kind }
}
