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

    private let methods: [String: GRPCMethod]
    let limits: GRPCLimits
    private let budget: BufferBudget
    private let watcher: GoAwayWatcher
    private let logger: Logger
    var streams: [HTTP2StreamID: GRPCStream] = [:]
    private var context: ChannelHandlerContext?
    private var remoteAddress: String?
    private var lastStreamID = HTTP2StreamID.rootStream
    /// Tasks that have not ended yet, those of cancelled calls included.
    private var runningTasks = 0
    private var isDraining = false
    private var isClosing = false
    private var idleSince = NIODeadline.now()
    private var sweeper: RepeatedTask?

    init(
        methods: [String: GRPCMethod], limits: GRPCLimits, budget: BufferBudget, watcher: GoAwayWatcher, logger: Logger
    ) {
        self.methods = methods
        self.limits = limits
        self.budget = budget
        self.watcher = watcher
        self.logger = logger
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
        switch frame.payload {
        case .headers(let payload):
            if streams[frame.streamID] == nil {
                begin(frame.streamID, payload.headers)
            }
            if payload.endStream { requestEnded(frame.streamID) }
        case .data(let payload):
            if case .byteBuffer(let buffer) = payload.data { receive(frame.streamID, buffer) }
            if payload.endStream { requestEnded(frame.streamID) }
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

    // MARK: requests

    private func begin(_ id: HTTP2StreamID, _ headers: HPACKHeaders) {
        lastStreamID = max(lastStreamID, id)
        // Known before it is judged, so that every answer takes the same way.
        let stream = GRPCStream(reservation: BufferReservation(budget), limitBytes: limits.maxMessageBytes)
        streams[id] = stream
        do throws(GRPCCallHead.Refusal) {
            let head = try GRPCCallHead(headers, methods: methods)
            guard runningTasks < limits.maxConcurrentStreams * 2 else {
                throw .status(GRPCStatus(.unavailable, "too many calls are still running"), acceptEncoding: false)
            }
            stream.head = head
            if let timeout = head.timeout { startTimer(id, timeout) }
        } catch {
            switch error {
            case .http(let status): answer(id, headersOnly: [":status": "\(status)"])
            case .status(let status, let acceptEncoding):
                answer(id, headersOnly: GRPCHeaders.trailersOnly(status, acceptEncoding: acceptEncoding))
            }
        }
    }

    private func receive(_ id: HTTP2StreamID, _ buffer: ByteBuffer) {
        guard let stream = streams[id], !stream.isAnswered, buffer.readableBytes > 0 else { return }
        guard stream.reservation.grow(buffer.readableBytes) else {
            fail(id, .buffersFull)
            return
        }
        stream.lastProgress = .now()
        do throws(GRPCStatus) {
            try stream.assembler.append(buffer)
        } catch {
            fail(id, error)
        }
    }

    private func requestEnded(_ id: HTTP2StreamID) {
        guard let stream = streams[id] else { return }
        stream.isRequestComplete = true
        guard !stream.isAnswered, let head = stream.head else { return }
        do throws(GRPCStatus) {
            let request = try stream.assembler.finish()
            run(
                id,
                GRPCCall(
                    head: head, isCompressed: request.isCompressed, wireMessage: request.message,
                    deadline: stream.deadline, remoteAddress: remoteAddress, limitBytes: limits.maxMessageBytes,
                    reservation: stream.reservation))
        } catch {
            fail(id, error)
        }
    }

    private func run(_ id: HTTP2StreamID, _ call: GRPCCall) {
        guard let context else { return }
        let loop = context.eventLoop
        let bound = NIOLoopBound(self, eventLoop: loop)
        let writer = GRPCResponseWriter { message in
            let sent = loop.makePromise(of: Void.self)
            loop.execute { bound.value.send(id, message, sent) }
            try await sent.futureResult.get()
        }
        runningTasks += 1
        streams[id]?.task = Task {
            let outcome = await call.run(writer)
            loop.execute { bound.value.ended(id, outcome) }
        }
    }

    private func ended(_ id: HTTP2StreamID, _ outcome: GRPCCall.Outcome) {
        runningTasks -= 1
        guard let stream = streams[id], !stream.isAnswered else { return }
        switch outcome {
        case .unary(let message): answer(id, message)
        case .status(let status): fail(id, status)
        }
    }

    private func startTimer(_ id: HTTP2StreamID, _ timeout: Duration) {
        guard let context else { return }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        // A year is for ever; more would not fit a timer.
        let timeout = min(timeout, .seconds(365 * 86_400))
        streams[id]?.deadline = .now + timeout
        streams[id]?.timer = context.eventLoop.scheduleTask(in: TimeAmount(timeout)) {
            bound.value.deadlinePassed(id)
        }
    }

    private func deadlinePassed(_ id: HTTP2StreamID) {
        guard let stream = streams[id], !stream.isAnswered else { return }
        stream.task?.cancel()
        fail(id, GRPCStatus(.deadlineExceeded, "the deadline of the call has passed"))
    }

    // MARK: answers

    private func answer(_ id: HTTP2StreamID, _ message: [UInt8]) {
        streams[id]?.isAnswered = true
        write(id, .headers(.init(headers: GRPCHeaders.response)))
        write(id, .data(.init(data: .byteBuffer(frame(message)))))
        write(id, .headers(.init(headers: GRPCHeaders.okTrailers, endStream: true)))
        context?.flush()
    }

    /// One message of a stream; `sent` completes when it has left for the network.
    private func send(_ id: HTTP2StreamID, _ message: [UInt8], _ sent: EventLoopPromise<Void>) {
        guard let stream = streams[id], !stream.isAnswered else {
            sent.fail(CancellationError())
            return
        }
        if !stream.hasSentHeaders {
            stream.hasSentHeaders = true
            write(id, .headers(.init(headers: GRPCHeaders.response)))
        }
        stream.lastProgress = .now()
        write(id, .data(.init(data: .byteBuffer(frame(message)))), sent)
        context?.flush()
    }

    private func fail(_ id: HTTP2StreamID, _ status: GRPCStatus) {
        guard let stream = streams[id], !stream.isAnswered else { return }
        guard stream.hasSentHeaders else {
            answer(id, headersOnly: GRPCHeaders.trailersOnly(status))
            return
        }
        stream.isAnswered = true
        if status.code == .deadlineExceeded {
            // Trailers would wait behind messages that the client has no window for.
            write(id, .rstStream(.cancel))
        } else {
            write(id, .headers(.init(headers: GRPCHeaders.trailers(status), endStream: true)))
        }
        context?.flush()
    }

    /// Ends the stream with one header block; a client still sending is told to stop, without an error.
    private func answer(_ id: HTTP2StreamID, headersOnly headers: HPACKHeaders) {
        guard let stream = streams[id] else { return }
        stream.isAnswered = true
        write(id, .headers(.init(headers: headers, endStream: true)))
        if !stream.isRequestComplete { write(id, .rstStream(.noError)) }
        context?.flush()
    }

    private func frame(_ message: [UInt8]) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: 5 + message.count)
        buffer.writeInteger(UInt8(0))
        buffer.writeInteger(UInt32(truncatingIfNeeded: message.count))
        buffer.writeBytes(message)
        return buffer
    }

    /// Writing may close the stream and call back into this handler before it returns.
    private func write(
        _ id: HTTP2StreamID, _ payload: HTTP2Frame.FramePayload, _ promise: EventLoopPromise<Void>? = nil
    ) {
        guard let context else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        context.write(wrapOutboundOut(HTTP2Frame(streamID: id, payload: payload)), promise: promise)
    }

    // MARK: the connection

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
        isClosing = true
        // The second GOAWAY says nothing new; when it is written, so is every answer before it.
        let written = context.eventLoop.makePromise(of: Void.self)
        write(
            .rootStream, .goAway(lastStreamID: lastStreamID, errorCode: .noError, opaqueData: nil), written)
        let channel = context.channel
        written.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.flush()
    }

    private func startSweeping(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let interval = TimeAmount(min(limits.readTimeout, limits.idleTimeout) / 2)
        sweeper = context.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            bound.value.sweep()
        }
    }

    /// Ends what makes no progress: half-sent requests, answers nobody reads, connections without calls.
    private func sweep() {
        let now = NIODeadline.now()
        if streams.isEmpty, now - idleSince > TimeAmount(limits.idleTimeout) { drain() }
        let readTimeout = TimeAmount(limits.readTimeout)
        for (id, stream) in streams where stream.isWaitingForPeer && now - stream.lastProgress > readTimeout {
            write(id, .rstStream(.cancel))
        }
        context?.flush()
    }
}
