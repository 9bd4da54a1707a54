import NIOCore
import NIOPosix
import Synchronization

/// Binds a port, counts connections and stops in an orderly way; what is spoken on a connection is
/// decided by `configure`.
final class SocketListener: Sendable {
    /// Sets up the pipeline of an accepted connection, on its event loop.
    typealias Configure = @Sendable (any Channel, ConnectionRegistry) -> EventLoopFuture<Void>

    private enum Phase {
        case idle
        case starting
        case running(any Channel)
        case stopped
    }

    /// Connections that wait to be accepted; the kernel refuses more. 1,024 carries a restart of many agents.
    private static let backlogConnections: Int32 = 1_024

    /// Bytes read at once: up to 256 KiB, a batch of 512 spans, so that a body of that size is one or two reads and
    /// not five. It adapts to what comes, so that a connection that says little holds little.
    private static let receiveBuffers = AdaptiveRecvByteBufferAllocator(
        minimum: 4 << 10, initial: 64 << 10, maximum: 256 << 10)

    /// Reads of one connection before others have their turn. One, since a connection keeps as many receive buffers:
    /// so all `maxConnections` together never keep more than 256 MiB, and that only while all send at full speed.
    private static let readsAtOnce: UInt = 1

    private let phase = Mutex(Phase.idle)
    private let registry: ConnectionRegistry
    private let address: ListenerAddress
    private let group: any EventLoopGroup
    private let allowsHalfClosure: Bool
    private let configure: Configure

    /// - Parameter allowsHalfClosure: whether a peer that has said all it will may still be answered.
    init(
        address: ListenerAddress, maxConnections: Int, allowsHalfClosure: Bool, group: any EventLoopGroup,
        configure: @escaping Configure
    ) {
        self.address = address
        self.group = group
        self.allowsHalfClosure = allowsHalfClosure
        self.configure = configure
        registry = ConnectionRegistry(maxConnections: maxConnections)
    }

    /// Binds and accepts. A listener starts once.
    func start() async throws(ListenerError) -> BoundAddress {
        let mayStart = phase.withLock { phase in
            guard case .idle = phase else { return false }
            phase = .starting
            return true
        }
        guard mayStart else { throw .notStartable(address) }
        let channel = try await bind()
        let isWanted = phase.withLock { phase in
            guard case .starting = phase else { return false }
            phase = .running(channel)
            return true
        }
        guard isWanted, let port = channel.localAddress?.port else {
            channel.close(promise: nil)
            throw .notStartable(address)
        }
        return BoundAddress(name: address.name, host: address.host, port: port)
    }

    /// Stops accepting, tells each connection to finish what it has begun and waits for them until
    /// `deadline`; what is open then is closed and its tasks are cancelled. Calling it again waits too.
    func shutdown(deadline: ContinuousClock.Instant) async {
        let server = phase.withLock { phase -> (any Channel)? in
            defer { phase = .stopped }
            if case .running(let channel) = phase { return channel }
            return nil
        }
        if let server { await Self.finished(server.close()) }
        let connections = registry.beginDraining()
        for connection in connections {
            connection.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        }
        let left = TimeAmount(max(.zero, ContinuousClock.now.duration(to: deadline)))
        let force = group.next().scheduleTask(in: left) { [registry] in registry.closeAll() }
        for connection in connections { await Self.finished(connection.closeFuture) }
        force.cancel()
    }

    private func bind() async throws(ListenerError) -> any Channel {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(ChannelOptions.backlog, value: Self.backlogConnections)
            .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(ChannelOptions.socketOption(.so_keepalive), value: 1)
            .childChannelOption(ChannelOptions.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(ChannelOptions.recvAllocator, value: Self.receiveBuffers)
            .childChannelOption(ChannelOptions.maxMessagesPerRead, value: Self.readsAtOnce)
            .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: allowsHalfClosure)
            .childChannelInitializer { [registry, configure] channel in
                guard registry.admit(channel) else { return channel.close() }
                return configure(channel, registry)
            }
        do {
            return try await bootstrap.bind(host: address.host, port: address.port).get()
        } catch {
            phase.withLock { $0 = .stopped }
            throw ListenerError(error, address: address)
        }
    }

    /// Waits for `future`; closing has no outcome that anybody could act on.
    private static func finished(_ future: EventLoopFuture<Void>) async {
        await withCheckedContinuation { continuation in
            future.whenComplete { _ in continuation.resume() }
        }
    }
}
