import CurlTransport

/// OTLP over HTTP, in protobuf.
struct HTTPLoadTarget: LoadTarget {
    private static let headers = [HTTPHeader("Content-Type", "application/x-protobuf")]

    private let url: String
    private let transport: CurlTransport

    /// - Parameter endpoint: a base URL, to which `/v1/traces` is added unless it has a path.
    init(endpoint: String, connections: Int) throws(CommandFailure) {
        guard let parts = EndpointParts(endpoint) else {
            throw .usage("--endpoint '\(endpoint)' is not valid, expected a URL such as http://127.0.0.1:4318")
        }
        url = parts.path.isEmpty || parts.path == "/" ? "\(parts.origin)/v1/traces" : endpoint
        var configuration = TransportConfiguration()
        configuration.totalTimeout = loadRequestTimeout
        configuration.connectionsPerHostMax = connections
        // A proxy of the environment has no business between a tool and the collector on the same machine.
        if parts.isLoopback { configuration.proxy = "" }
        do throws(TransportError) {
            transport = try CurlTransport(configuration)
        } catch {
            throw .failed("\(error)")
        }
    }

    func send(_ body: [UInt8], connection: Int) async -> LoadOutcome {
        let response: HTTPResponseMessage
        do throws(TransportError) {
            response = try await transport.send(HTTPRequestMessage(url: url, headers: Self.headers, body: body))
        } catch {
            return switch error {
            case .timedOut: .retry(after: nil, reason: "timed out")
            case .connectionFailed: .unreachable
            default: .refused(reason: "\(error)")
            }
        }
        switch response.status {
        case 200: return LoadOutcome(response: response.body)
        case 429, 502, 503, 504:
            let wait = response.header("Retry-After").flatMap { Int($0) }.map { Duration.seconds(max(0, $0)) }
            return .retry(after: wait, reason: "status \(response.status)")
        default: return .refused(reason: "status \(response.status)")
        }
    }

    func close() async {
        transport.shutdown()
    }
}

/// The parts of `scheme://host:port/path`.
struct EndpointParts {
    /// `http` or `https`.
    let scheme: String
    /// Without brackets.
    let host: String
    let port: Int?
    let path: String

    /// Nil when the text is no such URL.
    init?(_ text: String) {
        guard let separator = text.range(of: "://") else { return nil }
        scheme = text[..<separator.lowerBound].lowercased()
        guard scheme == "http" || scheme == "https" else { return nil }
        let rest = text[separator.upperBound...]
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        path = String(rest[slash...])
        var authority = rest[..<slash]
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            host = String(authority[authority.index(after: authority.startIndex)..<end])
            authority = authority[authority.index(after: end)...]
        } else {
            let colon = authority.firstIndex(of: ":") ?? authority.endIndex
            host = String(authority[..<colon])
            authority = authority[colon...]
        }
        guard !host.isEmpty else { return nil }
        if authority.isEmpty {
            port = nil
        } else {
            guard authority.first == ":", let number = Int(authority.dropFirst()), (1...65_535).contains(number) else {
                return nil
            }
            port = number
        }
    }

    var origin: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return "\(scheme)://\(name)\(port.map { ":\($0)" } ?? "")"
    }

    var isLoopback: Bool { ["127.0.0.1", "localhost", "::1"].contains(host) }
}
