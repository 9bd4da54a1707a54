import AsyncHTTPClient
import Hummingbird
import Skein
import SkeinTesting
import Testing
import Tracing

extension InteropTests {
    @Suite struct HTTPTests {
        /// The context of a caller, with trace state and baggage.
        private func callersContext(_ flags: TraceFlags) throws -> ServiceContext {
            var context = ServiceContext.topLevel
            context.spanContext = SpanContext(
                traceID: try #require(TraceID(hex: "4bf92f3577b34da6a3ce929d0e0e4736")),
                spanID: try #require(SpanID(hex: "00f067aa0ba902b7")), flags: flags,
                traceState: try #require(TraceState(header: "vendor=blue,other=1")), isRemote: true)
            var baggage = Baggage()
            baggage["tenant"] = "red, green"
            context.baggage = baggage
            return context
        }

        @Test func oneTraceRunsThroughClientAndServers() async throws {
            let context = try callersContext([.sampled, .random])
            let seen = SeenRequests()
            let spans = try await InteropTests.spans {
                try await HTTPClient.withHTTPClient { client in
                    try await withServer(seen.router(relayingWith: client)) { url in
                        try await withSpan("ask", context: context) { _ in
                            let status = try await client.status("\(url)/relay")
                            #expect(status == .ok)
                        }
                    }
                }
            }
            let tree = SpanTree(spans)
            #expect(tree.outline == "ask\n  GET\n    /relay\n      GET\n        /seen", "\(tree)")
            #expect(tree.spans.map(\.kind) == [.internal, .client, .server, .client, .server])
            #expect(Set(spans.map(\.traceID.hex)) == ["4bf92f3577b34da6a3ce929d0e0e4736"])
            #expect(Set(spans.map(\.traceState)) == ["vendor=blue,other=1"])
            // Bits 8 and 9: the parent is known to be remote; bit 8 alone: known not to be.
            #expect(tree.spans.map { $0.flags >> 8 } == [3, 1, 3, 1, 3])

            #expect(seen.all.count == 2)
            for (request, sender) in zip(seen.all, tree.spans.filter { $0.kind == .client }) {
                let ids = "\(sender.traceID.hex)-\(sender.spanID.hex)"
                #expect(request.header("traceparent") == "00-\(ids)-03")
                #expect(request.header("b3") == "\(ids)-1")
                #expect(request.header("tracestate") == "vendor=blue,other=1")
                #expect(request.header("baggage") == "tenant=red%2C%20green")
                #expect(request.baggage?["tenant"] == "red, green")
            }
        }

        @Test(arguments: [(Propagator.b3, "b3"), (.b3Multi, "x-b3-traceid")])
        func aClientThatSpeaksB3AloneIsUnderstood(_ propagator: Propagator, _ header: String) async throws {
            let seen = SeenRequests()
            let spans = try await InteropTests.spans {
                var configuration = HTTPClient.Configuration()
                configuration.tracing.tracer = InteropTests.exporter.tracer { $0.propagators = [propagator] }
                try await HTTPClient.withHTTPClient(configuration: configuration) { client in
                    try await withServer(seen.router(relayingWith: client)) { url in
                        try await withSpan("ask", context: .topLevel) { _ in
                            let status = try await client.status("\(url)/seen")
                            #expect(status == .ok)
                        }
                    }
                }
            }
            #expect(SpanTree(spans).outline == "ask\n  GET\n    /seen", "\(SpanTree(spans))")
            let request = try #require(seen.all.first)
            #expect(request.header("traceparent") == nil)
            #expect(request.header(header)?.hasPrefix(spans[0].traceID.hex) == true)
        }

        @Test func aCallerThatDoesNotSampleIsPassedOnAsItIs() async throws {
            let context = try callersContext(.random)
            let seen = SeenRequests()
            let spans = try await InteropTests.spans {
                try await HTTPClient.withHTTPClient { client in
                    try await withServer(seen.router(relayingWith: client)) { url in
                        try await withSpan("ask", context: context) { _ in
                            let status = try await client.status("\(url)/relay")
                            #expect(status == .ok)
                        }
                    }
                }
            }
            #expect(spans.isEmpty, "\(SpanTree(spans))")
            #expect(seen.all.count == 2)
            for request in seen.all {
                #expect(
                    request.header("traceparent") == "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02")
                #expect(request.header("tracestate") == "vendor=blue,other=1")
                #expect(request.baggage?["tenant"] == "red, green")
            }
        }

        @Test func whatTheFirstClientDoesNotSampleNobodySamples() async throws {
            let seen = SeenRequests()
            let spans = try await InteropTests.spans {
                var configuration = HTTPClient.Configuration()
                configuration.tracing.tracer = InteropTests.exporter.tracer { $0.sampler = AlwaysOffSampler() }
                try await HTTPClient.withHTTPClient { relay in
                    try await withServer(seen.router(relayingWith: relay)) { url in
                        try await HTTPClient.withHTTPClient(configuration: configuration) { client in
                            let status = try await client.status("\(url)/relay")
                            #expect(status == .ok)
                        }
                    }
                }
            }
            #expect(spans.isEmpty, "\(SpanTree(spans))")
            let parents = seen.all.compactMap { $0.header("traceparent") }
            #expect(parents.count == 2 && Set(parents).count == 1, "\(parents)")
            #expect(parents.first?.hasSuffix("-02") == true, "\(parents)")
        }

        @Test func aCancelledRequestEndsItsSpansOnce() async throws {
            let (arrived, released) = (Barrier(), Barrier())
            let router = Router()
            router.add(middleware: TracingMiddleware())
            router.get("wait") { _, _ in
                arrived.arrive()
                await released.wait()
                return HTTPResponse.Status.ok
            }
            let lateBefore = try InteropTests.tracing().statistics.writesAfterEnd
            let spans = try await InteropTests.spans {
                try await HTTPClient.withHTTPClient { client in
                    try await withServer(router) { url in
                        let request = Task { try await client.status("\(url)/wait") }
                        await arrived.wait()
                        request.cancel()
                        await #expect(throws: (any Error).self) { try await request.value }
                        released.arrive()
                    }
                }
            }
            #expect(SpanTree(spans).outline == "GET\n  /wait", "\(SpanTree(spans))")
            let client = try #require(spans.first { $0.kind == .client })
            #expect(client.status == .error(""), "\(client)")
            #expect(client.events.map(\.name) == ["exception"])
            #expect(try InteropTests.tracing().statistics.writesAfterEnd == lateBefore)
        }

        @Test func aHandlerThatThrowsFailsBothSpans() async throws {
            struct OutOfPaper: Error {}
            let router = Router()
            router.add(middleware: TracingMiddleware())
            router.get("print") { _, _ -> HTTPResponse.Status in throw OutOfPaper() }
            let spans = try await InteropTests.spans {
                try await HTTPClient.withHTTPClient { client in
                    try await withServer(router) { url in
                        let status = try await client.status("\(url)/print")
                        #expect(status == .internalServerError)
                    }
                }
            }
            let tree = SpanTree(spans)
            #expect(tree.outline == "GET\n  /print", "\(tree)")
            #expect(tree.spans.map(\.status) == [.error(""), .error("")])
            let server = try #require(tree.spans.last)
            #expect(server.attributes["http.response.status_code"] == .int(500))
            #expect(server.events.map(\.name) == ["exception"])
            guard case .string(let type) = server.events.first?.attributes["exception.type"] else {
                Issue.record("no exception.type: \(server)")
                return
            }
            #expect(type.contains("OutOfPaper"))
        }

        @Test func theServersSpanLastsUntilTheBodyIsWritten() async throws {
            let router = Router()
            router.add(middleware: TracingMiddleware())
            router.get("stream") { _, _ in
                let context = ServiceContext.current ?? .topLevel
                return Response(
                    status: .ok,
                    body: ResponseBody { writer in
                        for _ in 1...3 {
                            try await withSpan("chunk", context: context) { _ in
                                try await writer.write(ByteBuffer(string: "chunk"))
                            }
                        }
                        try await writer.finish(nil)
                    })
            }
            let spans = try await InteropTests.spans {
                try await HTTPClient.withHTTPClient { client in
                    try await withServer(router) { url in
                        let status = try await client.status("\(url)/stream")
                        #expect(status == .ok)
                    }
                }
            }
            let tree = SpanTree(spans)
            #expect(tree.outline == "GET\n  /stream\n    chunk\n    chunk\n    chunk", "\(tree)")
            let server = try #require(spans.first { $0.kind == .server })
            for chunk in spans where chunk.name == "chunk" {
                #expect(chunk.endNanoseconds <= server.endNanoseconds)
            }
        }

        @Test func requestsAtTheSameTimeKeepTheirContexts() async throws {
            let requests = 50
            let allArrived = Barrier(arrivals: requests)
            let router = Router()
            router.add(middleware: TracingMiddleware())
            router.get("jobs/{number}") { _, context in
                let number = context.parameters.get("number") ?? ""
                // Every request is in its handler before any goes on.
                allArrived.arrive()
                await allArrived.wait()
                withSpan("work") { span in
                    span.attributes["number"] = number
                    span.attributes["baggage"] = ServiceContext.current?.baggage?["number"]
                }
                return HTTPResponse.Status.ok
            }
            let spans = try await InteropTests.spans {
                var configuration = HTTPClient.Configuration()
                configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = requests
                try await HTTPClient.withHTTPClient(configuration: configuration) { client in
                    try await withServer(router) { url in
                        try await withThrowingTaskGroup { tasks in
                            for number in 0..<requests {
                                tasks.addTask { try await ask(number, client, url) }
                            }
                            try await tasks.waitForAll()
                        }
                    }
                }
            }
            let tree = SpanTree(spans)
            #expect(tree.roots.count == requests)
            #expect(Set(spans.map(\.traceID)).count == requests)
            var numbers: Set<String> = []
            for root in tree.roots {
                guard case .string(let number) = root.span.attributes["number"] else {
                    Issue.record("a root without number: \(root.span)")
                    continue
                }
                numbers.insert(number)
                let work = SpanExpectation(
                    name: "work", attributes: ["number": .string(number), "baggage": .string(number)], children: [])
                let server = SpanExpectation(
                    name: "/jobs/{number}", attributes: ["url.path": .string("/jobs/\(number)")], children: [work])
                let client = SpanExpectation(name: "GET", children: [server])
                let tree = SpanTree(roots: [root])
                #expect(tree.mismatches([SpanExpectation(name: "ask", children: [client])]) == [])
            }
            #expect(numbers.count == requests)
        }

        private func ask(_ number: Int, _ client: HTTPClient, _ url: String) async throws {
            var context = ServiceContext.topLevel
            var baggage = Baggage()
            baggage["number"] = "\(number)"
            context.baggage = baggage
            try await withSpan("ask", context: context) { span in
                span.attributes["number"] = "\(number)"
                let status = try await client.status("\(url)/jobs/\(number)")
                #expect(status == .ok)
            }
        }
    }
}
