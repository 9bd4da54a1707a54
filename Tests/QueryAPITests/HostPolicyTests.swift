import HTTPServing
import QueryAPI
import Testing
import TraceStorage

@Suite struct HostPolicyTests {
    @Test(
        arguments: [
            ("localhost", nil, 200), ("LOCALHOST:16686", nil, 200), ("127.0.0.1:16686", nil, 200),
            ("[::1]:16686", nil, 200),
            ("127.0.0.1", "http://localhost:3000", 200), ("localhost", "https://[::1]", 200),
            ("evil.example", nil, 403), ("localhost.evil.example", nil, 403), ("localhost:evil", nil, 403),
            ("[::1", nil, 403), ("localhost@evil.example", nil, 403), ("", nil, 403),
            ("localhost", "http://evil.example", 403), ("localhost", "null", 403),
            ("localhost", "file://localhost", 403),
            ("localhost", "http://localhost@evil.example", 403),
        ] as [(String, String?, Int)])
    func loopbackTakesItsOwnNames(_ host: String, _ origin: String?, _ status: Int) async throws {
        try await QueryServer.serving(InMemoryStore()) { server in
            let headers = [("Host", host)] + (origin.map { [("Origin", $0)] } ?? [])
            for path in ["/api/services", "/api/v3/services", "/api/skein/v1/red", "/nowhere"] {
                let answer = try await server.get(path, headers: headers)
                #expect(answer.status == (status == 200 && path == "/nowhere" ? 404 : status))
                if status == 403 { #expect(answer.text.hasPrefix(#"{"error":{"code":"foreign_host","#)) }
            }
        }
    }

    private static func configuration(_ host: String, allowed: [String] = []) -> QueryConfiguration {
        var configuration = QueryConfiguration()
        configuration.endpoint = ListenerAddress(name: "query", host: host, port: 16686)
        configuration.allowedHosts = allowed
        return configuration
    }

    @Test func theBoundAndTheAllowedHostsAreTaken() async throws {
        #expect(
            HostPolicy(Self.configuration("10.0.0.5", allowed: ["Traces.example"])).hosts
                == ["localhost", "127.0.0.1", "::1", "10.0.0.5", "traces.example"])
        #expect(HostPolicy(Self.configuration("0.0.0.0", allowed: ["a"])).hosts?.contains("a") == true)
    }

    @Test(
        arguments: [("skein:16686", nil, 200), ("skein", "http://skein", 200), ("skein", "http://other", 403)]
            as [(String, String?, Int)])
    func aListenerOnAllAddressesTakesAnyHostButNoForeignOrigin(
        _ host: String, _ origin: String?, _ status: Int
    ) async throws {
        try await QueryServer.serving(InMemoryStore(), configuration: Self.configuration("0.0.0.0")) { server in
            let headers = [("Host", host)] + (origin.map { [("Origin", $0)] } ?? [])
            let answer = try await server.get("/api/services", headers: headers)
            #expect(answer.status == status)
        }
    }

    @Test(arguments: [
        ("127.0.0.1", false), ("127.8.8.8", false), ("::1", false), ("localhost", false), ("0.0.0.0", true),
    ])
    func listeningOffLoopbackMustBeMeant(_ host: String, _ isRefused: Bool) {
        var configuration = Self.configuration(host)
        #expect((configuration.refusal != nil) == isRefused)
        configuration.allowsUnauthenticated = true
        #expect(configuration.refusal == nil)
    }
}
