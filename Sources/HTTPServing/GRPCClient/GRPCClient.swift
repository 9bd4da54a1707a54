import NIOCore
import NIOHTTP2
import NIOPosix

/// The client side of unary gRPC calls: one connection over cleartext HTTP/2 with prior knowledge, any number of calls
/// at once. May be used from any task.
///
/// It does not connect again: when the connection is lost, or the server says that it goes away, calls end with
/// UNAVAILABLE and ``isUsable`` is false from then on.
package final class GRPCClient: Sendable {
    private let channel: any Channel
    private let connection: NIOLoopBound<GRPCClientConnection>

    private init(channel: any Channel, connection: NIOLoopBound<GRPCClientConnection>) {
        self.channel = channel
        self.connection = connection
    }

    /// - Parameters:
    ///   - host: a host name or an IP address, IPv6 without brackets.
    ///   - group: the event loops to use; nil means the process-wide ones.
    /// - Throws: UNAVAILABLE when nobody answers there within ``GRPCClientLimits/connectTimeout``.
    package static func connect(
        host: String, port: Int, limits: GRPCClientLimits = GRPCClientLimits(), group: (any EventLoopGroup)? = nil
    ) async throws(GRPCStatus) -> GRPCClient {
        let authority = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        let bootstrap = ClientBootstrap(group: group ?? MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(TimeAmount(limits.connectTimeout))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
        do {
            return try await bootstrap.connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = GRPCClientConnection(authority: authority, limits: limits)
                    try channel.pipeline.syncOperations.addHandler(
                        NIOHTTP2Handler(
                            mode: .client, connectionConfiguration: configuration(limits),
                            streamConfiguration: NIOHTTP2Handler.StreamConfiguration()))
                    try channel.pipeline.syncOperations.addHandler(handler)
                    return GRPCClient(
                        channel: channel, connection: NIOLoopBound(handler, eventLoop: channel.eventLoop))
                }
            }
        } catch {
            throw GRPCStatus(.unavailable, "cannot connect to \(authority): \(error)")
        }
    }

    /// Makes one call and waits for its end, whatever it is; cancelling the task does not end it.
    ///
    /// - Parameters:
    ///   - path: `/package.Service/Method`.
    ///   - message: the request's message, without a prefix; sent as it is.
    ///   - encoding: how the message is compressed already.
    ///   - timeout: told to the server, and enforced here with DEADLINE_EXCEEDED.
    package func unary(
        _ path: String, _ message: [UInt8], encoding: ContentEncoding = .identity, timeout: Duration
    ) async -> GRPCResponse {
        await withCheckedContinuation { continuation in
            channel.eventLoop.execute { [connection] in
                connection.value.begin(path: path, message: message, encoding: encoding, timeout: timeout) {
                    continuation.resume(returning: $0)
                }
            }
        }
    }

    /// False once the connection is lost or takes no more calls.
    package var isUsable: Bool {
        get async {
            await withCheckedContinuation { continuation in
                channel.eventLoop.execute { [connection] in continuation.resume(returning: connection.value.isUsable) }
            }
        }
    }

    /// Closes the connection; calls under way end with UNAVAILABLE. May be called twice.
    package func close() async {
        try? await channel.close()
    }

    private static func configuration(_ limits: GRPCClientLimits) -> NIOHTTP2Handler.ConnectionConfiguration {
        var configuration = NIOHTTP2Handler.ConnectionConfiguration()
        configuration.initialSettings = [
            HTTP2Setting(parameter: .enablePush, value: 0),
            HTTP2Setting(parameter: .maxHeaderListSize, value: limits.maxHeaderListBytes),
            HTTP2Setting(parameter: .initialWindowSize, value: limits.windowBytes),
        ]
        return configuration
    }
}

/// Limits of a gRPC client.
package struct GRPCClientLimits: Sendable {
    /// Bytes of one answer: 4 MiB, the default of every gRPC client. Past it the call ends with RESOURCE_EXHAUSTED.
    package var maxMessageBytes = 4 << 20

    /// Bytes of an answer's header list: 32 KiB, twice the usual 16. Past it the connection is closed.
    package var maxHeaderListBytes = 32 << 10

    /// Flow control window of the connection and of each stream: 4 MiB, so that a usual answer never waits.
    package var windowBytes = 4 << 20

    /// 5 s: a loopback or data-centre connection takes milliseconds. Past it connecting fails with UNAVAILABLE.
    package var connectTimeout: Duration = .seconds(5)

    package init() {}
}
