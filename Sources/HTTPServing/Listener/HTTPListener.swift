import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix

/// An HTTP/1.1 listener (keep-alive, pipelining) that answers with a Hummingbird router.
///
/// Prints nothing; says through `onListening` when it is bound. Serves once: after `shutdown` it cannot be
/// started again. All methods may be called from any task.
package final class HTTPListener: Sendable {
    private let listener: SocketListener
    private let onListening: @Sendable (BoundAddress) -> Void

    /// - Parameters:
    ///   - responder: a router's `buildResponder()`, or any other responder.
    ///   - group: the event loops to use; nil means the process-wide ones.
    ///   - onListening: called once, before `start` returns.
    package init<Responder: HTTPResponder>(
        address: ListenerAddress, limits: HTTPLimits = HTTPLimits(), responder: Responder, logger: Logger,
        group: (any EventLoopGroup)? = nil, onListening: @escaping @Sendable (BoundAddress) -> Void = { _ in }
    ) where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
        self.onListening = onListening
        let exchange = HTTPExchange(responder: responder, limits: limits, logger: logger)
        let protocolHandler = HTTP1Channel(
            responder: { try await exchange.answer($0, writer: $1, channel: $2) },
            configuration: .init(
                idleTimeout: TimeAmount(limits.idleTimeout),
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: limits.maxHeaderBytes, maxHeaderListSize: limits.maxHeaderBytes,
                    maxHeaderFieldCount: limits.maxHeaderFields)))
        listener = SocketListener(
            address: address, maxConnections: limits.maxConnections, allowsHalfClosure: true,
            group: group ?? MultiThreadedEventLoopGroup.singleton
        ) { channel, registry in
            protocolHandler.setup(channel: channel, logger: logger).map { connection in
                let task = Task { await protocolHandler.handle(value: connection, logger: logger) }
                registry.attach(task, to: channel)
            }
        }
    }

    /// Binds the port and serves in the background.
    package func start() async throws(ListenerError) -> BoundAddress {
        let address = try await listener.start()
        onListening(address)
        return address
    }

    /// Stops accepting, lets requests in flight finish until `deadline`, then closes the rest. Before `start`
    /// it only prevents the start.
    package func shutdown(deadline: ContinuousClock.Instant) async {
        await listener.shutdown(deadline: deadline)
    }
}
