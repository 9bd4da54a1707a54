import Foundation
import SkeinAgents
import Tracing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Sends JSON to another service, each request in a client span whose context goes along in the headers.
struct JSONClient: Sendable {
    /// Bounds a request, its answer included; past it the request fails.
    private static let timeoutSeconds = 30.0

    let address: HTTPAddress
    private let session: URLSession

    init(_ address: HTTPAddress) {
        self.address = address
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForRequest = Self.timeoutSeconds
        configuration.httpMaximumConnectionsPerHost = 32
        session = URLSession(configuration: configuration)
    }

    /// Posts `body` and returns the decoded answer.
    ///
    /// - Throws: ``HTTPFailure`` for an answer other than 200 and for none at all, recorded on the span.
    func post<Answer: Decodable>(
        _ path: String, _ body: some Encodable & Sendable, headers: [String: String] = [:], resendCount: Int = 0
    ) async throws -> Answer {
        try await withSpan("POST \(path)", ofKind: .client) { span in
            var request = URLRequest(url: address.url.appending(path: path))
            request.httpMethod = "POST"
            request.httpBody = try JSONEncoder().encode(body)
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
            for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
            InstrumentationSystem.instrument.inject(span.context, into: &request, using: HeaderInjector())
            describe(request, resendCount, on: span)
            do {
                return try JSONDecoder().decode(Answer.self, from: await send(request, span))
            } catch {
                let failure = error as? HTTPFailure ?? HTTPFailure(status: nil, reason: "\(error)")
                span.attributes[ErrorAttributes.errorType.name] = failure.errorType
                span.setStatus(SpanStatus(code: .error, message: failure.description))
                throw failure
            }
        }
    }

    private func send(_ request: URLRequest, _ span: any Span) async throws -> Data {
        let (data, response) = try await perform(request)
        span.attributes[HTTPAttributes.httpResponseStatusCode.name] = response.statusCode
        guard response.statusCode == 200 else {
            let seconds = response.value(forHTTPHeaderField: "Retry-After").flatMap { Int($0) }
            throw HTTPFailure(
                status: response.statusCode, reason: "status \(response.statusCode) of \(address)",
                retryAfter: seconds.map { .seconds($0) })
        }
        return data
    }

    /// Does what `session.data(for:)` does, except that cancellation waits for the answer: on Linux, passing it on can
    /// deadlock (swift-corelibs-foundation 5412).
    private func perform(_ request: URLRequest) async throws -> (Data, HTTPURLResponse) {
        try await withCheckedThrowingContinuation { continuation in
            let task = session.dataTask(with: request) { data, response, error in
                if let data, let response = response as? HTTPURLResponse, error == nil {
                    continuation.resume(returning: (data, response))
                } else {
                    let reason = error?.localizedDescription ?? "the answer is not HTTP"
                    continuation.resume(throwing: HTTPFailure(status: nil, reason: reason))
                }
            }
            task.resume()
        }
    }

    private func describe(_ request: URLRequest, _ resendCount: Int, on span: any Span) {
        span.updateAttributes { attributes in
            attributes[HTTPAttributes.httpRequestMethod.name] = "POST"
            attributes[HTTPAttributes.urlFull.name] = request.url?.absoluteString
            attributes[HTTPAttributes.serverAddress.name] = address.url.host()
            attributes[HTTPAttributes.serverPort.name] = address.url.port
            if resendCount > 0 { attributes[HTTPAttributes.httpRequestResendCount.name] = resendCount }
        }
    }
}

/// Writes trace context and baggage into the headers of a request.
struct HeaderInjector: Injector {
    func inject(_ value: String, forKey key: String, into request: inout URLRequest) {
        request.setValue(value, forHTTPHeaderField: key)
    }
}
