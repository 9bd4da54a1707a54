import Collector
import HTTPServing
import Logging
import QueryAPI

/// The listener that people and Grafana ask, with the threads that run their queries.
struct QueryListener: Sendable {
    private let listener: HTTPListener
    private let executor: QueryExecutor

    init(_ configuration: QueryConfiguration, collector: Collector, logger: Logger) {
        executor = QueryExecutor(configuration: configuration)
        let router = QueryAPI.router(
            store: collector.reader, genAI: { collector.countedGenAI }, costs: { collector.costs },
            alerts: { collector.alertsReport }, configuration: configuration, executor: executor)
        listener = HTTPListener(
            address: configuration.endpoint, responder: router.buildResponder(), logger: logger,
            onListening: { Terminal.message($0.announcement) })
    }

    func start() async throws(ListenerError) {
        _ = try await listener.start()
    }

    func shutdown() async {
        await listener.shutdown(deadline: .now + .seconds(1))
        await executor.shutdown()
    }
}
