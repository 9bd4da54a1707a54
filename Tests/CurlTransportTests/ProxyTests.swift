import CurlTransport
import TestSink
import Testing

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// Serialized: libcurl reads the proxies from the process's environment.
@Suite(.serialized) struct ProxyTests {
    private static let variables = [
        "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
    ]

    /// Runs `body` with these proxy variables and no others, then puts back what was there.
    private func withVariables<Result>(
        _ values: [String: String], _ body: () async throws -> Result
    ) async throws -> Result {
        let previous = Self.variables.map { name in (name, getenv(name).map { String(cString: $0) }) }
        for name in Self.variables { unsetenv(name) }
        for (name, value) in values { setenv(name, value, 1) }
        defer {
            for (name, value) in previous {
                if let value { setenv(name, value, 1) } else { unsetenv(name) }
            }
        }
        return try await body()
    }

    private func send(_ url: String, _ configure: (inout TransportConfiguration) -> Void = { _ in }) async throws
        -> HTTPResponseMessage
    {
        var configuration = TransportConfiguration()
        configure(&configuration)
        let transport = try CurlTransport(configuration)
        defer { transport.shutdown() }
        return try await transport.send(HTTPRequestMessage(url: url, body: [1, 2]))
    }

    @Test func proxyOfTheConfigurationGetsTheWholeURL() async throws {
        let proxy = try SinkServer()
        defer { proxy.stop() }
        _ = try await withVariables(["http_proxy": "http://127.0.0.1:1"]) {
            try await send("http://collector.invalid:4318/v1/traces") { $0.proxy = proxy.url }
        }
        #expect(proxy.requests.map(\.path) == ["http://collector.invalid:4318/v1/traces"])
        #expect(proxy.requests.first?.body == [1, 2])
    }

    @Test func proxyOfTheEnvironmentIsUsed() async throws {
        let proxy = try SinkServer()
        defer { proxy.stop() }
        _ = try await withVariables(["http_proxy": proxy.url]) { try await send("http://collector.invalid/x") }
        #expect(proxy.requests.map(\.path) == ["http://collector.invalid/x"])
    }

    @Test func hostsOfNoProxyAreReachedDirectly() async throws {
        let (proxy, sink) = (try SinkServer(), try SinkServer())
        defer {
            proxy.stop()
            sink.stop()
        }
        _ = try await withVariables(["http_proxy": proxy.url, "no_proxy": "example.com,127.0.0.1"]) {
            try await send("\(sink.url)/direct")
        }
        #expect(proxy.requests.isEmpty && sink.requests.map(\.path) == ["/direct"])
    }

    @Test func emptyProxyTurnsThoseOfTheEnvironmentOff() async throws {
        let (proxy, sink) = (try SinkServer(), try SinkServer())
        defer {
            proxy.stop()
            sink.stop()
        }
        _ = try await withVariables(["http_proxy": proxy.url, "all_proxy": proxy.url]) {
            try await send("\(sink.url)/direct") { $0.proxy = "" }
        }
        #expect(proxy.requests.isEmpty && sink.requests.count == 1)
    }

    @Test func secureRequestsTunnelThroughTheProxy() async throws {
        let files = try await TestCertificates()
        let server = try await HelperProcess.tlsServer(certificateFile: files.server, keyFile: files.serverKey)
        let proxy = try await HelperProcess.connectProxy()
        let proxyURL = "http://127.0.0.1:\(proxy.port)"
        let response = try await withVariables(["https_proxy": proxyURL]) {
            try await send("https://127.0.0.1:\(server.port)/") { $0.tls.caFile = files.authority }
        }
        #expect(response.status == 200 && response.body == [1, 2])
        let log = try await withVariables([:]) { try await send("\(proxyURL)/log") }
        #expect(String(decoding: log.body, as: UTF8.self) == "127.0.0.1:\(server.port)")
    }

    @Test func proxyThatRefusesTheTunnelIsAConnectionFailure() async throws {
        let proxy = try SinkServer { _, _ in .answer(403) }
        defer { proxy.stop() }
        let error = await #expect(throws: TransportError.self) {
            try await send("https://collector.invalid/") { $0.proxy = proxy.url }
        }
        #expect(proxy.requests.map(\.method) == ["CONNECT"])
        guard case .connectionFailed(let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("403"))
    }
}
