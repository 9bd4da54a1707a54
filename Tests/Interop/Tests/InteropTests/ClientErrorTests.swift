import AsyncHTTPClient
import NIOCore
import SkeinAgents
import Testing

/// Errors of the real client, whose types SkeinAgents does not know.
@Suite struct ClientErrorTests {
    private func error(of url: String, timeout: TimeAmount = .seconds(10)) async throws -> any Error {
        let error = await #expect(throws: (any Error).self) {
            try await HTTPClient.shared.execute(HTTPClientRequest(url: url), timeout: timeout)
        }
        return try #require(error)
    }

    /// Nothing listens on port 1.
    @Test func aRefusedConnectionIsAFailureOfTheNetwork() async throws {
        let error = try await error(of: "http://127.0.0.1:1/", timeout: .milliseconds(500))
        #expect(ErrorClass(error) == .network, "\(error._domain): \(error)")
    }

    @Test(arguments: ["ftp://127.0.0.1/", "nonsense", "http:///path"])
    func whatIsNoURLOfHTTPIsInvalid(_ url: String) async throws {
        let error = try await error(of: url)
        #expect(ErrorClass(error) == .invalid, "\(error._domain): \(error)")
    }

    @Test(arguments: [
        (HTTPClientError.connectTimeout, ErrorClass.network), (.readTimeout, .network),
        (.remoteConnectionClosed, .network), (.deadlineExceeded, .network), (.cancelled, .cancelled),
        (.alreadyShutdown, .unknown),
    ])
    func errorsOfTheClientHaveClasses(_ error: HTTPClientError, _ expected: ErrorClass) {
        #expect(ErrorClass(error) == expected)
    }

    @Test(arguments: [
        (ChannelError.connectTimeout(.seconds(1)), ErrorClass.network), (.ioOnClosedChannel, .network),
        (.eof, .network),
        (.writeMessageTooLarge, .unknown),
    ])
    func errorsOfChannelsHaveClasses(_ error: ChannelError, _ expected: ErrorClass) {
        #expect(ErrorClass(error) == expected)
        #expect(ErrorClass(IOError(errnoCode: 104, reason: "read")) == .network)
    }
}
