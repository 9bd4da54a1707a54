import EmbeddedStore
import OTLP
import TraceStorage

/// A store's reading side that keeps its directory as long as it lives.
final class DirectoryHolder: TraceReader {
    private let store: EmbeddedStore
    private let directory: TemporaryDirectory

    init(_ store: EmbeddedStore, _ directory: TemporaryDirectory) {
        self.store = store
        self.directory = directory
    }

    func trace(_ id: TraceID, tenant: TenantID, context: QueryContext) throws(StorageError) -> SpanBatch? {
        try store.trace(id, tenant: tenant, context: context)
    }

    func traces(
        _ ids: [TraceID], tenant: TenantID, parts: SpanParts?, context: QueryContext,
        _ body: (TraceID, SpanBatch?) throws(StorageError) -> Bool
    ) throws(StorageError) {
        try store.traces(ids, tenant: tenant, parts: parts, context: context, body)
    }

    func scan(_ plan: ScanPlan, context: QueryContext, _ body: (ScanRows) -> Bool) throws(StorageError) {
        try store.scan(plan, context: context, body)
    }

    func aggregate(_ plan: AggregationPlan, context: QueryContext) throws(StorageError) -> AggregationResult {
        try store.aggregate(plan, context: context)
    }

    func services(in range: TimeRange, tenant: TenantID, context: QueryContext) throws(StorageError) -> [String] {
        try store.services(in: range, tenant: tenant, context: context)
    }

    func operations(
        of service: String, in range: TimeRange, tenant: TenantID, context: QueryContext
    ) throws(StorageError) -> [Operation] {
        try store.operations(of: service, in: range, tenant: tenant, context: context)
    }

    func statistics() -> StorageStatistics { store.statistics() }
}
