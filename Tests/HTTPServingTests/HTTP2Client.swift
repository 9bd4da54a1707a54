import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import Synchronization

/// An HTTP/2 client made of `NIOHTTP2Handler` alone: it sends the frames it is told to, and records what comes.
final class HTTP2Client: Sendable {
    /// What has arrived on one stream.
    struct Answer: Sendable {
        var headers: [HPACKHeaders] = []
        var data: [UInt8] = []
        var isEnded = false
        var reset: HTTP2ErrorCode?

        var isOver: Bool { isEnded || reset != nil }
        var status: String? { headers.first?.first(name: ":status") }
        var grpcStatus: String? { headers.last?.first(name: "grpc-status") }
        var grpcMessage: String? { headers.last?.first(name: "grpc-message") }

        /// The messages without their prefixes.
        var messages: [[UInt8]] {
            var result: [[UInt8]] = []
            var rest = data[...]
            while rest.count >= 5 {
                let length = rest.dropFirst().prefix(4).reduce(0) { $0 << 8 | Int($1) }
                result.append(Array(rest.dropFirst(5).prefix(length)))
                rest = rest.dropFirst(5 + length)
            }
            return result
        }
    }

    struct Record: Sendable {
        var answers: [HTTP2StreamID: Answer] = [:]
        var goAways: [(lastStreamID: HTTP2StreamID, code: HTTP2ErrorCode)] = []
        var pingAcks = 0
        /// Those of the server, which NIOHTTP2 answers.
        var pings = 0
        var isClosed = false
    }

    private struct State {
        var record = Record()
        var nextID = HTTP2StreamID(1)
        var waiters: [(predicate: @Sendable (Record) -> Bool, promise: EventLoopPromise<Record>)] = []
    }

    private let channel: any Channel
    private let state: StateBox

    private final class StateBox: Sendable {
        let state = Mutex(State())

        func update(_ change: (inout State) -> Void) {
            let (record, ready) = state.withLock { state in
                change(&state)
                let record = state.record
                let ready = state.waiters.filter { record.isClosed || $0.predicate(record) }.map(\.promise)
                state.waiters.removeAll { record.isClosed || $0.predicate(record) }
                return (record, ready)
            }
            for promise in ready { promise.succeed(record) }
        }
    }

    static func connect(port: Int) async throws -> HTTP2Client {
        let state = StateBox()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        NIOHTTP2Handler(mode: .client), Recorder(state),
                    ])
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return HTTP2Client(channel: channel, state: state)
    }

    private init(channel: any Channel, state: StateBox) {
        self.channel = channel
        self.state = state
    }

    static func head(_ path: String, _ extra: [(String, String)] = [], method: String = "POST") -> HPACKHeaders {
        var headers: HPACKHeaders = [
            ":method": method, ":scheme": "http", ":authority": "localhost", ":path": path,
            "content-type": "application/grpc", "te": "trailers",
        ]
        for (name, value) in extra { headers.replaceOrAdd(name: name, value: value) }
        return headers
    }

    /// The five-byte prefix and the message.
    static func framed(_ message: [UInt8], flag: UInt8 = 0) -> [UInt8] {
        let size = UInt32(message.count)
        return [flag, UInt8(size >> 24), UInt8(size >> 16 & 255), UInt8(size >> 8 & 255), UInt8(size & 255)] + message
    }

    func open(_ headers: HPACKHeaders, endStream: Bool = false) -> HTTP2StreamID {
        let id = state.state.withLock { state in
            defer { state.nextID = HTTP2StreamID(Int(state.nextID) + 2) }
            state.record.answers[state.nextID] = Answer()
            return state.nextID
        }
        send(id, .headers(.init(headers: headers, endStream: endStream)))
        return id
    }

    func data(_ id: HTTP2StreamID, _ bytes: [UInt8], endStream: Bool = false) {
        send(id, .data(.init(data: .byteBuffer(ByteBuffer(bytes: bytes)), endStream: endStream)))
    }

    /// A frame that cannot be sent any more is no failure of the test by itself.
    func send(_ id: HTTP2StreamID, _ payload: HTTP2Frame.FramePayload) {
        channel.writeAndFlush(HTTP2Frame(streamID: id, payload: payload), promise: nil)
    }

    /// A whole unary call.
    func call(
        _ path: String, _ message: [UInt8], _ extra: [(String, String)] = [], flag: UInt8 = 0
    ) async throws -> Answer {
        let id = open(Self.head(path, extra))
        data(id, Self.framed(message, flag: flag), endStream: true)
        return try await answer(id)
    }

    func answer(_ id: HTTP2StreamID) async throws -> Answer {
        try await wait { $0.answers[id]?.isOver == true }.answers[id]!
    }

    /// Waits until `predicate` holds or the connection is closed.
    func wait(_ predicate: @escaping @Sendable (Record) -> Bool) async throws -> Record {
        let promise = channel.eventLoop.makePromise(of: Record.self)
        let timer = channel.eventLoop.scheduleTask(in: RawClient.patience) { promise.fail(RawClient.TimedOut()) }
        state.update { $0.waiters.append((predicate, promise)) }
        defer { timer.cancel() }
        return try await promise.futureResult.get()
    }

    func close() { channel.close(promise: nil) }

    private final class Recorder: ChannelInboundHandler {
        typealias InboundIn = HTTP2Frame
        typealias OutboundOut = HTTP2Frame
        private let state: StateBox

        init(_ state: StateBox) { self.state = state }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let frame = unwrapInboundIn(data)
            state.update { state in
                switch frame.payload {
                case .headers(let payload):
                    state.record.answers[frame.streamID]?.headers.append(payload.headers)
                    if payload.endStream { state.record.answers[frame.streamID]?.isEnded = true }
                case .data(let payload):
                    if case .byteBuffer(let buffer) = payload.data {
                        state.record.answers[frame.streamID]?.data += Array(buffer.readableBytesView)
                    }
                    if payload.endStream { state.record.answers[frame.streamID]?.isEnded = true }
                case .rstStream(let code):
                    state.record.answers[frame.streamID]?.reset = code
                case .goAway(let last, let code, _):
                    state.record.goAways.append((last, code))
                case .ping(_, ack: true):
                    state.record.pingAcks += 1
                case .ping(_, ack: false):
                    state.record.pings += 1
                default:
                    break
                }
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            // Stream errors are what some tests provoke; the connection shows in channelInactive.
        }

        func channelInactive(context: ChannelHandlerContext) {
            state.update { $0.record.isClosed = true }
        }
    }
}
