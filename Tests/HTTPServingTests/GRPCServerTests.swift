import HTTPServing
import NIOCore
import NIOHPACK
import NIOHTTP2
import Synchronization
import Testing

@Suite struct GRPCServerTests {
    private let service = GRPCTestService()

    @Test(arguments: [0, 1, 16_384, 250_000, 4 << 20]) func messagesComeBack(_ size: Int) async throws {
        let message = Codecs.sample(size)
        try await service.serving { port in
            let client = try await HTTP2Client.connect(port: port)
            // The client's own windows are 64 KiB, so large messages are answered with their size.
            let path = size < 60_000 ? "/test.Service/Echo" : "/test.Service/Size"
            let answer = try await client.call(path, message)
            #expect(answer.status == "200")
            #expect(answer.headers.first?.first(name: "content-type") == "application/grpc")
            #expect(answer.grpcStatus == "0")
            #expect(answer.messages == [size < 60_000 ? message : Array("\(size)".utf8)])
        }
    }

    @Test(arguments: [1, 3, 5, 7, 100]) func messagesMayBeSplitAnywhere(_ step: Int) async throws {
        let bytes = HTTP2Client.framed(Codecs.sample(333))
        try await service.serving { port in
            let client = try await HTTP2Client.connect(port: port)
            let id = client.open(HTTP2Client.head("/test.Service/Echo"))
            for start in stride(from: 0, to: bytes.count, by: step) {
                client.data(id, Array(bytes[start..<min(start + step, bytes.count)]))
            }
            client.data(id, [], endStream: true)
            #expect(try await client.answer(id).messages == [Codecs.sample(333)])
        }
    }

    @Test func manyMessagesOutliveTheFirstWindows() async throws {
        var limits = GRPCLimits()
        limits.streamWindowBytes = 100_000
        limits.connectionWindowBytes = 100_000
        try await service.serving(limits) { port in
            let client = try await HTTP2Client.connect(port: port)
            for _ in 0..<5 {
                let answer = try await client.call("/test.Service/Size", Codecs.sample(1_000_000))
                #expect(answer.messages == [Array("1000000".utf8)])
            }
        }
    }

    @Test(arguments: ["gzip", "deflate", "zstd"]) func compressedMessagesAreRead(_ encoding: String) async throws {
        let bytes = Codecs.sample(50_000)
        let encoded =
            switch encoding {
            case "gzip": Codecs.deflate(bytes, .gzip)
            case "deflate": Codecs.deflate(bytes, .zlib)
            default: Codecs.zstd(bytes)
            }
        try await service.serving { port in
            let client = try await HTTP2Client.connect(port: port)
            let answer = try await client.call(
                "/test.Service/Echo", encoded, [("grpc-encoding", encoding)], flag: 1)
            #expect(answer.messages == [bytes])
            // The encoding may be announced and not be used.
            let plain = try await client.call("/test.Service/Echo", [1, 2], [("grpc-encoding", encoding)])
            #expect(plain.messages == [[1, 2]])
        }
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        let name: String
        var path = "/test.Service/Echo"
        var headers: [(String, String)] = []
        var message: [UInt8] = []
        var flag: UInt8 = 0
        let status: GRPCStatusCode
        var testDescription: String { name }
    }

    static let refusals = [
        Refusal(name: "unknown method", path: "/test.Service/Nothing", status: .unimplemented),
        Refusal(name: "no path to speak of", path: "/", status: .unimplemented),
        Refusal(name: "unknown encoding", headers: [("grpc-encoding", "snappy")], status: .unimplemented),
        Refusal(name: "malformed timeout", headers: [("grpc-timeout", "5 seconds")], status: .internal),
        Refusal(name: "compressed without an encoding", message: [1], flag: 1, status: .internal),
        Refusal(
            name: "corrupt gzip", headers: [("grpc-encoding", "gzip")], message: [1, 2], flag: 1, status: .internal),
        Refusal(name: "unknown flag", flag: 2, status: .internal),
        Refusal(
            name: "over the limit", message: [UInt8](repeating: 0, count: (4 << 20) + 1), status: .resourceExhausted),
        Refusal(
            name: "a bomb", headers: [("grpc-encoding", "gzip")],
            message: Codecs.deflate([UInt8](repeating: 0, count: (4 << 20) + 1), .gzip), flag: 1,
            status: .resourceExhausted),
    ]

    @Test(arguments: refusals) func badCallsAreRefusedAndTheConnectionLivesOn(_ refusal: Refusal) async throws {
        try await service.serving { port in
            let client = try await HTTP2Client.connect(port: port)
            let answer = try await client.call(refusal.path, refusal.message, refusal.headers, flag: refusal.flag)
            #expect(answer.status == "200")
            #expect(answer.headers.count == 1, "trailers only")
            #expect(answer.grpcStatus == "\(refusal.status.rawValue)")
            #expect(answer.headers.first?.first(name: "grpc-status-details-bin") == nil)
            #expect(try await client.call("/test.Service/Echo", [9]).messages == [[9]])
        }
    }

    @Test func anUnknownEncodingIsToldWhatIsAccepted() async throws {
        try await service.serving { port in
            let client = try await HTTP2Client.connect(port: port)
            let answer = try await client.call("/test.Service/Echo", [], [("grpc-encoding", "snappy")])
            #expect(answer.headers.first?.first(name: "grpc-accept-encoding") == "identity,gzip,deflate,zstd")
        }
    }

    @Test(arguments: [("POST", "application/json", "415"), ("GET", "application/grpc", "405")])
    func whatIsNotGRPCGetsAnHTTPStatus(_ method: String, _ type: String, _ status: String) async throws {
        try await service.serving { port in
            let client = try await HTTP2Client.connect(port: port)
            let head = HTTP2Client.head("/test.Service/Echo", [("content-type", type)], method: method)
            let id = client.open(head, endStream: true)
            let answer = try await client.answer(id)
            #expect(answer.status == status)
            #expect(answer.grpcStatus == nil)
        }
    }

    @Test(arguments: [[], [0, 0, 0], [0, 0, 0, 0, 9, 1]] as [[UInt8]])
    func aRequestWithoutAWholeMessageIsRefused(_ bytes: [UInt8]) async throws {
        try await service.serving { port in
            let client = try await HTTP2Client.connect(port: port)
            let id = client.open(HTTP2Client.head("/test.Service/Echo"), endStream: bytes.isEmpty)
            if !bytes.isEmpty { client.data(id, bytes, endStream: true) }
            #expect(try await client.answer(id).grpcStatus == "13")
        }
    }

    @Test func aSecondMessageIsRefused() async throws {
        try await service.serving { port in
            let client = try await HTTP2Client.connect(port: port)
            let id = client.open(HTTP2Client.head("/test.Service/Echo"))
            client.data(id, HTTP2Client.framed([1]) + HTTP2Client.framed([2]), endStream: true)
            #expect(try await client.answer(id).grpcStatus == "3")
        }
    }

    @Test func aFailureCarriesMessageAndDetails() async throws {
        try await service.serving { port in
            let client = try await HTTP2Client.connect(port: port)
            let answer = try await client.call("/test.Service/Fail", [])
            #expect(answer.grpcStatus == "8")
            #expect(answer.grpcMessage == "voll 100%25%0A%C3%BCber")
            // The bytes 08 08 12 01 ff, in base64 without padding.
            #expect(answer.headers.last?.first(name: "grpc-status-details-bin") == "CAgSAf8")
        }
    }

    @Test func metadataDeadlineAndAddressReachTheMethod() async throws {
        try await service.serving { port in
            let client = try await HTTP2Client.connect(port: port)
            let answer = try await client.call(
                "/test.Service/Metadata", [], [("x-key", "value"), ("grpc-timeout", "99999999H")])
            #expect(answer.messages == [Array("value true true".utf8)])
            let bare = try await client.call("/test.Service/Metadata", [])
            #expect(bare.messages == [Array("none false true".utf8)])
        }
    }

    @Test func thePassingDeadlineEndsTheCallAndItsTask() async throws {
        try await service.serving { port in
            let client = try await HTTP2Client.connect(port: port)
            let answer = try await client.call("/test.Service/Wait", [], [("grpc-timeout", "20m")])
            #expect(answer.grpcStatus == "4")
            await service.cancelled.wait()
        }
    }

    @Test func aCancelledCallCancelsItsTask() async throws {
        try await service.serving { port in
            let client = try await HTTP2Client.connect(port: port)
            let id = client.open(HTTP2Client.head("/test.Service/Wait"))
            client.data(id, HTTP2Client.framed([]), endStream: true)
            await service.entered.wait()
            client.send(id, .rstStream(.cancel))
            await service.cancelled.wait()
            #expect(try await client.call("/test.Service/Echo", [1]).messages == [[1]])
        }
    }

    @Test func aLostConnectionCancelsItsTasks() async throws {
        try await service.serving { port in
            let client = try await HTTP2Client.connect(port: port)
            let id = client.open(HTTP2Client.head("/test.Service/Wait"))
            client.data(id, HTTP2Client.framed([]), endStream: true)
            await service.entered.wait()
            client.close()
            await service.cancelled.wait()
        }
    }

    @Test func streamedMessagesArriveInOrder() async throws {
        try await service.serving { port in
            let client = try await HTTP2Client.connect(port: port)
            let answer = try await client.call("/test.Service/Count", [50])
            #expect(answer.messages.map(\.first) == (0..<50).map { $0 })
            #expect(answer.grpcStatus == "0")
            let none = try await client.call("/test.Service/Count", [0])
            #expect(none.messages.isEmpty)
            #expect(none.grpcStatus == "0")
        }
    }

    @Test func aStreamingMethodEndsWithWhatItThrows() async throws {
        try await service.serving { port in
            let client = try await HTTP2Client.connect(port: port)
            let known = try await client.call("/test.Service/Throw", [1])
            #expect(known.messages == [[1]])
            #expect(known.grpcStatus == "5")
            #expect(known.grpcMessage == "no such trace")
            let deadline = try await client.call("/test.Service/Throw", [3])
            #expect(deadline.messages == [[1]])
            #expect(deadline.grpcStatus == "4")
            let unforeseen = try await client.call("/test.Service/Throw", [2])
            #expect(unforeseen.grpcStatus == "13")
            #expect(unforeseen.grpcMessage == nil)
        }
    }

    @Test func aStreamNobodyReadsStopsItsMethodUntilItIsCancelled() async throws {
        try await service.serving { port in
            let client = try await HTTP2Client.connect(port: port)
            let id = client.open(HTTP2Client.head("/test.Service/Endless"))
            client.data(id, HTTP2Client.framed([]), endStream: true)
            // The client never opens its window again: 64 KiB arrive, then nothing.
            let record = try await client.wait { ($0.answers[id]?.data.count ?? 0) == 65_535 }
            #expect(record.answers[id]?.isOver == false)
            client.send(id, .rstStream(.cancel))
            await service.cancelled.wait()
        }
    }

    @Test func theDeadlineEndsAStreamNobodyReads() async throws {
        try await service.serving { port in
            let client = try await HTTP2Client.connect(port: port)
            let id = client.open(HTTP2Client.head("/test.Service/Endless", [("grpc-timeout", "50m")]))
            client.data(id, HTTP2Client.framed([]), endStream: true)
            // A reset once messages are on their way; a status if the deadline was faster than the first one.
            let answer = try await client.answer(id)
            #expect(answer.reset == .cancel || answer.grpcStatus == "4")
            await service.cancelled.wait()
        }
    }

    @Test func callsInFlightFinishDuringShutdown() async throws {
        let server = service.server()
        let port = try await server.start().port
        let client = try await HTTP2Client.connect(port: port)
        let id = client.open(HTTP2Client.head("/test.Service/Hold"))
        client.data(id, HTTP2Client.framed([7]), endStream: true)
        await service.entered.wait()
        async let shutdown: Void = server.shutdown(deadline: .now + .seconds(20))
        let record = try await client.wait { !$0.goAways.isEmpty }
        #expect(record.goAways.first?.code == .noError)
        #expect(record.goAways.first?.lastStreamID == id)
        service.release.set()
        let answer = try await client.answer(id)
        #expect(answer.messages == [[7]])
        #expect(answer.grpcStatus == "0")
        #expect(try await client.wait { $0.isClosed }.isClosed)
        await shutdown
    }

    @Test func callsPastTheShutdownDeadlineAreCancelled() async throws {
        let server = service.server()
        let client = try await HTTP2Client.connect(port: try await server.start().port)
        let id = client.open(HTTP2Client.head("/test.Service/Wait"))
        client.data(id, HTTP2Client.framed([]), endStream: true)
        await service.entered.wait()
        await server.shutdown(deadline: .now)
        await service.cancelled.wait()
        #expect(try await client.wait { $0.isClosed }.isClosed)
    }

    @Test func aPortInUseIsNamed() async throws {
        try await service.serving { port in
            let address = ListenerAddress(name: "otlp_grpc", host: "127.0.0.1", port: port)
            let second = GRPCServer(
                address: address, admission: GRPCTestService.admission, methods: [:], logger: .init(label: "test"))
            await #expect(throws: ListenerError.portInUse(address)) { try await second.start() }
        }
    }

    @Test func requestsOverTheBufferBudgetAreUnavailable() async throws {
        let admission = GRPCAdmission(budget: BufferBudget(limitBytes: 10_000))
        try await service.serving(GRPCLimits(), admission) { port in
            let client = try await HTTP2Client.connect(port: port)
            #expect(try await client.call("/test.Service/Echo", Codecs.sample(10_001)).grpcStatus == "14")
            // What the refused call held is free again.
            #expect(try await client.call("/test.Service/Echo", Codecs.sample(9_000)).grpcStatus == "0")
        }
    }

    @Test(arguments: ["identity", "gzip"]) func theBudgetAnswersAsItIsTold(_ encoding: String) async throws {
        let full = GRPCStatus(.resourceExhausted, "come again", details: [8, 8])
        let admission = GRPCAdmission(budget: BufferBudget(limitBytes: 10_000), buffersFull: full)
        try await service.serving(GRPCLimits(), admission) { port in
            let client = try await HTTP2Client.connect(port: port)
            let bytes = [UInt8](repeating: 7, count: 20_000)
            // Compressed it fits; what it decompresses to does not.
            let message = encoding == "gzip" ? gzipCompress(bytes) : bytes
            let answer = try await client.call(
                "/test.Service/Echo", message, [("grpc-encoding", encoding)], flag: encoding == "gzip" ? 1 : 0)
            #expect(answer.grpcStatus == "8")
            #expect(answer.headers.last?.first(name: "grpc-status-details-bin") == "CAg")
            // What the refused call held is free again.
            #expect(try await client.call("/test.Service/Echo", Codecs.sample(9_000)).grpcStatus == "0")
        }
    }

    @Test func aRefusedCallIsAnsweredBeforeItsMessageComes() async throws {
        let box = RefusingBox()
        let admission = GRPCAdmission(budget: BufferBudget(limitBytes: 1 << 20)) {
            box.isRefusing.load(ordering: .relaxed) ? GRPCStatus(.resourceExhausted, "later") : nil
        }
        try await service.serving(GRPCLimits(), admission) { port in
            let client = try await HTTP2Client.connect(port: port)
            let id = client.open(HTTP2Client.head("/test.Service/Echo"))
            let answer = try await client.answer(id)
            #expect((answer.grpcStatus, answer.grpcMessage) == ("8", "later"))
            box.isRefusing.store(false, ordering: .relaxed)
            #expect(try await client.call("/test.Service/Echo", [1]).messages == [[1]])
        }
    }

    private final class RefusingBox: Sendable {
        let isRefusing = Atomic<Bool>(true)
    }

    @Test func anIdleConnectionIsClosedWithGoAway() async throws {
        var limits = GRPCLimits()
        limits.idleTimeout = .milliseconds(40)
        try await service.serving(limits) { port in
            let client = try await HTTP2Client.connect(port: port)
            let record = try await client.wait { $0.isClosed }
            #expect(record.goAways.first?.code == .noError)
        }
    }

    @Test func aRequestThatStopsHalfwayIsReset() async throws {
        var limits = GRPCLimits()
        limits.readTimeout = .milliseconds(40)
        try await service.serving(limits) { port in
            let client = try await HTTP2Client.connect(port: port)
            let id = client.open(HTTP2Client.head("/test.Service/Echo"))
            client.data(id, [0, 0])
            #expect(try await client.answer(id).reset == .cancel)
        }
    }
}
