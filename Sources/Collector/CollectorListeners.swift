import HTTPServing
import Hummingbird
import Logging
import Synchronization

/// The collector's listeners: those that take spans stop first, those that tell how it is go on until the end.
final class CollectorListeners: Sendable {
    private let configuration: CollectorConfiguration
    private let logger: Logger
    private let announce: @Sendable (String) -> Void
    private let budget: BufferBudget
    private let receivingHTTP: HTTPListener?
    private let receivingGRPC: GRPCServer?
    private let serving = Mutex<[HTTPListener]>([])

    init(
        _ configuration: CollectorConfiguration, ingest: Ingest, metrics: SelfMetrics, logger: Logger,
        announce: @escaping @Sendable (String) -> Void
    ) {
        self.configuration = configuration
        self.logger = logger
        self.announce = announce
        let receiver = configuration.receiver
        let budget = BufferBudget(limitBytes: Self.requestBytesMax(configuration.memoryLimiter, receiver))
        self.budget = budget
        receivingHTTP = receiver.http.map { http in
            HTTPListener(
                address: http.endpoint.listener("otlp_http"),
                responder: OTLPHTTPReceiver(http, ingest: ingest, budget: budget, metrics: metrics).router()
                    .buildResponder(),
                logger: logger, onListening: { announce($0.announcement) })
        }
        receivingGRPC = receiver.grpc.map { grpc in
            var limits = GRPCLimits()
            limits.maxMessageBytes = grpc.messageBytesMax
            let receiver = OTLPGRPCReceiver(ingest: ingest, metrics: metrics)
            return GRPCServer(
                address: grpc.endpoint.listener("otlp_grpc"), limits: limits, admission: receiver.admission(budget),
                methods: receiver.methods, logger: logger,
                onRefusal: receiver.countRefusal, onListening: { announce($0.announcement) })
        }
    }

    /// Bytes that requests under way may hold.
    private static func requestBytesMax(
        _ memory: MemoryLimiterConfiguration, _ receiver: OTLPReceiverConfiguration
    ) -> Int {
        memory.requestBytesMax(
            largestRequest: max(receiver.http?.bodyBytesMax ?? 0, receiver.grpc?.messageBytesMax ?? 0))
    }

    /// Has requests under way hold what other limits on memory allow.
    func use(_ memory: MemoryLimiterConfiguration) {
        budget.use(limitBytes: Self.requestBytesMax(memory, configuration.receiver))
    }

    /// Adds the listeners that tell about the collector.
    func add(
        health: Router<BasicRequestContext>, selfMetrics: Router<BasicRequestContext>,
        spanMetrics: Router<BasicRequestContext>
    ) throws {
        let routers = [
            (health, configuration.telemetry.healthEndpoint.listener("health")),
            (selfMetrics, configuration.telemetry.metricsEndpoint.listener("metrics")),
            (spanMetrics, configuration.prometheusEndpoint.listener("prometheus")),
        ]
        let listeners = routers.map { router, address in
            HTTPListener(
                address: address, responder: router.buildResponder(), logger: logger,
                onListening: { [announce] in announce($0.announcement) })
        }
        serving.withLock { $0 += listeners }
    }

    /// Binds all ports, those that tell about the collector first; the first failure ends it.
    func start() async throws {
        for listener in serving.withLock({ $0 }) { _ = try await listener.start() }
        if let receivingGRPC { _ = try await receivingGRPC.start() }
        if let receivingHTTP { _ = try await receivingHTTP.start() }
    }

    func stopReceiving(deadline: ContinuousClock.Instant) async {
        async let grpc: Void? = receivingGRPC?.shutdown(deadline: deadline)
        async let http: Void? = receivingHTTP?.shutdown(deadline: deadline)
        _ = await (grpc, http)
    }

    func stopServing(deadline: ContinuousClock.Instant) async {
        for listener in serving.withLock({ $0 }) { await listener.shutdown(deadline: deadline) }
    }
}

extension ListenEndpoint {
    func listener(_ name: String) -> ListenerAddress { ListenerAddress(name: name, host: host, port: port) }
}
