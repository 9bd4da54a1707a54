import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix

/// Makes one unary call on a connection of its own, out of HTTP/2 frames.
struct GRPCClient {
    struct Answer: Sendable {
        var fields: [String: String] = [:]
        /// With the five-byte prefix of the message, if there is one.
        var data: [UInt8] = []

        var code: String? { fields["grpc-status"] }
        var message: String { fields["grpc-message"] ?? "" }
        var body: [UInt8] { Array(data.dropFirst(5)) }
    }

    struct Closed: Error {}

    let port: Int

    func call(
        _ path: String, _ message: [UInt8], headers: [(String, String)] = [], isCompressed: Bool = false
    ) async throws -> Answer {
        let group = MultiThreadedEventLoopGroup.singleton
        let answer = group.any().makePromise(of: Answer.self)
        let channel = try await ClientBootstrap(group: group).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandlers([
                    NIOHTTP2Handler(mode: .client), Recorder(answer),
                ])
            }
        }.connect(host: "127.0.0.1", port: port).get()
        var fields: HPACKHeaders = [
            ":method": "POST", ":scheme": "http", ":authority": "localhost", ":path": path,
            "content-type": "application/grpc", "te": "trailers",
        ]
        for (name, value) in headers { fields.add(name: name, value: value) }
        let length = UInt32(message.count)
        var frame = ByteBuffer(bytes: [isCompressed ? 1 : 0])
        frame.writeInteger(length)
        frame.writeBytes(message)
        channel.write(HTTP2Frame(streamID: 1, payload: .headers(.init(headers: fields))), promise: nil)
        channel.writeAndFlush(
            HTTP2Frame(streamID: 1, payload: .data(.init(data: .byteBuffer(frame), endStream: true))), promise: nil)
        let result = try await answer.futureResult.get()
        channel.close(promise: nil)
        return result
    }

    private final class Recorder: ChannelInboundHandler {
        typealias InboundIn = HTTP2Frame
        typealias OutboundOut = HTTP2Frame
        private let promise: EventLoopPromise<Answer>
        private var answer = Answer()

        init(_ promise: EventLoopPromise<Answer>) { self.promise = promise }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let frame = unwrapInboundIn(data)
            switch frame.payload {
            case .headers(let payload):
                for (name, value, _) in payload.headers { answer.fields[name] = value }
                if payload.endStream { promise.succeed(answer) }
            case .data(let payload):
                if case .byteBuffer(let buffer) = payload.data { answer.data += Array(buffer.readableBytesView) }
            default: break
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { promise.fail(error) }

        func channelInactive(context: ChannelHandlerContext) { promise.fail(Closed()) }
    }
}
