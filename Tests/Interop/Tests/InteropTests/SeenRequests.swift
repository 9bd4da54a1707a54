import AsyncHTTPClient
import Hummingbird
import Skein
import Synchronization
import Tracing

/// What servers were sent, in the order in which the requests came.
final class SeenRequests: Sendable {
    struct Seen: Sendable {
        let headers: HTTPFields
        let baggage: Baggage?

        /// The value of a header, by its name in lower case; nil where there is none.
        func header(_ name: String) -> String? { headers.first { $0.name.canonicalName == name }?.value }
    }

    private let list = Mutex<[Seen]>([])

    var all: [Seen] { list.withLock { $0 } }

    /// A traced server: `/seen` notes its request, `/relay` does too and then asks `/seen` of the same server.
    func router(relayingWith client: HTTPClient) -> Router<BasicRequestContext> {
        let router = Router()
        router.add(middleware: TracingMiddleware())
        router.get("seen") { request, _ in
            self.note(request)
            return HTTPResponse.Status.ok
        }
        router.get("relay") { request, _ in
            self.note(request)
            return try await client.status("http://\(request.head.authority ?? "")/seen")
        }
        return router
    }

    private func note(_ request: Request) {
        let seen = Seen(headers: request.headers, baggage: ServiceContext.current?.baggage)
        list.withLock { $0.append(seen) }
    }
}

extension HTTPClient {
    /// Gets `url`, reads the answer to its end and returns its status.
    func status(_ url: String) async throws -> HTTPResponse.Status {
        let response = try await execute(HTTPClientRequest(url: url), timeout: .seconds(60))
        for try await _ in response.body {}
        return HTTPResponse.Status(code: Int(response.status.code))
    }
}

/// The baggage that requests came with.
final class SeenBaggage: Sendable {
    private let list = Mutex<[String]>([])

    var tenants: [String] { list.withLock { $0 } }

    func note(_ baggage: Baggage?) { list.withLock { $0.append(baggage?["tenant"] ?? "none") } }
}
