import Alerting
import HTTPServing
import Hummingbird
import OTLP
import SpanMetrics
import TraceStorage

/// The HTTP APIs of the query listener.
package struct QueryAPI: Sendable {
    let store: any TraceReader
    let configuration: QueryConfiguration
    let executor: QueryExecutor
    /// Unix nanoseconds.
    let now: @Sendable () -> UInt64

    /// A router with everything that the listener serves: Jaeger's APIs under `/api` and `/api/v3`, our own under
    /// `/api/skein/v1`.
    ///
    /// Requests whose Host or Origin is foreign are refused; see ``HostPolicy``. The caller owns the executor and
    /// shuts it down after the listener.
    ///
    /// - Parameter genAI: what knows of tokens and cost, nil while it cannot tell yet; without it there is no `/usage`.
    /// - Parameter costs: what calls of models cost in traces and in the graph of agents.
    /// - Parameter alerts: everything about alerts; without it there is no `/alerts`.
    /// - Parameter now: the clock that default time ranges end at, in unix nanoseconds.
    package static func router(
        store: any TraceReader, genAI: (@Sendable () -> GenAIMetrics?)? = nil,
        costs: @escaping @Sendable () -> CostModel = { CostModel() },
        alerts: (@Sendable () -> AlertsReport)? = nil, configuration: QueryConfiguration, executor: QueryExecutor,
        now: @escaping @Sendable () -> UInt64 = TimeText.now
    ) -> Router<QueryRequestContext> {
        let api = QueryAPI(store: store, configuration: configuration, executor: executor, now: now)
        let router = Router(context: QueryRequestContext.self)
        router.add(middleware: APIErrorMiddleware())
        router.add(middleware: HostCheckMiddleware(HostPolicy(configuration)))
        JaegerAPI(api: api).addRoutes(to: router)
        JaegerV3API(api: api).addRoutes(to: router)
        SkeinAPI(api: api, costs: costs).addRoutes(to: router)
        SkeinAgentGraphAPI(api: api, costs: costs).addRoutes(to: router)
        if let alerts { SkeinAlertsAPI(report: alerts).addRoutes(to: router) }
        if let genAI { SkeinUsageAPI(api: api, current: genAI).addRoutes(to: router) }
        return router
    }

    /// Reads one trace; nil when there is none.
    func trace(_ id: TraceID, context: QueryContext) throws(StorageError) -> SpanBatch? {
        guard id.isValid else { return nil }
        return try store.trace(id, tenant: .default, context: context)
    }

    /// Runs a query on the executor.
    ///
    /// - Parameter rowsMax: spans that each call of the store may hand out; more are 413.
    func run<Result: Sendable>(
        _ context: QueryRequestContext, rowsMax: Int = .max,
        _ body: @escaping @Sendable (QueryContext) throws -> Result
    ) async throws -> Result {
        try await executor.run(for: context, rowsMax: rowsMax, body)
    }
}

extension Request {
    var parameters: QueryParameters { QueryParameters(uri.query) }

    /// A JSON answer, compressed where the client allows.
    func json(_ bytes: [UInt8]) -> Response {
        .bytes(bytes, contentType: "application/json", acceptEncoding: headers[.acceptEncoding])
    }
}
