import AgentTraffic
import Benchmarking
import CurlTransport
import Foundation
import HTTPServing

/// The process that sends: it makes and compresses its bodies first, and says `ready`; at a line on standard input it
/// sends them all, and says how many were acknowledged.
struct IngestClient: Sendable {
    private static let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    private static let timeout = Duration.seconds(30)

    private let encoding: ContentEncoding
    private let port: Int
    private let bodies: [[UInt8]]

    init(encoding: ContentEncoding, port: Int) {
        self.encoding = encoding
        self.port = port
        var traffic = AgentTraffic(seed: 1)
        bodies = (0..<IngestCase.bodiesCount).map { _ in
            let body = traffic.request(spans: IngestCase.spansPerBody)
            return encoding == .gzip ? gzipCompress(body) : body
        }
    }

    func run(_ transport: IngestCase.Transport) async throws {
        switch transport {
        case .http: try await overHTTP()
        case .grpc: try await overGRPC()
        }
    }

    private func overHTTP() async throws {
        var configuration = TransportConfiguration()
        configuration.connectionsPerHostMax = IngestCase.connections
        configuration.proxy = ""
        let curl = try CurlTransport(configuration)
        defer { curl.shutdown() }
        var headers = [HTTPHeader("Content-Type", "application/x-protobuf")]
        if encoding != .identity { headers.append(HTTPHeader("Content-Encoding", encoding.rawValue)) }
        let url = "http://127.0.0.1:\(port)/v1/traces"
        try await sendAll { [headers] body, _ in
            try await curl.send(HTTPRequestMessage(url: url, headers: headers, body: body, timeout: Self.timeout))
                .status
                == 200
        }
    }

    private func overGRPC() async throws {
        var clients: [GRPCClient] = []
        for _ in 0..<IngestCase.connections {
            clients.append(try await GRPCClient.connect(host: "127.0.0.1", port: port))
        }
        try await sendAll { [clients] body, connection in
            if case .ok = await clients[connection].unary(Self.path, body, encoding: encoding, timeout: Self.timeout) {
                return true
            }
            return false
        }
        for client in clients { await client.close() }
    }

    private func sendAll(_ send: @escaping @Sendable ([UInt8], Int) async throws -> Bool) async throws {
        // The first request of a connection is not what is measured; an empty one is answered and stored nowhere.
        let empty = encoding == .identity ? [] : gzipCompress([])
        for connection in 0..<IngestCase.connections {
            guard try await send(empty, connection) else { throw BenchmarkError("the receiver does not answer") }
        }
        print("ready")
        fflush(nil)
        _ = readLine()
        let acknowledged = try await withThrowingTaskGroup(of: Int.self) { group in
            for connection in 0..<IngestCase.connections {
                group.addTask {
                    var count = 0
                    for index in stride(from: connection, to: bodies.count, by: IngestCase.connections)
                    where try await send(bodies[index], connection) { count += 1 }
                    return count
                }
            }
            return try await group.reduce(0, +)
        }
        print("\(acknowledged) acknowledged")
    }
}
