import NIOCore
import NIOHPACK
import NIOHTTP2

/// All calls of one client connection, behind `NIOHTTP2Handler`. Runs on its event loop alone.
final class GRPCClientConnection: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    /// Stream ids have 31 bits (RFC 9113 section 5.1.1).
    private static let streamIDMax = Int(Int32.max)

    private struct Call {
        var answer: GRPCClientAnswer
        let timer: Scheduled<Void>
        let complete: (GRPCResponse) -> Void
    }

    private let authority: String
    private let limits: GRPCClientLimits
    private var calls: [HTTP2StreamID: Call] = [:]
    private var context: ChannelHandlerContext?
    /// Clients use odd numbers.
    private var nextStreamID = 1
    private var isGoingAway = false

    init(authority: String, limits: GRPCClientLimits) {
        self.authority = authority
        self.limits = limits
    }

    var isUsable: Bool { context?.channel.isActive == true && !isGoingAway && nextStreamID <= Self.streamIDMax }

    /// Starts a call; `complete` is called once, on the event loop.
    func begin(
        path: String, message: [UInt8], encoding: ContentEncoding, timeout: Duration,
        _ complete: @escaping (GRPCResponse) -> Void
    ) {
        guard let context, isUsable else {
            complete(.failure(GRPCStatus(.unavailable, "the connection to \(authority) is closed")))
            return
        }
        let id = HTTP2StreamID(nextStreamID)
        nextStreamID += 2
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let timer = context.eventLoop.scheduleTask(in: TimeAmount(timeout)) { bound.value.deadlinePassed(id) }
        calls[id] = Call(
            answer: GRPCClientAnswer(limitBytes: limits.maxMessageBytes), timer: timer, complete: complete)
        let headers = GRPCClientHeaders.request(
            path: path, authority: authority, encoding: encoding, timeout: timeout)
        write(id, .headers(.init(headers: headers)))
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.whenFailure { error in
            bound.value.end(id, .failure(GRPCStatus(.unavailable, "the request could not be sent: \(error)")))
        }
        let frame = GRPCFrame.buffer(message, isCompressed: encoding != .identity)
        write(id, .data(.init(data: .byteBuffer(frame), endStream: true)), sent)
        context.flush()
    }

    // MARK: events of the channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        let increment = limits.windowBytes - GRPCConnection.initialConnectionWindowBytes
        if increment > 0 { write(.rootStream, .windowUpdate(windowSizeIncrement: increment)) }
        context.flush()
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        isGoingAway = true
        for id in Array(calls.keys) { end(id, .failure(GRPCStatus(.unavailable, "the connection was lost"))) }
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.payload {
        case .headers(let payload):
            receive(frame.streamID, isLast: payload.endStream) { answer throws(GRPCStatus) in
                try answer.append(payload.headers, isLast: payload.endStream)
            }
        case .data(let payload):
            guard case .byteBuffer(let buffer) = payload.data else { return }
            receive(frame.streamID, isLast: payload.endStream) { answer throws(GRPCStatus) in
                try answer.append(buffer)
            }
        case .goAway:
            isGoingAway = true
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
            end(closed.streamID, .failure(GRPCClientHeaders.status(reset: closed.reason)))
        default:
            break
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // An error of one stream shows as its end as well; any other leaves nothing to go on with.
        if !(error is NIOHTTP2Errors.StreamError) { context.close(promise: nil) }
    }

    // MARK: private

    private func receive(
        _ id: HTTP2StreamID, isLast: Bool, _ change: (inout GRPCClientAnswer) throws(GRPCStatus) -> Void
    ) {
        // Taken out while it changes, so that its bytes are not copied.
        guard var call = calls.removeValue(forKey: id) else { return }
        var response: GRPCResponse?
        do throws(GRPCStatus) {
            try change(&call.answer)
            if isLast { response = call.answer.finish() }
        } catch {
            if !isLast { reset(id) }
            response = .failure(error)
        }
        calls[id] = call
        if let response { end(id, response) }
    }

    private func end(_ id: HTTP2StreamID, _ response: GRPCResponse) {
        guard let call = calls.removeValue(forKey: id) else { return }
        call.timer.cancel()
        call.complete(response)
    }

    private func deadlinePassed(_ id: HTTP2StreamID) {
        guard calls[id] != nil else { return }
        end(id, .failure(GRPCStatus(.deadlineExceeded, "no answer within the deadline")))
        reset(id)
    }

    private func reset(_ id: HTTP2StreamID) {
        write(id, .rstStream(.cancel))
        context?.flush()
    }

    /// Opens a window again when half of it is used; an answer is bounded by the message limit.
    private func refillWindow(_ id: HTTP2StreamID, _ size: Int) {
        guard size <= limits.windowBytes / 2, id == .rootStream || calls[id] != nil else { return }
        write(id, .windowUpdate(windowSizeIncrement: limits.windowBytes - size))
        context?.flush()
    }

    private func write(
        _ id: HTTP2StreamID, _ payload: HTTP2Frame.FramePayload, _ promise: EventLoopPromise<Void>? = nil
    ) {
        guard let context else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        context.write(wrapOutboundOut(HTTP2Frame(streamID: id, payload: payload)), promise: promise)
    }
}
