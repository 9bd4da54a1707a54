import HTTPServing
import Hummingbird
import Logging
import NIOCore
import Synchronization
import Testing

@Suite struct HTTPListenerTests {
    static let address = ListenerAddress(name: "otlp_http", host: "127.0.0.1", port: 0)

    static func router(limitBytes: Int = BodyLimits.maxBodyBytes) -> Router<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self)
        router.add(middleware: APIErrorMiddleware())
        router.get("/hello") { _, _ in "hello" }
        router.get("/fail") { _, _ -> String in throw CancellationError() }
        router.get("/page") { request, _ in
            Response.bytes(
                Codecs.sample(50_000), contentType: "text/plain", acceptEncoding: request.headers[.acceptEncoding])
        }
        router.get("/busy") { _, _ -> String in
            throw APIError.unavailable("the journal is \"full\"", hint: "free some space", retryAfterSeconds: 7)
        }
        router.post("/echo") { request, _ in
            let bytes = try await request.collectBytes(limitBytes: limitBytes)
            return Response.bytes(bytes, contentType: "application/octet-stream")
        }
        router.refuseOtherMethods("/echo", allowed: [.post])
        return router
    }

    static func listener(_ router: Router<BasicRequestContext> = router()) -> HTTPListener {
        HTTPListener(address: address, responder: router.buildResponder(), logger: Logger(label: "test"))
    }

    /// Runs `body` against a started listener and shuts it down.
    static func serving(
        _ router: Router<BasicRequestContext> = router(), _ body: (Int) async throws -> Void
    ) async throws {
        let listener = listener(router)
        let bound = try await listener.start()
        do {
            try await body(bound.port)
        } catch {
            await listener.shutdown(deadline: .now)
            throw error
        }
        await listener.shutdown(deadline: .now)
    }

    static func post(_ body: [UInt8], encoding: String? = nil) -> [UInt8] {
        var head = "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: \(body.count)\r\n"
        if let encoding { head += "Content-Encoding: \(encoding)\r\n" }
        return Array((head + "\r\n").utf8) + body
    }

    static func split(_ response: [UInt8]) throws -> (head: String, body: [UInt8]) {
        let end = try #require(
            response.indices.dropLast(3).first { response[$0..<$0 + 4].elementsEqual([13, 10, 13, 10]) })
        return (String(decoding: response[..<end], as: UTF8.self), Array(response[(end + 4)...]))
    }

    @Test func aStartedListenerTellsItsPort() async throws {
        let announced = Mutex<String?>(nil)
        let listener = HTTPListener(
            address: Self.address, responder: Self.router().buildResponder(), logger: Logger(label: "test")
        ) { bound in announced.withLock { $0 = bound.announcement } }
        let bound = try await listener.start()
        #expect(bound.port > 0)
        #expect(announced.withLock { $0 } == "listening otlp_http 127.0.0.1:\(bound.port)")
        await listener.shutdown(deadline: .now)
        await #expect(throws: (any Error).self) { try await RawClient.connect(port: bound.port) }
    }

    @Test func aPortInUseIsNamed() async throws {
        try await Self.serving { port in
            let address = ListenerAddress(name: "otlp_http", host: "127.0.0.1", port: port)
            let second = HTTPListener(
                address: address, responder: Self.router().buildResponder(), logger: Logger(label: "test"))
            let error = await #expect(throws: ListenerError.portInUse(address)) { try await second.start() }
            #expect("\(error!)" == "127.0.0.1:\(port) is in use (listener otlp_http)")
        }
    }

    @Test func aForeignHostIsNamed() async throws {
        let address = ListenerAddress(name: "api", host: "192.0.2.1", port: 0)
        let listener = HTTPListener(
            address: address, responder: Self.router().buildResponder(), logger: Logger(label: "test"))
        await #expect(throws: ListenerError.unknownHost(address)) { try await listener.start() }
    }

    @Test func shutdownBeforeStartAndTwiceIsHarmless() async throws {
        let listener = Self.listener()
        await listener.shutdown(deadline: .now)
        await listener.shutdown(deadline: .now)
        await #expect(throws: ListenerError.notStartable(Self.address)) { try await listener.start() }
    }

    @Test func requestsArePipelinedOnOneConnection() async throws {
        try await Self.serving { port in
            let client = try await RawClient.connect(port: port)
            let request = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
            try await client.send(request + request + "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let text = String(decoding: try await client.receiveToEnd(), as: UTF8.self)
            #expect(text.split(separator: "HTTP/1.1 200 OK").count == 3)
            #expect(text.contains("Date: ") || text.contains("date: "))
        }
    }

    @Test func aRequestInFlightFinishesDuringShutdown() async throws {
        let entered = Signal()
        let release = Signal()
        let router = Self.router()
        router.get("/slow") { _, _ in
            entered.set()
            await release.wait()
            return "done"
        }
        let listener = Self.listener(router)
        let port = try await listener.start().port
        let idle = try await RawClient.connect(port: port)
        let client = try await RawClient.connect(port: port)
        try await client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        await entered.wait()
        async let shutdown: Void = listener.shutdown(deadline: .now + .seconds(20))
        // The idle connection ends at once; only then is the request let go.
        _ = try await idle.receiveToEnd()
        release.set()
        #expect(String(decoding: try await client.receiveToEnd(), as: UTF8.self).hasSuffix("done"))
        await shutdown
    }

    @Test func aRequestPastTheDeadlineIsCutOffAndCancelled() async throws {
        let entered = Signal()
        let cancelled = Signal()
        let router = Self.router()
        router.get("/endless") { _, _ -> String in
            await withTaskCancellationHandler {
                entered.set()
                await cancelled.wait()
            } onCancel: {
                cancelled.set()
            }
            return "late"
        }
        let listener = Self.listener(router)
        let client = try await RawClient.connect(port: try await listener.start().port)
        try await client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        await entered.wait()
        await listener.shutdown(deadline: .now)
        await cancelled.wait()
        #expect(try await client.receiveToEnd() == [])
    }

    @Test(arguments: [nil, "identity", "gzip", "deflate", "zstd"]) func bodiesAreDecoded(_ encoding: String?)
        async throws
    {
        let bytes = Codecs.sample(250_000)
        let encoded =
            switch encoding {
            case "gzip": Codecs.deflate(bytes, .gzip)
            case "deflate": Codecs.deflate(bytes, .zlib)
            case "zstd": Codecs.zstd(bytes)
            default: bytes
            }
        try await Self.serving { port in
            let client = try await RawClient.connect(port: port)
            try await client.send(Self.post(encoded, encoding: encoding))
            let (head, body) = try Self.split(try await client.receiveToEnd())
            #expect(head.hasPrefix("HTTP/1.1 200"))
            #expect(body == bytes)
        }
    }

    @Test func chunkedBodiesAreLimitedToo() async throws {
        try await Self.serving(Self.router(limitBytes: 1_000)) { port in
            for (size, status) in [(1_000, "200 OK"), (1_001, "413 ")] {
                let client = try await RawClient.connect(port: port)
                let body = String(repeating: "a", count: size)
                try await client.send(
                    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                        + "\(String(size, radix: 16))\r\n\(body)\r\n0\r\n\r\n")
                let text = String(decoding: try await client.receiveToEnd(), as: UTF8.self)
                #expect(text.hasPrefix("HTTP/1.1 \(status)"))
            }
        }
    }

    @Test func aTooLargeBodyIsRefusedBeforeItIsSent() async throws {
        try await Self.serving(Self.router(limitBytes: 1_000)) { port in
            let client = try await RawClient.connect(port: port)
            try await client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n")
            let (head, body) = try Self.split(try await client.receiveToEnd())
            #expect(head.hasPrefix("HTTP/1.1 413"))
            #expect(head.lowercased().contains("connection: close"))
            #expect(String(decoding: body, as: UTF8.self).hasPrefix("{\"error\":{\"code\":\"body_too_large\""))
        }
    }

    @Test func aBombOverHTTPIs413() async throws {
        try await Self.serving(Self.router(limitBytes: 1 << 20)) { port in
            let client = try await RawClient.connect(port: port)
            try await client.send(
                Self.post(Codecs.deflate([UInt8](repeating: 0, count: 16 << 20), .gzip), encoding: "gzip"))
            #expect(try Self.split(try await client.receiveToEnd()).head.hasPrefix("HTTP/1.1 413"))
        }
    }

    @Test(arguments: [("br", "HTTP/1.1 415"), ("gzip", "HTTP/1.1 400")])
    func badEncodingsAreRefused(_ encoding: String, _ status: String) async throws {
        try await Self.serving { port in
            let client = try await RawClient.connect(port: port)
            try await client.send(Self.post([1, 2, 3, 4], encoding: encoding))
            #expect(try Self.split(try await client.receiveToEnd()).head.hasPrefix(status))
        }
    }

    @Test func aBodyCutShortIsNotTakenForWhole() async throws {
        let outcome = Mutex<BodyError?>(nil)
        let seen = Signal()
        let router = Router(context: BasicRequestContext.self)
        router.post("/echo") { request, _ in
            do throws(BodyError) {
                _ = try await request.collectBytes()
            } catch {
                outcome.withLock { $0 = error }
            }
            seen.set()
            return "ok"
        }
        try await Self.serving(router) { port in
            let client = try await RawClient.connect(port: port)
            try await client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
            try await client.finishSending()
            await seen.wait()
            client.close()
        }
        #expect(outcome.withLock { $0 } == .disconnected)
    }

    @Test(arguments: ["Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"])
    func aBodyThatTakesTooLongIsGivenUp(_ rest: String) async throws {
        let router = Router(context: BasicRequestContext.self)
        router.add(middleware: APIErrorMiddleware())
        router.post("/echo") { request, _ in
            Response.bytes(try await request.collectBytes(timeout: .zero), contentType: "text/plain")
        }
        try await Self.serving(router) { port in
            let client = try await RawClient.connect(port: port)
            try await client.send("POST /echo HTTP/1.1\r\nHost: a\r\n\(rest)")
            // Without another byte from the client: the connection ends too.
            let (head, body) = try Self.split(try await client.receiveToEnd())
            #expect(head.hasPrefix("HTTP/1.1 408"))
            #expect(String(decoding: body, as: UTF8.self).contains("slow_body"))
        }
    }

    @Test(arguments: [nil, "gzip", "zstd"]) func aBodyThatDoesNotFitIsRefusedAndHoldsNothing(_ encoding: String?)
        async throws
    {
        let budget = BufferBudget(limitBytes: 100_000)
        let router = Router(context: BasicRequestContext.self)
        router.add(middleware: APIErrorMiddleware())
        router.post("/echo") { request, _ in
            let reservation = BufferReservation(budget)
            defer { withExtendedLifetime(reservation) {} }
            return Response.bytes(
                try await request.collectBytes(reservation: reservation), contentType: "text/plain")
        }
        let large = [UInt8](repeating: 7, count: 150_000)
        let body =
            switch encoding {
            case "gzip": gzipCompress(large)
            case "zstd": Codecs.zstd(large)
            default: large
            }
        try await Self.serving(router) { port in
            let client = try await RawClient.connect(port: port)
            try await client.send(Self.post(body, encoding: encoding))
            let head = try Self.split(try await client.receiveToEnd()).head
            #expect(head.hasPrefix("HTTP/1.1 503"))
            #expect(head.lowercased().contains("retry-after: 1"))
            let next = try await RawClient.connect(port: port)
            try await next.send(Self.post([UInt8](repeating: 7, count: 90_000)))
            #expect(try Self.split(try await next.receiveToEnd()).head.hasPrefix("HTTP/1.1 200"))
            #expect(budget.usedBytes == 0)
        }
    }

    @Test func expectContinueIsAnswered() async throws {
        try await Self.serving { port in
            let client = try await RawClient.connect(port: port)
            try await client.send(
                "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
            )
            _ = try await client.receiveText(until: "100 Continue\r\n\r\n")
            try await client.send("abc")
            #expect(String(decoding: try await client.receiveToEnd(), as: UTF8.self).hasSuffix("abc"))
        }
    }

    @Test(arguments: [
        ("/nowhere", "404", #"{"error":{"code":"not_found","message":"there is nothing at GET /nowhere","hint":""}}"#),
        (
            "/fail", "500",
            #"{"error":{"code":"internal","message":"the request failed","hint":"the collector's log has the reason"}}"#
        ),
        (
            "/busy", "503",
            #"{"error":{"code":"unavailable","message":"the journal is \"full\"","hint":"free some space"}}"#
        ),
    ]) func errorsHaveTheirBody(_ path: String, _ status: String, _ expected: String) async throws {
        try await Self.serving { port in
            let client = try await RawClient.connect(port: port)
            try await client.send("GET \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let (head, body) = try Self.split(try await client.receiveToEnd())
            #expect(head.hasPrefix("HTTP/1.1 \(status)"))
            #expect(String(decoding: body, as: UTF8.self) == expected)
            #expect(head.lowercased().contains("retry-after: 7") == (path == "/busy"))
        }
    }

    @Test(arguments: [("gzip, br", true), ("*", true), ("gzip;q=0, *", false), ("br", false), ("identity", false)])
    func responsesAreCompressedWhereTheClientAllows(_ accept: String, _ isCompressed: Bool) async throws {
        try await Self.serving { port in
            let client = try await RawClient.connect(port: port)
            try await client.send(
                "GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAccept-Encoding: \(accept)\r\n\r\n")
            let (head, body) = try Self.split(try await client.receiveToEnd())
            #expect(head.lowercased().contains("content-encoding: gzip") == isCompressed)
            let page = isCompressed ? Codecs.gunzip(body, capacity: 50_000) : body
            #expect(page == Codecs.sample(50_000))
        }
    }

    @Test(arguments: ["GET", "PUT", "DELETE"]) func aWrongMethodIsToldTheRightOne(_ method: String) async throws {
        try await Self.serving { port in
            let client = try await RawClient.connect(port: port)
            try await client.send("\(method) /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let (head, body) = try Self.split(try await client.receiveToEnd())
            #expect(head.hasPrefix("HTTP/1.1 405"))
            #expect(head.lowercased().contains("allow: post"))
            #expect(body.isEmpty)
        }
    }

    @Test func anOversizedHeaderIsRefused() async throws {
        try await Self.serving { port in
            let client = try await RawClient.connect(port: port)
            let value = String(repeating: "a", count: 70 << 10)
            try await client.send("GET /hello HTTP/1.1\r\nHost: a\r\nX-Long: \(value)\r\n\r\n")
            #expect(String(decoding: try await client.receiveToEnd(), as: UTF8.self).hasPrefix("HTTP/1.1 400"))
        }
    }

    @Test func connectionsOverTheLimitAreClosed() async throws {
        var limits = HTTPLimits()
        limits.maxConnections = 1
        let listener = HTTPListener(
            address: Self.address, limits: limits, responder: Self.router().buildResponder(),
            logger: Logger(label: "test"))
        let port = try await listener.start().port
        let first = try await RawClient.connect(port: port)
        try await first.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = try await first.receiveText(until: "hello")
        let second = try await RawClient.connect(port: port)
        #expect(try await second.receiveToEnd() == [])
        await listener.shutdown(deadline: .now)
    }

    @Test func anIdleConnectionIsClosed() async throws {
        var limits = HTTPLimits()
        limits.idleTimeout = .milliseconds(50)
        let listener = HTTPListener(
            address: Self.address, limits: limits, responder: Self.router().buildResponder(),
            logger: Logger(label: "test"))
        let client = try await RawClient.connect(port: try await listener.start().port)
        #expect(try await client.receiveToEnd() == [])
        await listener.shutdown(deadline: .now)
    }
}
