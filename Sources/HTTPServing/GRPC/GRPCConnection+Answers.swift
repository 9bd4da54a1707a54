import NIOCore
import NIOHPACK
import NIOHTTP2

/// From what a method answers to HEADERS and DATA frames.
extension GRPCConnection {
    /// The whole answer of a unary call.
    func answer(_ id: HTTP2StreamID, _ message: [UInt8]) {
        if let stream = streams[id] { ending(stream) }
        write(id, .headers(.init(headers: GRPCHeaders.response)))
        write(id, .data(.init(data: .byteBuffer(GRPCFrame.buffer(message)))))
        write(id, .headers(.init(headers: GRPCHeaders.okTrailers, endStream: true)))
        context?.flush()
    }

    /// One message of a stream; `sent` completes when it has left for the network.
    func send(_ id: HTTP2StreamID, _ message: [UInt8], _ sent: EventLoopPromise<Void>) {
        guard let stream = streams[id], !stream.isAnswered else {
            sent.fail(CancellationError())
            return
        }
        if !stream.hasSentHeaders {
            stream.hasSentHeaders = true
            write(id, .headers(.init(headers: GRPCHeaders.response)))
        }
        if stream.unsentMessages == 0 { stream.lastProgress = .now() }
        stream.unsentMessages += 1
        peer.callMoved()
        let sentStream = NIOLoopBound(stream, eventLoop: sent.futureResult.eventLoop)
        sent.futureResult.whenComplete { _ in
            sentStream.value.unsentMessages -= 1
            sentStream.value.lastProgress = .now()
        }
        write(id, .data(.init(data: .byteBuffer(GRPCFrame.buffer(message)))), sent)
        context?.flush()
    }

    /// Ends the stream with `status`, which may be OK.
    func finish(_ id: HTTP2StreamID, _ status: GRPCStatus) {
        guard let stream = streams[id], !stream.isAnswered else { return }
        guard stream.hasSentHeaders else {
            answer(id, headersOnly: GRPCHeaders.trailersOnly(status))
            return
        }
        ending(stream)
        write(id, .headers(.init(headers: GRPCHeaders.trailers(status), endStream: true)))
        context?.flush()
    }

    /// Ends the stream at once, and drops what of it is still unsent.
    func reset(_ id: HTTP2StreamID) {
        if let stream = streams[id] { ending(stream) }
        write(id, .rstStream(.cancel))
        context?.flush()
    }

    /// Ends the stream with one header block; a client still sending is told to stop, without an error.
    func answer(_ id: HTTP2StreamID, headersOnly headers: HPACKHeaders) {
        guard let stream = streams[id] else { return }
        ending(stream)
        write(id, .headers(.init(headers: headers, endStream: true)))
        if !stream.isRequestComplete { write(id, .rstStream(.noError)) }
        context?.flush()
    }

    /// From here on the client has `readTimeout` to take the answer.
    private func ending(_ stream: GRPCStream) {
        stream.isAnswered = true
        stream.lastProgress = .now()
        peer.callMoved()
    }

    /// Writing may close the stream and call back into this handler before it returns.
    func write(
        _ id: HTTP2StreamID, _ payload: HTTP2Frame.FramePayload, _ promise: EventLoopPromise<Void>? = nil
    ) {
        guard let context else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        context.write(wrapOutboundOut(HTTP2Frame(streamID: id, payload: payload)), promise: promise)
    }
}
