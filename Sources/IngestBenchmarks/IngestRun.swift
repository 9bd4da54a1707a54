import Benchmarking
import Collector
import HTTPServing
import Journal
import Logging

/// A receiver with the ingest and a journal behind it, in this process, and a client of it in a process of its own.
///
/// What this process spends between ``go()`` and its return is what receiving costs: sockets, HTTP, decompression,
/// index, notes, digest and the journal's write. Nobody reads the journal.
struct IngestRun {
    private let directory: TemporaryDirectory
    private let journal: Journal
    private let http: HTTPListener?
    private let grpc: GRPCServer?
    private let client: Child

    init(_ each: IngestCase) async throws {
        directory = try TemporaryDirectory()
        var configuration = JournalConfiguration(directory: directory.path)
        configuration.durability = .os
        journal = try Journal.open(configuration)
        try journal.start()
        let memory = MemoryLimiterConfiguration()
        let ingest = Ingest(journal: journal, memoryLimiter: MemoryLimiter(memory))
        let budget = BufferBudget(limitBytes: memory.requestBytesMax(largestRequest: 0))
        let address = ListenerAddress(name: each.transport.rawValue, host: "127.0.0.1", port: 0)
        let logger = Logger(label: "ingest") { _ in SwiftLogNoOpLogHandler() }
        let metrics = SelfMetrics()
        let port: Int
        switch each.transport {
        case .http:
            let receiver = OTLPHTTPReceiver(
                OTLPReceiverConfiguration.HTTP(endpoint: ListenEndpoint(host: "127.0.0.1", port: 0)), ingest: ingest,
                budget: budget, metrics: metrics)
            let listener = HTTPListener(
                address: address, responder: receiver.router().buildResponder(), logger: logger)
            port = try await listener.start().port
            (http, grpc) = (listener, nil)
        case .grpc:
            let receiver = OTLPGRPCReceiver(ingest: ingest, metrics: metrics)
            let server = GRPCServer(
                address: address, limits: each.limits, admission: receiver.admission(budget),
                methods: receiver.methods, logger: logger)
            port = try await server.start().port
            (http, grpc) = (nil, server)
        }
        client = try Child(["--client", each.transport.rawValue, each.encoding.rawValue, "\(port)"])
        guard client.line() == "ready" else { throw BenchmarkError("the client does not start") }
    }

    /// Lets the client send all its bodies and waits until each is acknowledged. Blocks.
    func go() throws {
        try client.send("go")
        let answer = client.line()
        guard answer == "\(IngestCase.bodiesCount) acknowledged" else {
            throw BenchmarkError("the client says: \(answer)")
        }
    }

    func finish() async {
        client.finish()
        await http?.shutdown(deadline: .now)
        await grpc?.shutdown(deadline: .now)
        await journal.shutdown()
        directory.remove()
    }
}
