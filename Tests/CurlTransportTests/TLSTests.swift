import CurlTransport
import TestSink
import Testing

@Suite struct TLSTests {
    private func send(
        to server: HelperProcess, _ tls: TransportConfiguration.TLS, host: String = "127.0.0.1"
    ) async throws -> HTTPResponseMessage {
        var configuration = TransportConfiguration()
        configuration.tls = tls
        configuration.proxy = ""
        let transport = try CurlTransport(configuration)
        defer { transport.shutdown() }
        return try await transport.send(
            HTTPRequestMessage(url: "https://\(host):\(server.port)/", body: Array("hello".utf8)))
    }

    @Test func serverOfATrustedAuthorityIsReached() async throws {
        let files = try await TestCertificates()
        let server = try await HelperProcess.tlsServer(certificateFile: files.server, keyFile: files.serverKey)
        let response = try await send(to: server, .init(caFile: files.authority))
        #expect(response.status == 200 && response.body == Array("hello".utf8))
        #expect(response.header("X-Client") == "")
    }

    @Test func serverOfAnotherAuthorityIsRefusedWithAReason() async throws {
        let files = try await TestCertificates()
        let server = try await HelperProcess.tlsServer(certificateFile: files.server, keyFile: files.serverKey)
        let error = await #expect(throws: TransportError.self) {
            try await send(to: server, .init(caFile: files.otherAuthority))
        }
        guard case .tls(let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.lowercased().contains("certificate"))
        #expect(try await send(to: server, .init(isInsecure: true)).status == 200)
    }

    @Test func clientShowsItsCertificate() async throws {
        let files = try await TestCertificates()
        let server = try await HelperProcess.tlsServer(
            certificateFile: files.server, keyFile: files.serverKey, clientAuthorityFile: files.authority)
        let response = try await send(
            to: server,
            .init(
                caFile: files.authority, clientCertificateFile: files.client, clientKeyFile: files.clientKey))
        #expect(response.status == 200 && response.header("X-Client") == "agent-7")
    }

    @Test func clientWithoutTheCertificateThatIsAskedForIsTurnedAway() async throws {
        let files = try await TestCertificates()
        let server = try await HelperProcess.tlsServer(
            certificateFile: files.server, keyFile: files.serverKey, clientAuthorityFile: files.authority)
        let error = await #expect(throws: TransportError.self) {
            try await send(to: server, .init(caFile: files.authority))
        }
        #expect("\(String(describing: error))".lowercased().contains("certificate required"))
    }

    @Test func clientKeyThatIsMissingIsATLSFailure() async throws {
        let files = try await TestCertificates()
        let server = try await HelperProcess.tlsServer(certificateFile: files.server, keyFile: files.serverKey)
        let error = await #expect(throws: TransportError.self) {
            try await send(
                to: server,
                .init(
                    caFile: files.authority, clientCertificateFile: files.client, clientKeyFile: "/nonexistent.key"))
        }
        guard case .tls(let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("/nonexistent.key"))
    }

    @Test func connectionIsKeptBetweenRequests() async throws {
        let files = try await TestCertificates()
        let server = try await HelperProcess.tlsServer(certificateFile: files.server, keyFile: files.serverKey)
        var configuration = TransportConfiguration()
        configuration.tls.caFile = files.authority
        configuration.proxy = ""
        let transport = try CurlTransport(configuration)
        defer { transport.shutdown() }
        var connections: [String?] = []
        for _ in 0..<3 {
            let request = HTTPRequestMessage(url: "https://127.0.0.1:\(server.port)/", body: [1])
            connections.append(try await transport.send(request).header("X-Connection"))
        }
        #expect(connections == ["0", "0", "0"])
    }
}
