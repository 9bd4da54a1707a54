import AsyncHTTPClient
import Hummingbird
import SkeinTesting
import Synchronization
import Testing
import Tracing

extension InteropTests {
    @Suite struct ServiceGroupTests {
        /// A collector that keeps the spans it receives.
        private final class Collector: Sendable {
            private let received = Mutex<[RecordedSpan]>([])

            var spans: [RecordedSpan] { received.withLock { $0 } }

            var router: Router<BasicRequestContext> {
                let router = Router()
                router.post("v1/traces") { request, _ in
                    let body = try await request.body.collect(upTo: 16 << 20)
                    let spans = RecordedSpan.spans(inRequest: Array(body.readableBytesView))
                    self.received.withLock { $0 += spans }
                    return HTTPResponse.Status.ok
                }
                return router
            }
        }

        /// More than one batch, and not a multiple of it.
        private static let requests = 700
        private static let heldRequests = 20

        @Test func gracefulShutdownOfAServiceLosesNoSpan() async throws {
            let collector = Collector()
            let callers = try await InteropTests.spans {
                try await withServer(collector.router) { url in
                    let service = try await InteropServiceProcess(collector: url)
                    try await HTTPClient.withHTTPClient(configuration: Self.manyConnections) { client in
                        try await use(service, client)
                    }
                    #expect(await service.exitCode() == 0)
                }
            }
            let spans = collector.spans
            let servers = spans.filter { $0.kind == .server }
            let clients = callers.filter { $0.kind == .client }
            #expect(clients.count == Self.requests + Self.heldRequests)
            #expect(servers.count == clients.count)
            #expect(Set(servers.map(\.parentSpanID)) == Set(clients.map(\.spanID)))
            let serverIDs = Set(servers.map(\.spanID))
            for (name, count) in [("work", Self.requests), ("last words", Self.heldRequests)] {
                let inner = spans.filter { $0.name == name }
                #expect(inner.count == count)
                #expect(Set(inner.map(\.parentSpanID)).intersection(serverIDs).count == count)
            }
            #expect(spans.count == 2 * clients.count)
            #expect(spans.allSatisfy { $0.resource["service.name"] == .string("interop-service") })
        }

        private static var manyConnections: HTTPClient.Configuration {
            var configuration = HTTPClient.Configuration()
            configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = heldRequests
            return configuration
        }

        /// Sends requests, and asks the service to end while others are being answered.
        private func use(_ service: InteropServiceProcess, _ client: HTTPClient) async throws {
            try await withThrowingTaskGroup { tasks in
                for _ in 0..<Self.requests {
                    tasks.addTask {
                        let status = try await client.status("\(service.url)/work")
                        #expect(status == .ok)
                    }
                }
                try await tasks.waitForAll()
            }
            let allHeld = Barrier(arrivals: Self.heldRequests)
            try await withThrowingTaskGroup { tasks in
                for _ in 0..<Self.heldRequests {
                    tasks.addTask {
                        let request = HTTPClientRequest(url: "\(service.url)/hold")
                        // Comes back with the head of the response.
                        let response = try await client.execute(request, timeout: .seconds(60))
                        allHeld.arrive()
                        let body = try await response.body.collect(upTo: 1 << 10)
                        #expect(String(buffer: body) == "held, finished")
                    }
                }
                await allHeld.wait()
                service.terminate()
                try await tasks.waitForAll()
            }
        }
    }
}
