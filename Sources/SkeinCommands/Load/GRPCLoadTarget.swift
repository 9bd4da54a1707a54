import HTTPServing
import OTLP
import Synchronization

/// OTLP over gRPC on cleartext HTTP/2.
final class GRPCLoadTarget: LoadTarget {
    private static let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

    private let parts: EndpointParts
    private let port: Int
    private let clients: Mutex<[GRPCClient]>

    init(endpoint: String, connections: Int) async throws(CommandFailure) {
        guard let parts = EndpointParts(endpoint), parts.scheme == "http", parts.path.isEmpty || parts.path == "/"
        else {
            throw .usage("--endpoint '\(endpoint)' is not valid, expected a URL such as http://127.0.0.1:4317")
        }
        self.parts = parts
        port = parts.port ?? 4317
        var clients: [GRPCClient] = []
        for _ in 0..<connections {
            do throws(GRPCStatus) {
                clients.append(try await GRPCClient.connect(host: parts.host, port: port))
            } catch {
                throw .failed("\(error.message); is a collector running there?")
            }
        }
        self.clients = Mutex(clients)
    }

    func send(_ body: [UInt8], connection: Int) async -> LoadOutcome {
        let client: GRPCClient
        do throws(GRPCStatus) {
            client = try await usableClient(connection)
        } catch {
            return .unreachable
        }
        switch await client.unary(Self.path, body, timeout: loadRequestTimeout) {
        case .ok(let message): return LoadOutcome(response: message)
        case .failure(let status): return Self.outcome(status)
        }
    }

    func close() async {
        for client in clients.withLock({ $0 }) { await client.close() }
    }

    /// The connection's client, or a new one where it was lost.
    private func usableClient(_ connection: Int) async throws(GRPCStatus) -> GRPCClient {
        let client = clients.withLock { $0[connection] }
        if await client.isUsable { return client }
        let fresh = try await GRPCClient.connect(host: parts.host, port: port)
        clients.withLock { $0[connection] = fresh }
        await client.close()
        return fresh
    }

    /// What the OTLP specification has clients do with a status.
    private static func outcome(_ status: GRPCStatus) -> LoadOutcome {
        let reason = "\(status.code)"
        let delay = status.details.flatMap { try? RPCStatus(decoding: $0) }?.retryDelay
        switch status.code {
        case .cancelled, .deadlineExceeded, .aborted, .outOfRange, .unavailable, .dataLoss:
            return .retry(after: delay, reason: reason)
        case .resourceExhausted:
            return delay.map { .retry(after: $0, reason: reason) } ?? .refused(reason: reason)
        default: return .refused(reason: reason)
        }
    }
}
