import Logging
import NIOCore
import NIOHTTP2
import NIOPosix

/// A gRPC server over cleartext HTTP/2 with prior knowledge, with unary and server-streaming methods.
///
/// Prints nothing; says through `onListening` when it is bound. Serves once: after `shutdown` it cannot be
/// started again. All methods may be called from any task.
package final class GRPCServer: Sendable {
    private let listener: SocketListener
    private let onListening: @Sendable (BoundAddress) -> Void

    /// - Parameters:
    ///   - methods: by path, `/package.Service/Method`.
    ///   - admission: what messages may hold together, and whether calls are taken now.
    ///   - group: the event loops to use; nil means the process-wide ones.
    ///   - onRefusal: called with the status of every message that is refused before its method sees it, such as one
    ///     over the size limit, to count it; from an event loop or a task, so it must not block.
    ///   - onListening: called once, before `start` returns.
    package init(
        address: ListenerAddress, limits: GRPCLimits = GRPCLimits(), admission: GRPCAdmission,
        methods: [String: GRPCMethod], logger: Logger,
        group: (any EventLoopGroup)? = nil, onRefusal: @escaping @Sendable (GRPCStatus) -> Void = { _ in },
        onListening: @escaping @Sendable (BoundAddress) -> Void = { _ in }
    ) {
        self.onListening = onListening
        let (connection, stream) = Self.configuration(limits)
        listener = SocketListener(
            address: address, maxConnections: limits.maxConnections, allowsHalfClosure: false,
            group: group ?? MultiThreadedEventLoopGroup.singleton
        ) { channel, _ in
            channel.eventLoop.makeCompletedFuture {
                let watcher = GoAwayWatcher()
                let pipeline = channel.pipeline.syncOperations
                try pipeline.addHandler(
                    NIOHTTP2Handler(
                        mode: .server, frameDelegate: watcher, connectionConfiguration: connection,
                        streamConfiguration: stream))
                try pipeline.addHandler(
                    GRPCConnection(
                        methods: methods, limits: limits, admission: admission, watcher: watcher, logger: logger,
                        onRefusal: onRefusal))
            }
        }
    }

    /// Binds the port and serves in the background.
    package func start() async throws(ListenerError) -> BoundAddress {
        let address = try await listener.start()
        onListening(address)
        return address
    }

    /// Stops accepting, says GOAWAY, lets calls in flight finish until `deadline`, then closes the rest and
    /// cancels their tasks. Before `start` it only prevents the start.
    package func shutdown(deadline: ContinuousClock.Instant) async {
        await listener.shutdown(deadline: deadline)
    }

    private static func configuration(
        _ limits: GRPCLimits
    ) -> (NIOHTTP2Handler.ConnectionConfiguration, NIOHTTP2Handler.StreamConfiguration) {
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        connection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: limits.maxConcurrentStreams),
            HTTP2Setting(parameter: .maxHeaderListSize, value: limits.maxHeaderListBytes),
            HTTP2Setting(parameter: .initialWindowSize, value: limits.streamWindowBytes),
            HTTP2Setting(parameter: .maxFrameSize, value: limits.maxFrameBytes),
        ]
        // Frames of a call that was refused may still be on their way; they are no error.
        connection.maximumRecentlyResetStreams = limits.maxConcurrentStreams
        connection.maximumSequentialContinuationFrames = limits.maxContinuationFrames
        connection.maximumSequentialEmptyDataFrames = limits.maxEmptyDataFrames
        connection.maximumBufferedControlFrames = limits.maxUnreadControlFrames
        connection.maximumConnectionGlitches = limits.maxStreamErrors
        connection.controlFrameRateLimit.maximumCount = limits.maxControlFrames
        connection.controlFrameRateLimit.windowLength = TimeAmount(limits.rateWindow)
        var stream = NIOHTTP2Handler.StreamConfiguration()
        stream.streamResetFrameRateLimit.maximumCount = limits.maxResets
        stream.streamResetFrameRateLimit.windowLength = TimeAmount(limits.rateWindow)
        return (connection, stream)
    }
}
