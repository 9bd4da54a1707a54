import EmbeddedStore
import OTLP
import TraceStorage
import TraceStorageConformance

/// All that a store answers, for comparison with what was sent.
enum StoredSpansOf {
    /// Spans of batches, equal ones once.
    static func batches(_ batches: some Sequence<StoredBatch>) -> Set<SpanDescription> {
        Set(batches.flatMap { stored in stored.batch.spans.indices.map { SpanDescription(stored.batch, row: $0) } })
    }

    /// The spans of all traces of some batches, as the store has them.
    static func traces(_ store: EmbeddedStore, _ batches: some Sequence<StoredBatch>) throws -> [SpanDescription] {
        try Set(batches.flatMap(\.batch.spans).map(\.traceID)).flatMap { trace in
            let batch = try store.trace(trace, tenant: .default, context: QueryContext())
            return batch.map { batch in batch.spans.indices.map { SpanDescription(batch, row: $0) } } ?? []
        }
    }

    /// The number of rows that a scan of everything finds.
    static func rows(_ store: EmbeddedStore) throws -> Int {
        var rows = 0
        try store.scan(ScanPlan(fields: [.spanID]), context: QueryContext()) { answer in
            rows += answer.count
            return true
        }
        return rows
    }
}
