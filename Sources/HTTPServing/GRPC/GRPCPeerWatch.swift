import NIOCore

/// What a client's frames say about the client: that it is alive, or that it asks for more attention than its calls
/// are worth. One for each connection; no I/O.
package struct GRPCPeerWatch {
    /// What to do about a connection that was looked after.
    package enum Care: Equatable, Sendable {
        case nothing
        /// Nothing came for `keepAliveInterval`: ask whether somebody is there.
        case ping
        /// Nothing came since the ping either.
        case close
    }

    private let limits: GRPCLimits
    private var lastFrame: NIODeadline
    private var pinged: NIODeadline?
    /// The client's last ping since a call moved.
    private var lastPing: NIODeadline?
    private var strikes = 0
    private var windowUpdates = 0
    private var windowUpdatesSince: NIODeadline

    package init(_ limits: GRPCLimits, now: NIODeadline) {
        self.limits = limits
        lastFrame = now
        windowUpdatesSince = now
    }

    /// A frame of any kind has come.
    package mutating func frameCame(_ now: NIODeadline) {
        lastFrame = now
        pinged = nil
    }

    /// A call went on, in either direction; pings that go with it, to measure bandwidth, are no nuisance.
    package mutating func callMoved() {
        lastPing = nil
        strikes = 0
    }

    /// False when the client has pinged too often without a call.
    package mutating func mayPing(_ now: NIODeadline) -> Bool {
        if let lastPing, now - lastPing < TimeAmount(limits.minPingInterval) { strikes += 1 }
        lastPing = now
        return strikes <= limits.maxPingStrikes
    }

    /// False when the client has sent more window updates than reading answers takes.
    package mutating func mayUpdateWindow(_ now: NIODeadline) -> Bool {
        if now - windowUpdatesSince > TimeAmount(limits.rateWindow) {
            windowUpdatesSince = now
            windowUpdates = 0
        }
        windowUpdates += 1
        return windowUpdates <= limits.maxWindowUpdates
    }

    /// Asked from time to time.
    package mutating func care(_ now: NIODeadline) -> Care {
        if let pinged { return now - pinged > TimeAmount(limits.keepAliveTimeout) ? .close : .nothing }
        guard now - lastFrame > TimeAmount(limits.keepAliveInterval) else { return .nothing }
        pinged = now
        return .ping
    }
}
