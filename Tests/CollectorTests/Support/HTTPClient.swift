import CurlTransport
import OTLP

/// Asks listeners of the collector over HTTP.
struct HTTPClient {
    let base: String
    private let transport: CurlTransport

    init(port: Int) throws {
        base = "http://127.0.0.1:\(port)"
        var configuration = TransportConfiguration()
        configuration.proxy = ""
        transport = try CurlTransport(configuration)
    }

    func send(
        _ method: String, _ path: String, _ body: [UInt8] = [], headers: [String: String] = [:]
    ) async throws -> HTTPResponseMessage {
        let fields = headers.sorted { $0.key < $1.key }.map { HTTPHeader($0.key, $0.value) }
        return try await transport.send(
            HTTPRequestMessage(method: method, url: base + path, headers: fields, body: body))
    }

    func post(
        _ body: [UInt8], _ contentType: String = "application/x-protobuf", encoding: String? = nil,
        path: String = "/v1/traces"
    ) async throws -> HTTPResponseMessage {
        var headers = ["Content-Type": contentType]
        headers["Content-Encoding"] = encoding
        return try await send("POST", path, body, headers: headers)
    }

    func get(_ path: String) async throws -> HTTPResponseMessage { try await send("GET", path) }
}

extension HTTPResponseMessage {
    var text: String { String(decoding: body, as: UTF8.self) }
}
