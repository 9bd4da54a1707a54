import NIOCore

/// Tells those who work for a connection that its client has closed it.
///
/// The client's end of input counts as gone, as it does for Go's HTTP server: nothing tells a half-closed connection
/// from a closed one before something is written.
///
/// The state is touched on the channel's event loop alone.
private final class ClientPresence: ChannelInboundHandler {
    typealias InboundIn = NIOAny
    typealias InboundOut = NIOAny

    private var watchers: [UInt64: @Sendable () -> Void] = [:]
    private var nextID: UInt64 = 0
    private var isGone = false

    /// Calls `body` once, at once if the client has gone already, unless ``forget(_:)`` comes before.
    func watch(_ body: @escaping @Sendable () -> Void) -> UInt64 {
        if isGone { body() } else { watchers[nextID] = body }
        defer { nextID += 1 }
        return nextID
    }

    func forget(_ id: UInt64) { watchers[id] = nil }

    private func leave() {
        isGone = true
        let all = watchers.values
        watchers = [:]
        for watcher in all { watcher() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { leave() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        leave()
        context.fireErrorCaught(error)
    }
}

/// Runs `body` and calls `onClose` if `channel` is closed by its client meanwhile, at most once.
func withClientPresence<Result: Sendable>(
    on channel: any Channel, onClose: @escaping @Sendable () -> Void, _ body: () async throws -> Result
) async throws -> Result {
    let id = try? await channel.eventLoop.submit { () throws -> UInt64 in
        let pipeline = channel.pipeline.syncOperations
        if let presence = try? pipeline.handler(type: ClientPresence.self) { return presence.watch(onClose) }
        let presence = ClientPresence()
        // First, so that no other handler can keep the end of input to itself.
        try pipeline.addHandler(presence, position: .first)
        return presence.watch(onClose)
    }.get()
    defer {
        if let id {
            channel.eventLoop.execute {
                (try? channel.pipeline.syncOperations.handler(type: ClientPresence.self))?.forget(id)
            }
        }
    }
    return try await body()
}
