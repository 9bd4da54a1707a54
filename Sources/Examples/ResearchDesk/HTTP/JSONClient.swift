import Foundation
import SkeinAgents
import Tracing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Sends JSON to another service. The context of the span that a request is made in goes along in the headers.
struct JSONClient: Sendable {
    /// Bounds a request, its answer included; past it the request fails.
    private static let timeoutSeconds = 30.0

    private static let configuration: URLSessionConfiguration = {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForRequest = timeoutSeconds
        configuration.httpMaximumConnectionsPerHost = 32
        return configuration
    }()
    private static let session = URLSession(configuration: configuration)

    let address: HTTPAddress

    init(_ address: HTTPAddress) {
        self.address = address
    }

    /// Posts `body` in a client span and returns the decoded answer.
    ///
    /// - Throws: ``HTTPFailure`` for an answer other than 200 and for none at all, recorded on the span.
    func post<Answer: Decodable>(_ path: String, _ body: some Encodable & Sendable) async throws -> Answer {
        try await withSpan("POST \(path)", ofKind: .client) { span in
            do {
                let answer = try await send(path, JSONEncoder().encode(body), on: span)
                return try JSONDecoder().decode(Answer.self, from: answer)
            } catch {
                let failure = error as? HTTPFailure ?? HTTPFailure(status: nil, reason: "\(error)")
                span.attributes[ErrorAttributes.errorType.name] = failure.errorType
                span.setStatus(SpanStatus(code: .error, message: failure.description))
                throw failure
            }
        }
    }

    /// Posts JSON in a span that stands for the request already, and says there what became of it.
    ///
    /// - Throws: ``HTTPFailure`` for an answer other than 200 and for none at all.
    func send(_ path: String, _ json: Data, headers: [String: String] = [:], on span: any Span) async throws -> Data {
        let (data, response) = try await perform(request(path, json, headers, span))
        try check(response, span)
        return data
    }

    /// Like ``send(_:_:headers:on:)``, but returns when the answer begins: with its body as it comes.
    func stream(
        _ path: String, _ json: Data, headers: [String: String] = [:], on span: any Span
    ) async throws -> StreamedBody.Chunks {
        let body = StreamedBody()
        let response = try await body.start(request(path, json, headers, span), Self.configuration)
        try check(response, span)
        return body.chunks
    }

    private func request(_ path: String, _ json: Data, _ headers: [String: String], _ span: any Span) -> URLRequest {
        var request = URLRequest(url: address.url.appending(path: path))
        request.httpMethod = "POST"
        request.httpBody = json
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        InstrumentationSystem.instrument.inject(span.context, into: &request, using: HeaderInjector())
        span.updateAttributes { attributes in
            attributes[HTTPAttributes.httpRequestMethod.name] = "POST"
            attributes[HTTPAttributes.urlFull.name] = request.url?.absoluteString
            attributes[HTTPAttributes.serverAddress.name] = address.url.host()
            attributes[HTTPAttributes.serverPort.name] = address.url.port
        }
        return request
    }

    /// Does what `session.data(for:)` does, except that cancellation waits for the answer: on Linux, passing it on can
    /// deadlock (swift-corelibs-foundation 5412).
    private func perform(_ request: URLRequest) async throws -> (Data, HTTPURLResponse) {
        try await withCheckedThrowingContinuation { continuation in
            let task = Self.session.dataTask(with: request) { data, response, error in
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

    private func check(_ response: HTTPURLResponse, _ span: any Span) throws {
        span.attributes[HTTPAttributes.httpResponseStatusCode.name] = response.statusCode
        guard response.statusCode != 200 else { return }
        throw HTTPFailure(
            status: response.statusCode, reason: "status \(response.statusCode) of \(address)",
            retryAfter: response.value(forHTTPHeaderField: "Retry-After").flatMap { Duration(retryAfter: $0) })
    }
}

/// Writes trace context and baggage into the headers of a request.
struct HeaderInjector: Injector {
    func inject(_ value: String, forKey key: String, into request: inout URLRequest) {
        request.setValue(value, forHTTPHeaderField: key)
    }
}
