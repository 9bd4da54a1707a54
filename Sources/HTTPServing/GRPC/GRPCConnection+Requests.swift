import NIOCore
import NIOHPACK
import NIOHTTP2

/// From header fields and DATA frames to a running method.
extension GRPCConnection {
    /// - Parameter endStream: the client sends no more than this, so that a refusal need not stop it.
    func begin(_ id: HTTP2StreamID, _ headers: HPACKHeaders, endStream: Bool) {
        lastStreamID = max(lastStreamID, id)
        // NIOHTTP2 holds a client to the limit once that has acknowledged it; one that never does is held to it here.
        guard streams.count < limits.maxConcurrentStreams else {
            write(id, .rstStream(.refusedStream))
            context?.flush()
            return
        }
        // Known before it is judged, so that every answer takes the same way.
        let stream = GRPCStream(reservation: BufferReservation(admission.budget), limitBytes: limits.maxMessageBytes)
        stream.isRequestComplete = endStream
        streams[id] = stream
        do throws(GRPCCallHead.Refusal) {
            let head = try GRPCCallHead(headers, methods: methods)
            guard runningTasks < limits.maxConcurrentStreams * 2 else {
                throw .status(GRPCStatus(.unavailable, "too many calls are still running"), acceptEncoding: false)
            }
            // Before its message comes, so that it is never held.
            if let status = admission.refusal() { throw .status(status, acceptEncoding: false) }
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

    func receive(_ id: HTTP2StreamID, _ buffer: ByteBuffer) {
        guard let stream = streams[id], !stream.isAnswered, buffer.readableBytes > 0 else { return }
        guard stream.reservation.grow(buffer.readableBytes) else {
            refuse(id, admission.buffersFull)
            return
        }
        do throws(GRPCStatus) {
            try stream.assembler.append(buffer)
        } catch {
            refuse(id, error)
        }
    }

    /// Ends a call whose message its method does not get to see.
    private func refuse(_ id: HTTP2StreamID, _ status: GRPCStatus) {
        onRefusal(status)
        finish(id, status)
    }

    func requestEnded(_ id: HTTP2StreamID) {
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
                    reservation: stream.reservation, buffersFull: admission.buffersFull, onRefusal: onRefusal))
        } catch {
            refuse(id, error)
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
        case .status(let status): finish(id, status)
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
        if stream.hasSentHeaders {
            // Trailers would wait behind messages that the client has no window for.
            reset(id)
        } else {
            finish(id, GRPCStatus(.deadlineExceeded, "the deadline of the call has passed"))
        }
    }
}
