import Foundation
import HTTPServing
import NIOCore
import NIOHPACK
import NIOHTTP2
import Testing

/// What a hostile client may try: the connection is closed or the call refused, and the server serves on.
@Suite struct GRPCAbuseTests {
    private let service = GRPCTestService()

    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    /// A frame header and its payload (RFC 9113 section 4.1).
    private static func frame(type: UInt8, flags: UInt8 = 0, stream: UInt8 = 0, _ payload: [UInt8] = []) -> [UInt8] {
        let size = payload.count
        return [UInt8(size >> 16 & 255), UInt8(size >> 8 & 255), UInt8(size & 255), type, flags, 0, 0, 0, stream]
            + payload
    }

    private static func headers(stream: UInt8, _ path: String = "/test.Service/Echo") throws -> [UInt8] {
        var encoder = HPACKEncoder(allocator: ByteBufferAllocator())
        var block = ByteBuffer()
        try encoder.encode(headers: HTTP2Client.head(path), to: &block)
        // Of each block's own encoder: nothing may refer to a block before it, so that the table stays unused.
        return frame(type: 1, flags: 4, stream: stream, Array(block.readableBytesView))
    }

    private static func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
        guard bytes.count >= part.count else { return false }
        return (0...bytes.count - part.count).contains { bytes[$0..<$0 + part.count].elementsEqual(part) }
    }

    private static func frames(_ bytes: [UInt8]) -> [(type: UInt8, payload: ArraySlice<UInt8>)] {
        var rest = bytes[...]
        var frames: [(type: UInt8, payload: ArraySlice<UInt8>)] = []
        while rest.count >= 9 {
            let header = Array(rest.prefix(9))
            let size = Int(header[0]) << 16 | Int(header[1]) << 8 | Int(header[2])
            frames.append((header[3], rest.dropFirst(9).prefix(size)))
            rest = rest.dropFirst(9 + size)
        }
        return frames
    }

    private static func goAwayCodes(_ bytes: [UInt8]) -> [UInt8] {
        frames(bytes).filter { $0.type == 7 }.compactMap { $0.payload.prefix(8).last }
    }

    private func expectAlive(_ port: Int) async throws {
        let client = try await HTTP2Client.connect(port: port)
        #expect(try await client.call("/test.Service/Echo", [1]).messages == [[1]])
        client.close()
    }

    /// Speaks to a server through `abuse` and expects it to hang up with `code`, and others to be served.
    private func expectHangUp(
        _ code: HTTP2ErrorCode, _ limits: GRPCLimits = GRPCLimits(), _ abuse: (HTTP2Client) -> Void
    ) async throws {
        try await service.serving(limits) { port in
            let client = try await HTTP2Client.connect(port: port)
            abuse(client)
            let record = try await client.wait { $0.isClosed }
            #expect(record.isClosed)
            // Hanging up on a client that is still sending may cost it the GOAWAY, but never show another.
            #expect([nil, code].contains(record.goAways.last?.code))
            try await expectAlive(port)
        }
    }

    @Test func aPingIsAnswered() async throws {
        try await service.serving { port in
            let client = try await HTTP2Client.connect(port: port)
            client.send(.rootStream, .ping(HTTP2PingData(withInteger: 7), ack: false))
            #expect(try await client.wait { $0.pingAcks == 1 }.pingAcks == 1)
        }
    }

    @Test func pingsWithoutCallsEndTheConnection() async throws {
        try await expectHangUp(.enhanceYourCalm) { client in
            for value in 0..<4 {
                client.send(.rootStream, .ping(HTTP2PingData(withInteger: UInt64(value)), ack: false))
            }
        }
    }

    @Test func aPingWithEachCallIsWelcome() async throws {
        try await service.serving { port in
            let client = try await HTTP2Client.connect(port: port)
            for value in 0..<20 {
                client.send(.rootStream, .ping(HTTP2PingData(withInteger: UInt64(value)), ack: false))
                #expect(try await client.call("/test.Service/Echo", [1]).messages == [[1]])
            }
        }
    }

    @Test func aSettingsFloodEndsTheConnection() async throws {
        var limits = GRPCLimits()
        limits.maxControlFrames = 100
        try await expectHangUp(.enhanceYourCalm, limits) { client in
            for size in 0..<200 {
                client.send(
                    .rootStream,
                    .settings(.settings([HTTP2Setting(parameter: .initialWindowSize, value: 70_000 + size)])))
            }
        }
    }

    @Test func aWindowUpdateFloodEndsTheConnection() async throws {
        var limits = GRPCLimits()
        limits.maxWindowUpdates = 100
        // No pause of a busy machine may pass for the end of the flood.
        limits.rateWindow = .seconds(60)
        try await expectHangUp(.enhanceYourCalm, limits) { client in
            for _ in 0..<200 { client.send(.rootStream, .windowUpdate(windowSizeIncrement: 1)) }
        }
    }

    @Test func aContinuationFloodEndsTheConnection() async throws {
        try await service.serving { port in
            let client = try await RawClient.connect(port: port)
            // A header block that goes on and on: HEADERS without END_HEADERS, then one byte at a time.
            var bytes = Self.preface + Self.frame(type: 4) + Self.frame(type: 1, stream: 1, [0x83])
            for _ in 0..<20 { bytes += Self.frame(type: 9, stream: 1, [0x84]) }
            try await client.send(bytes)
            try await expectGoAway(client)
            try await expectAlive(port)
        }
    }

    @Test func framesThatBreakStreamsEndTheConnection() async throws {
        var limits = GRPCLimits()
        limits.maxStreamErrors = 20
        try await service.serving(limits) { port in
            let client = try await RawClient.connect(port: port)
            var bytes = Self.preface + Self.frame(type: 4)
            // Each is a WINDOW_UPDATE of zero on an open stream, an error of that stream.
            for stream in 0..<40 {
                let id = UInt8(stream * 2 + 1)
                bytes += try Self.headers(stream: id) + Self.frame(type: 8, stream: id, [0, 0, 0, 0])
            }
            try await client.send(bytes)
            try await expectGoAway(client)
            try await expectAlive(port)
        }
    }

    @Test func moreStreamsThanAllowedAreRefused() async throws {
        var limits = GRPCLimits()
        limits.maxConcurrentStreams = 2
        try await service.serving(limits) { port in
            let client = try await RawClient.connect(port: port)
            var bytes = Self.preface + Self.frame(type: 4)
            for id: UInt8 in [1, 3, 5] { bytes += try Self.headers(stream: id) }
            try await client.send(bytes)
            let refusal = Self.frame(type: 3, stream: 5, [0, 0, 0, 7])
            let got = try await client.receive {
                Self.contains($0, refusal) || Self.goAwayCodes($0).contains { $0 != 0 }
            }
            #expect(!got.isEmpty)
            try await expectAlive(port)
        }
    }

    @Test func whoLeavesAnAnswerUnreadLosesIt() async throws {
        var limits = GRPCLimits()
        limits.readTimeout = .milliseconds(100)
        try await service.serving(limits) { port in
            let client = try await RawClient.connect(port: port)
            // A window of zero for all streams: the answer cannot be sent.
            let settings = Self.frame(type: 4, [0, 4, 0, 0, 0, 0])
            let message = Self.frame(type: 0, flags: 1, stream: 1, HTTP2Client.framed([1, 2, 3]))
            try await client.send(Self.preface + settings + Self.headers(stream: 1) + message)
            let reset = Self.frame(type: 3, stream: 1, [0, 0, 0, 8])
            let got = try await client.receive { Self.contains($0, reset) }
            #expect(Self.contains(got, reset))
            try await expectAlive(port)
        }
    }

    @Test func whoLeavesAStreamUnreadEndsItsMethod() async throws {
        var limits = GRPCLimits()
        limits.readTimeout = .milliseconds(100)
        try await service.serving(limits) { port in
            let client = try await RawClient.connect(port: port)
            let settings = Self.frame(type: 4, [0, 4, 0, 0, 0, 0])
            let message = Self.frame(type: 0, flags: 1, stream: 1, HTTP2Client.framed([]))
            let head = try Self.headers(stream: 1, "/test.Service/Endless")
            try await client.send(Self.preface + settings + head + message)
            await service.cancelled.wait()
        }
    }

    @Test func whoNeverReadsAnswersToSettingsLosesTheConnection() async throws {
        var limits = GRPCLimits()
        limits.maxControlFrames = 1_000_000
        limits.maxUnreadControlFrames = 100
        try await service.serving(limits) { port in
            let client = try await RawClient.connect(port: port, reads: false)
            // Windows of 2 GiB, and a method that fills them, so that the socket takes no more.
            let settings = Self.frame(type: 4, [0, 4, 0x7f, 0xff, 0xff, 0xff])
            let window = Self.frame(type: 8, [0x7f, 0xff, 0, 0])
            let message = Self.frame(type: 0, flags: 1, stream: 1, HTTP2Client.framed([]))
            let head = try Self.headers(stream: 1, "/test.Service/Endless")
            try await client.send(Self.preface + settings + window + head + message)
            await service.entered.wait()
            let flood = [[UInt8]](repeating: Self.frame(type: 4), count: 5_000).flatMap(\.self)
            // Until the server hangs up, which ends the method too.
            while (try? await client.send(flood)) != nil {}
            await service.cancelled.wait()
            try await expectAlive(port)
        }
    }

    @Test func prefixesAloneSetNoMemoryAside() async throws {
        try await service.serving { port in
            let before = try Self.addressSpaceBytes()
            var clients: [HTTP2Client] = []
            for _ in 0..<16 {
                let client = try await HTTP2Client.connect(port: port)
                for _ in 0..<250 {
                    // A message of 4 MiB is announced, and its first byte sent.
                    client.data(client.open(HTTP2Client.head("/test.Service/Echo")), [0, 0, 0x40, 0, 0, 1])
                }
                client.send(.rootStream, .ping(HTTP2PingData(withInteger: 1), ack: false))
                clients.append(client)
            }
            for client in clients { #expect(try await client.wait { $0.pingAcks == 1 }.isClosed == false) }
            // 4,000 messages; a quarter of a MiB for each would be a GiB.
            #expect(try Self.addressSpaceBytes() - before < 512 << 20)
            for client in clients { client.close() }
        }
    }

    private static func addressSpaceBytes() throws -> Int {
        let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).prefix { $0 != " " }
        return (Int(pages) ?? 0) * 4_096
    }

    @Test func aDeadClientIsNoticed() async throws {
        var limits = GRPCLimits()
        limits.keepAliveInterval = .milliseconds(50)
        limits.keepAliveTimeout = .milliseconds(50)
        try await service.serving(limits) { port in
            // It sends its preface, and then answers nothing.
            let client = try await RawClient.connect(port: port)
            try await client.send(Self.preface + Self.frame(type: 4))
            let bytes = try await client.receiveToEnd()
            #expect(Self.frames(bytes).contains { $0.type == 6 }, "it was asked first")
        }
    }

    @Test func aSilentClientThatAnswersPingsStays() async throws {
        var limits = GRPCLimits()
        limits.keepAliveInterval = .milliseconds(50)
        limits.keepAliveTimeout = .seconds(20)
        try await service.serving(limits) { port in
            let client = try await HTTP2Client.connect(port: port)
            #expect(try await client.wait { $0.pings >= 3 }.isClosed == false)
            #expect(try await client.call("/test.Service/Echo", [1]).messages == [[1]])
        }
    }

    @Test func rapidResetEndsTheConnection() async throws {
        try await expectHangUp(.enhanceYourCalm) { client in
            for _ in 0..<600 {
                let id = client.open(HTTP2Client.head("/test.Service/Echo"))
                client.send(id, .rstStream(.cancel))
            }
        }
    }

    @Test func cancelledCallsThatRunOnAreBounded() async throws {
        var limits = GRPCLimits()
        limits.maxConcurrentStreams = 2
        try await service.serving(limits) { port in
            let client = try await HTTP2Client.connect(port: port)
            // Hold does not heed its cancellation, so that four of its tasks stay.
            for _ in 0..<4 {
                let id = client.open(HTTP2Client.head("/test.Service/Hold"))
                client.data(id, HTTP2Client.framed([]), endStream: true)
                client.send(id, .rstStream(.cancel))
            }
            #expect(try await client.call("/test.Service/Echo", [1]).grpcStatus == "14")
            service.release.set()
        }
    }

    @Test func emptyDataFramesEndTheConnection() async throws {
        try await expectHangUp(.enhanceYourCalm) { client in
            let id = client.open(HTTP2Client.head("/test.Service/Echo"))
            for _ in 0..<10 { client.data(id, []) }
        }
    }

    @Test func anOversizedHeaderListEndsTheConnection() async throws {
        try await service.serving { port in
            let client = try await RawClient.connect(port: port)
            var encoder = HPACKEncoder(allocator: ByteBufferAllocator())
            var block = ByteBuffer()
            let head = HTTP2Client.head("/test.Service/Echo", [("x-long", String(repeating: "a", count: 40_000))])
            try encoder.encode(headers: head, to: &block)
            let headers = Self.frame(type: 1, flags: 4, stream: 1, Array(block.readableBytesView))
            try await client.send(Self.preface + Self.frame(type: 4) + headers)
            try await expectGoAway(client)
            try await expectAlive(port)
        }
    }

    @Test func anOversizedFrameEndsTheConnection() async throws {
        try await service.serving { port in
            let client = try await RawClient.connect(port: port)
            // The header of a DATA frame of 257 KiB.
            try await client.send(Self.preface + Self.frame(type: 4) + [4, 4, 0, 0, 0, 0, 0, 0, 1])
            try await expectGoAway(client)
            try await expectAlive(port)
        }
    }

    @Test(arguments: ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense, not a frame"])
    func whatIsNotHTTP2IsHungUpOn(_ text: String) async throws {
        try await service.serving { port in
            let client = try await RawClient.connect(port: port)
            try await client.send(text)
            try await expectGoAway(client)
            try await expectAlive(port)
        }
    }

    /// The server hangs up, and its last frame is GOAWAY with an error.
    private func expectGoAway(_ client: RawClient) async throws {
        let bytes = try await client.receiveToEnd()
        let codes = Self.goAwayCodes(bytes)
        #expect(codes.contains { $0 != 0 }, "GOAWAY codes \(codes) in \(bytes.count) bytes")
    }

    @Test func connectionsOverTheLimitAreClosed() async throws {
        var limits = GRPCLimits()
        limits.maxConnections = 1
        try await service.serving(limits) { port in
            let first = try await HTTP2Client.connect(port: port)
            _ = try await first.call("/test.Service/Echo", [1])
            let second = try await RawClient.connect(port: port)
            #expect(try await second.receiveToEnd() == [])
        }
    }

    @Test func randomFramesNeverStopTheServer() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        try await service.serving { port in
            for _ in 0..<40 {
                let client = try await RawClient.connect(port: port)
                var bytes = Self.preface + Self.frame(type: 4)
                for _ in 0..<30 {
                    let payload = (0..<next(40)).map { _ in UInt8(next(256)) }
                    bytes += Self.frame(
                        type: UInt8(next(11)), flags: UInt8(next(256)), stream: UInt8(next(6)), payload)
                }
                try? await client.send(bytes)
                client.close()
            }
            let alive = try await HTTP2Client.connect(port: port)
            let answer = try await alive.call("/test.Service/Echo", [1])
            #expect(answer.messages == [[1]], "seed \(seed)")
        }
    }
}
