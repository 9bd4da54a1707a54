import OTLP
import QueryAPI
import Synchronization
import Testing
import TraceStorage

/// A store whose question about services is not answered before the query is stopped.
private final class EndlessReader: TraceReader {
    let entered = Signal()
    let left = Signal()

    func services(in range: TimeRange, tenant: TenantID, context: QueryContext) throws(StorageError) -> [String] {
        entered.set()
        defer { left.set() }
        while true { try context.check() }
    }

    func trace(_ id: TraceID, tenant: TenantID, context: QueryContext) throws(StorageError) -> SpanBatch? {
        throw .corrupt(message: "/secret/path: block 7")
    }

    func scan(_ plan: ScanPlan, context: QueryContext, _ body: (ScanRows) -> Bool) throws(StorageError) {}

    func operations(
        of service: String, in range: TimeRange, tenant: TenantID, context: QueryContext
    ) throws(StorageError) -> [Operation] { [] }

    func statistics() -> StorageStatistics { StorageStatistics() }
}

/// A store that needs a byte and a row more than a query may have.
private final class HungryReader: TraceReader {
    func services(in range: TimeRange, tenant: TenantID, context: QueryContext) throws(StorageError) -> [String] {
        try context.reserve(context.memoryMax + 1)
        return []
    }

    func trace(_ id: TraceID, tenant: TenantID, context: QueryContext) throws(StorageError) -> SpanBatch? { nil }

    func scan(_ plan: ScanPlan, context: QueryContext, _ body: (ScanRows) -> Bool) throws(StorageError) {
        throw .rows(context)
    }

    func operations(
        of service: String, in range: TimeRange, tenant: TenantID, context: QueryContext
    ) throws(StorageError) -> [Operation] { [] }

    func statistics() -> StorageStatistics { StorageStatistics() }
}

@Suite struct QueryExecutorTests {
    @Test func aQueryEndsWhenItsClientGoesAway() async throws {
        let store = EndlessReader()
        try await QueryServer.serving(store) { server in
            let client = try await QueryServer.Client.connect(port: server.port)
            try await client.get("/api/services")
            await store.entered.wait()
            client.close()
            // The default timeout is far away.
            await store.left.wait()
        }
    }

    @Test func aQueryEndsAtItsDeadline() async throws {
        var configuration = QueryConfiguration()
        configuration.timeout = .milliseconds(50)
        try await QueryServer.serving(EndlessReader(), configuration: configuration) { server in
            let answer = try await server.get("/api/v3/services")
            #expect(answer.status == 503)
            #expect(answer.text.hasPrefix(#"{"error":{"httpCode":503,"message":"the query took longer than 0.05 s"#))
        }
    }

    @Test func queriesPastTheQueueAreRefused() async throws {
        var configuration = QueryConfiguration()
        configuration.maxConcurrentQueries = 1
        configuration.maxQueuedQueries = 0
        let store = EndlessReader()
        try await QueryServer.serving(store, configuration: configuration) { server in
            let client = try await QueryServer.Client.connect(port: server.port)
            try await client.get("/api/services")
            await store.entered.wait()
            let answer = try await server.get("/api/skein/v1/traces/1")
            #expect(answer.status == 429)
            #expect(answer.headers["Retry-After"] == ["1"])
            #expect(answer.text.hasPrefix(#"{"error":{"code":"too_many_queries","#))
            client.close()
            await store.left.wait()
        }
    }

    @Test func aQueryHasTheConfiguredMemoryAndRows() async throws {
        var configuration = QueryConfiguration()
        configuration.memoryMaxBytes = 8 << 20
        configuration.maxRows = 5
        try await QueryServer.serving(HungryReader(), configuration: configuration) { server in
            let memory = try await server.get("/api/services")
            #expect(memory.status == 413)
            #expect(memory.text.contains("more than its 8 MiB of memory (query.max_memory_mib)"))
            let rows = try await server.get("/api/traces?service=x&end=1")
            #expect(rows.status == 413)
            #expect(rows.text.contains("more than 5 spans match"))
        }
    }

    @Test func whatAStoreSaysOfItsFilesStaysInTheLog() async throws {
        try await QueryServer.serving(EndlessReader()) { server in
            for path in ["/api/traces/1", "/api/v3/traces/1", "/api/skein/v1/traces/1"] {
                let answer = try await server.get(path)
                #expect(answer.status == 503)
                #expect(answer.text.contains("the store could not answer") && !answer.text.contains("secret"))
            }
        }
    }
}
