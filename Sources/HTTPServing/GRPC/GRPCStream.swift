import NIOCore
import NIOHTTP2

/// What a connection knows about one of its streams; confined to the connection's event loop.
final class GRPCStream {
    /// nil until the header fields are found good.
    var head: GRPCCallHead?
    var assembler: GRPCMessageAssembler
    let reservation: BufferReservation
    var deadline: ContinuousClock.Instant?
    var timer: Scheduled<Void>?
    var task: Task<Void, Never>?
    /// The client has said that it sends no more.
    var isRequestComplete = false
    var hasSentHeaders = false
    /// The status is on its way; nothing else may be sent.
    var isAnswered = false
    /// Messages that wait for the client's window or its socket.
    var unsentMessages = 0
    private let began = NIODeadline.now()
    /// When the client last took something.
    var lastProgress = NIODeadline.now()

    init(reservation: BufferReservation, limitBytes: Int) {
        self.reservation = reservation
        assembler = GRPCMessageAssembler(limitBytes: limitBytes)
    }

    /// How long the client has left its part undone: to complete its request, counted from the start, so that a byte
    /// now and then is no excuse; or to take what it is sent. Zero while the next move is the method's.
    func waitedForPeer(_ now: NIODeadline) -> TimeAmount {
        if isAnswered || unsentMessages > 0 { return now - lastProgress }
        return isRequestComplete ? .zero : now - began
    }

    func cancel() {
        timer?.cancel()
        task?.cancel()
    }
}

/// Notices when NIOHTTP2 gives a connection up: it says so to the peer, and to nobody else.
final class GoAwayWatcher: NIOHTTP2FrameDelegate {
    private(set) var hasFailed = false

    func wroteFrame(_ frame: HTTP2Frame) {
        if case .goAway(_, let code, _) = frame.payload, code != .noError { hasFailed = true }
    }
}
