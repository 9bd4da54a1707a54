import Foundation
import SkeinAgents
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Errors of HTTP clients, which do not classify themselves.
@Suite struct ConnectionErrorTests {
    @Test(arguments: [
        (URLError.Code.timedOut, ErrorClass.network), (.cannotConnectToHost, .network), (.cannotFindHost, .network),
        (.networkConnectionLost, .network), (.notConnectedToInternet, .network), (.dnsLookupFailed, .network),
        (.cancelled, .cancelled), (.badServerResponse, .unavailable), (.userAuthenticationRequired, .authentication),
        (.badURL, .invalid), (.unsupportedURL, .invalid), (.serverCertificateUntrusted, .invalid),
        (.fileDoesNotExist, .unknown),
    ])
    func errorsOfURLSessionHaveClasses(_ code: URLError.Code, _ expected: ErrorClass) {
        #expect(ErrorClass(URLError(code)) == expected)
        #expect(ErrorClass(NSError(domain: NSURLErrorDomain, code: code.rawValue)) == expected)
    }

    @Test(arguments: [
        (POSIXErrorCode.ECONNREFUSED, ErrorClass.network), (.ECONNRESET, .network), (.EPIPE, .network),
        (.ETIMEDOUT, .network), (.EHOSTUNREACH, .network), (.ECANCELED, .cancelled), (.ENOENT, .unknown),
    ])
    func errorsOfTheSystemHaveClasses(_ code: POSIXErrorCode, _ expected: ErrorClass) {
        #expect(ErrorClass(POSIXError(code)) == expected)
    }

    @Test func whatAConnectionRefusesIsRepeatedByDefault() async throws {
        var policy = RetryPolicy()
        policy.sleep = { _ in }
        let answer = try await withRetry(policy) { attempt in
            if attempt.number < 3 { throw URLError(.cannotConnectToHost) }
            return attempt.number
        }
        #expect(answer == 3)
    }

    @Test func anErrorOfTheServerIsNotRepeatedWhereTheClassSaysSo() async throws {
        var attempts = 0
        await #expect(throws: URLError.self) {
            try await withRetry { _ in
                attempts += 1
                throw URLError(.badURL)
            }
        }
        #expect(attempts == 1)
    }
}
