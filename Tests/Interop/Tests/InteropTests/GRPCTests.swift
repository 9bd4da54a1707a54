import AsyncHTTPClient
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Hummingbird
import Skein
import SkeinTesting
import Testing
import Tracing

extension InteropTests {
    @Suite struct GRPCTests {
        private typealias Client = GRPCClient<HTTP2ClientTransport.Posix>

        /// Runs `body` with a client of `greeter`, both traced, below a span of its own. Returns when the server has
        /// ended.
        private func withClient(
            of greeter: Greeter, _ context: ServiceContext = .topLevel, _ body: (Client) async throws -> Void
        ) async throws {
            try await withGRPCServer(
                transport: .http2NIOPosix(address: .ipv4(host: "127.0.0.1", port: 0), transportSecurity: .plaintext),
                services: [greeter], interceptors: [ServerTracingInterceptor()]
            ) { server in
                let port = try #require(try await server.transport.listeningAddress.ipv4?.port)
                try await withGRPCClient(
                    transport: .http2NIOPosix(
                        target: .ipv4(address: "127.0.0.1", port: port), transportSecurity: .plaintext),
                    interceptors: [ClientTracingInterceptor()]
                ) { client in
                    try await withSpan("ask", context: context) { _ in try await body(client) }
                }
            }
        }

        /// What was recorded while `body` ran.
        private func tree(
            _ greeter: Greeter = Greeter(), _ context: ServiceContext = .topLevel,
            of body: (Client) async throws -> Void
        ) async throws -> SpanTree {
            SpanTree(try await InteropTests.spans { try await withClient(of: greeter, context, body) })
        }

        private func unary(_ client: Client, _ method: MethodDescriptor, _ message: String) async throws -> String {
            try await client.unary(
                request: ClientRequest(message: message), descriptor: method, serializer: TextCoding(),
                deserializer: TextCoding(), options: .defaults
            ) { try $0.message }
        }

        private func stream(
            _ client: Client, _ method: MethodDescriptor, _ message: String
        ) async throws -> [String] {
            try await client.serverStreaming(
                request: ClientRequest(message: message), descriptor: method, serializer: TextCoding(),
                deserializer: TextCoding(), options: .defaults
            ) { response in try await response.messages.reduce(into: []) { $0.append($1) } }
        }

        @Test func aUnaryCallIsOneTrace() async throws {
            var context = ServiceContext.topLevel
            context.spanContext = SpanContext(
                traceID: try #require(TraceID(hex: "4bf92f3577b34da6a3ce929d0e0e4736")),
                spanID: try #require(SpanID(hex: "00f067aa0ba902b7")), flags: .sampled,
                traceState: try #require(TraceState(header: "vendor=blue")))
            context.baggage = Baggage()
            context.baggage?["tenant"] = "red, green"
            let baggage = SeenBaggage()
            let greeter = Greeter(beforeGreeting: { baggage.note(ServiceContext.current?.baggage) })
            let tree = try await tree(greeter, context) { client in
                let greeting = try await unary(client, Greeter.greet, "Ada")
                #expect(greeting == "hello, Ada")
            }
            #expect(
                tree.outline == "ask\n  interop.Greeter/Greet\n    interop.Greeter/Greet\n      compose", "\(tree)")
            #expect(tree.spans.map(\.kind) == [.internal, .client, .server, .internal])
            #expect(tree.spans.map(\.status) == [.unset, .unset, .unset, .unset])
            #expect(Set(tree.spans.map(\.traceID.hex)) == ["4bf92f3577b34da6a3ce929d0e0e4736"])
            #expect(Set(tree.spans.map(\.traceState)) == ["vendor=blue"])
            #expect(baggage.tenants == ["red, green"])
            for span in tree.spans[1...2] { #expect(span.attributes["rpc.grpc.status_code"] == .int(0)) }
        }

        @Test func aServerStreamIsOneTrace() async throws {
            let tree = try await tree { client in
                let numbers = try await stream(client, Greeter.count, "3")
                #expect(numbers == ["1", "2", "3"])
            }
            let call = "interop.Greeter/Count"
            #expect(
                tree.outline == "ask\n  \(call)\n    \(call)\n      count\n      count\n      count", "\(tree)")
            // The client's span lasts until the last message has been read.
            let client = try #require(tree.spans.first { $0.kind == .client })
            for span in tree.spans where span.name == "count" {
                #expect(span.endNanoseconds <= client.endNanoseconds)
            }
        }

        @Test func aRefusedCallFailsBothSpans() async throws {
            let tree = try await tree { client in
                await #expect(throws: RPCError.self) { try await unary(client, Greeter.refuse, "") }
            }
            #expect(tree.outline == "ask\n  interop.Greeter/Refuse\n    interop.Greeter/Refuse", "\(tree)")
            for span in tree.spans[1...] {
                #expect(span.status == .error("no such greeting"))
                #expect(span.attributes["rpc.grpc.status_code"] == .int(5))
                #expect(span.events.map(\.name) == ["exception"])
            }
        }

        @Test func aStreamThatBreaksOffFailsBothSpans() async throws {
            let tree = try await tree { client in
                await #expect(throws: RPCError.self) { try await stream(client, Greeter.breakOff, "") }
            }
            #expect(tree.outline == "ask\n  interop.Greeter/BreakOff\n    interop.Greeter/BreakOff", "\(tree)")
            for span in tree.spans[1...] {
                #expect(span.status == .error("lost the rest"))
                #expect(span.attributes["rpc.grpc.status_code"] == .int(15))
            }
        }

        @Test func aStreamThatNobodyReadsEndsItsSpans() async throws {
            let lateBefore = try InteropTests.tracing().statistics.writesAfterEnd
            let tree = try await tree { client in
                try await client.serverStreaming(
                    request: ClientRequest(message: "3"), descriptor: Greeter.count, serializer: TextCoding(),
                    deserializer: TextCoding(), options: .defaults
                ) { _ in }
            }
            #expect(tree.spans.count { $0.kind == .client } == 1, "\(tree)")
            #expect(try InteropTests.tracing().statistics.writesAfterEnd == lateBefore)
        }

        @Test func callsAtTheSameTimeKeepTheirContexts() async throws {
            let calls = 50
            let allArrived = Barrier(arrivals: calls)
            let greeter = Greeter(beforeGreeting: {
                allArrived.arrive()
                await allArrived.wait()
            })
            let tree = try await tree(greeter) { client in
                try await withThrowingTaskGroup { tasks in
                    for number in 0..<calls {
                        tasks.addTask {
                            try await withSpan("ask \(number)", context: .topLevel) { _ in
                                let greeting = try await unary(client, Greeter.greet, "\(number)")
                                #expect(greeting == "hello, \(number)")
                            }
                        }
                    }
                    try await tasks.waitForAll()
                }
            }
            let call = "interop.Greeter/Greet"
            let outlines = tree.roots.map { SpanTree(roots: [$0]).outline }
            let expected = (0..<calls).map { "ask \($0)\n  \(call)\n    \(call)\n      compose" } + ["ask"]
            #expect(outlines.sorted() == expected.sorted())
        }

        @Test func oneTraceRunsThroughGRPCAndHTTP() async throws {
            let seen = SeenRequests()
            let spans = try await InteropTests.spans {
                try await HTTPClient.withHTTPClient { http in
                    try await withServer(seen.router(relayingWith: http)) { url in
                        let greeter = Greeter(beforeGreeting: { _ = try await http.status("\(url)/seen") })
                        try await withClient(of: greeter) { client in
                            let greeting = try await unary(client, Greeter.greet, "Ada")
                            #expect(greeting == "hello, Ada")
                        }
                    }
                }
            }
            let (tree, call) = (SpanTree(spans), "interop.Greeter/Greet")
            #expect(
                tree.outline == "ask\n  \(call)\n    \(call)\n      GET\n        /seen\n      compose", "\(tree)")
        }
    }
}
