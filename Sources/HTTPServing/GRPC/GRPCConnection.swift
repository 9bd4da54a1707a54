import Logging
import NIOCore
import NIOHPACK
import NIOHTTP2

/// All calls of one connection, behind `NIOHTTP2Handler`.
///
/// One handler sees the frames of every stream, which saves a channel and its pipeline for each call. HTTP/2
/// itself stays NIOHTTP2's: states, settings, outbound flow control, abuse limits. Ours are the inbound
/// windows, kept from the sizes that NIOHTTP2 reports after each frame. Runs on its event loop alone.
final class GRPCConnection: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    /// The window of a connection before any update (RFC 9113 section 6.9.2).
    static let initialConnectionWindowBytes = 65_535

    let methods: [String: GRPCMethod]
    let limits: GRPCLimits
    let admission: GRPCAdmission
    let onRefusal: @Sendable (GRPCStatus) -> Void
    private let watcher: GoAwayWatcher
    private let logger: Logger
    var streams: [HTTP2StreamID: GRPCStream] = [:]
    var context: ChannelHandlerContext?
    var remoteAddress: String?
    var lastStreamID = HTTP2StreamID.rootStream
    /// Tasks that have not ended yet, those of cancelled calls included.
    var runningTasks = 0
    private var isDraining = false
    private var isClosing = false
    private var idleSince = NIODeadline.now()
    var peer: GRPCPeerWatch
    private var sweeper: RepeatedTask?

    init(
        methods: [String: GRPCMethod], limits: GRPCLimits, admission: GRPCAdmission, watcher: GoAwayWatcher,
        logger: Logger, onRefusal: @escaping @Sendable (GRPCStatus) -> Void
    ) {
        self.methods = methods
        self.limits = limits
        self.admission = admission
        peer = GRPCPeerWatch(limits, now: .now())
        self.watcher = watcher
        self.logger = logger
        self.onRefusal = onRefusal
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        if let address = context.remoteAddress, let ip = address.ipAddress, let port = address.port {
            remoteAddress = ip.contains(":") ? "[\(ip)]:\(port)" : "\(ip):\(port)"
        }
        let increment = limits.connectionWindowBytes - Self.initialConnectionWindowBytes
        if increment > 0 { write(.rootStream, .windowUpdate(windowSizeIncrement: increment)) }
        context.flush()
        startSweeping(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        sweeper?.cancel()
        let ended = streams.values
        streams = [:]
        for stream in ended { stream.cancel() }
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        let now = NIODeadline.now()
        peer.frameCame(now)
        switch frame.payload {
        case .headers(let payload):
            peer.callMoved()
            if streams[frame.streamID] == nil {
                begin(frame.streamID, payload.headers, endStream: payload.endStream)
            }
            if payload.endStream { requestEnded(frame.streamID) }
        case .data(let payload):
            peer.callMoved()
            if case .byteBuffer(let buffer) = payload.data { receive(frame.streamID, buffer) }
            if payload.endStream { requestEnded(frame.streamID) }
        case .ping(_, ack: false):
            if !peer.mayPing(now) { hangUp("too_many_pings") }
        case .windowUpdate:
            if !peer.mayUpdateWindow(now) { hangUp("too_many_window_updates") }
        default:
            // NIOHTTP2 has acted on everything else; a reset shows as StreamClosedEvent.
            break
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let window as NIOHTTP2WindowUpdatedEvent:
            if let size = window.inboundWindowSize { refillWindow(window.streamID, size) }
        case let closed as StreamClosedEvent:
            streams.removeValue(forKey: closed.streamID)?.cancel()
            if streams.isEmpty { idleSince = .now() }
            closeIfDrained()
        case is ChannelShouldQuiesceEvent:
            drain()
        default:
            break
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("grpc connection error", metadata: ["error": "\(error)", "peer": "\(remoteAddress ?? "")"])
        // NIOHTTP2 answers an error of one stream with RST_STREAM, one of the connection with GOAWAY.
        let isStreamError = error is any NIOHTTP2Error || error is NIOHTTP2Errors.StreamError
        if watcher.hasFailed || !isStreamError { context.close(promise: nil) }
    }

    /// Opens the window again when half of it is used. What a stream may hold is bounded by the message
    /// limit and all together by the budget, so that windows need not be.
    private func refillWindow(_ id: HTTP2StreamID, _ size: Int) {
        let target: Int
        if id == .rootStream {
            target = limits.connectionWindowBytes
        } else {
            guard let stream = streams[id], !stream.isRequestComplete, !stream.isAnswered else { return }
            target = limits.streamWindowBytes
        }
        guard size <= target / 2 else { return }
        write(id, .windowUpdate(windowSizeIncrement: target - size))
    }

    /// Ends the connection of a client that asks for too much; `reason` is for whoever looks after the client.
    private func hangUp(_ reason: String) {
        guard !isClosing, let context else { return }
        logger.debug("grpc connection closed", metadata: ["reason": "\(reason)", "peer": "\(remoteAddress ?? "")"])
        close(.enhanceYourCalm, ByteBuffer(string: reason), context)
    }

    /// Calls that have begun go on; the client starts new ones elsewhere.
    private func drain() {
        guard !isDraining else { return }
        isDraining = true
        write(.rootStream, .goAway(lastStreamID: lastStreamID, errorCode: .noError, opaqueData: nil))
        context?.flush()
        closeIfDrained()
    }

    private func closeIfDrained() {
        guard isDraining, !isClosing, streams.isEmpty, let context else { return }
        // The second GOAWAY says nothing new; when it is written, so is every answer before it.
        close(.noError, nil, context)
    }

    /// Says GOAWAY, and closes once that is written.
    private func close(_ code: HTTP2ErrorCode, _ reason: ByteBuffer?, _ context: ChannelHandlerContext) {
        isClosing = true
        let written = context.eventLoop.makePromise(of: Void.self)
        write(.rootStream, .goAway(lastStreamID: lastStreamID, errorCode: code, opaqueData: reason), written)
        let channel = context.channel
        written.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.flush()
    }

    private func startSweeping(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let shortest = min(
            limits.readTimeout, limits.idleTimeout, limits.keepAliveInterval, limits.keepAliveTimeout)
        let interval = TimeAmount(shortest / 2)
        sweeper = context.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            bound.value.sweep()
        }
    }

    /// Ends what makes no progress: half-sent requests, answers nobody reads, connections without calls or client.
    private func sweep() {
        let now = NIODeadline.now()
        switch peer.care(now) {
        case .nothing: break
        case .ping:
            write(.rootStream, .ping(HTTP2PingData(withInteger: 0), ack: false))
            context?.flush()
        case .close:
            context?.close(promise: nil)
            return
        }
        if streams.isEmpty, now - idleSince > TimeAmount(limits.idleTimeout) { drain() }
        let readTimeout = TimeAmount(limits.readTimeout)
        for (id, stream) in streams where stream.waitedForPeer(now) > readTimeout { reset(id) }
    }
}
