import Foundation
import Hummingbird
import Tracing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A request that the service is asked to make.
struct Callback: Sendable {
    /// Bounds a request, its answer included.
    private static let timeoutSeconds = 10.0
    /// A longer list is refused.
    private static let countMax = 100

    private static let session: URLSession = {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForRequest = timeoutSeconds
        return URLSession(configuration: configuration)
    }()

    private let url: URL
    private let body: Data

    /// Reads the body of `POST /test`.
    ///
    /// - Throws: an answer of 400 that says what was expected.
    static func list(_ json: Data) throws -> [Callback] {
        guard let items = try? JSONSerialization.jsonObject(with: json) as? [[String: Any]], items.count <= countMax
        else { throw HTTPError(.badRequest, message: "expected a JSON list of at most \(countMax) objects") }
        return try items.map { item in
            guard let text = item["url"] as? String, let url = URL(string: text), url.scheme == "http",
                let arguments = item["arguments"]
            else { throw HTTPError(.badRequest, message: "expected url, of the scheme http, and arguments") }
            let body = try JSONSerialization.data(withJSONObject: arguments, options: .fragmentsAllowed)
            return Callback(url: url, body: body)
        }
    }

    /// Makes the request in a client span, whose context goes along in the headers.
    ///
    /// - Throws: an answer of 502 when there is no answer. Any status will do.
    func post() async throws {
        try await withSpan("POST", ofKind: .client) { span in
            var request = URLRequest(url: url)
            request.httpMethod = "POST"
            request.httpBody = body
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
            InstrumentationSystem.instrument.inject(span.context, into: &request, using: HeaderInjector())
            try await send(request)
        }
    }

    private func send(_ request: URLRequest) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            let task = Self.session.dataTask(with: request) { _, response, error in
                if response != nil, error == nil {
                    continuation.resume()
                } else {
                    let reason = error?.localizedDescription ?? "no answer"
                    continuation.resume(throwing: HTTPError(.badGateway, message: "\(url): \(reason)"))
                }
            }
            task.resume()
        }
    }
}

/// Writes context into the headers of a request.
private struct HeaderInjector: Injector {
    func inject(_ value: String, forKey key: String, into request: inout URLRequest) {
        request.setValue(value, forHTTPHeaderField: key)
    }
}
