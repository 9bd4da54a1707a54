import NIOCore
import NIOPosix
import Synchronization

/// A TCP connection that writes and reads bytes, and nothing else.
final class RawClient: Sendable {
    /// Long enough for a busy machine; a test that runs into it has failed.
    static let patience = TimeAmount.seconds(20)

    private let channel: any Channel
    private let inbox: Inbox

    /// - Parameter reads: false leaves what the server sends in the socket.
    static func connect(port: Int, reads: Bool = true) async throws -> RawClient {
        let inbox = Inbox()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
            .channelOption(ChannelOptions.autoRead, value: reads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(inbox))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return RawClient(channel: channel, inbox: inbox)
    }

    private init(channel: any Channel, inbox: Inbox) {
        self.channel = channel
        self.inbox = inbox
    }

    func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
    }

    func finishSending() async throws { try await channel.close(mode: .output) }

    func close() { channel.close(promise: nil) }

    /// Waits until the bytes received satisfy `predicate` or the peer has closed; returns all bytes received.
    func receive(until predicate: @escaping @Sendable ([UInt8]) -> Bool) async throws -> [UInt8] {
        let promise = channel.eventLoop.makePromise(of: [UInt8].self)
        let timer = channel.eventLoop.scheduleTask(in: Self.patience) { promise.fail(TimedOut()) }
        inbox.wait(predicate, promise)
        defer { timer.cancel() }
        return try await promise.futureResult.get()
    }

    func receiveText(until text: String) async throws -> String {
        let bytes = try await receive { String(decoding: $0, as: UTF8.self).contains(text) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Everything until the peer closes.
    func receiveToEnd() async throws -> [UInt8] { try await receive { _ in false } }

    struct TimedOut: Error {}

    private final class Inbox: Sendable {
        private struct State {
            var bytes: [UInt8] = []
            var isClosed = false
            var waiter: (predicate: @Sendable ([UInt8]) -> Bool, promise: EventLoopPromise<[UInt8]>)?
        }
        private let state = Mutex(State())

        func wait(_ predicate: @escaping @Sendable ([UInt8]) -> Bool, _ promise: EventLoopPromise<[UInt8]>) {
            update { $0.waiter = (predicate, promise) }
        }

        func append(_ bytes: [UInt8]) { update { $0.bytes += bytes } }

        func close() { update { $0.isClosed = true } }

        private func update(_ change: (inout State) -> Void) {
            let ready = state.withLock { state -> (EventLoopPromise<[UInt8]>, [UInt8])? in
                change(&state)
                guard let waiter = state.waiter, state.isClosed || waiter.predicate(state.bytes) else { return nil }
                state.waiter = nil
                return (waiter.promise, state.bytes)
            }
            if let (promise, bytes) = ready { promise.succeed(bytes) }
        }
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let inbox: Inbox

        init(_ inbox: Inbox) { self.inbox = inbox }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            inbox.append(Array(unwrapInboundIn(data).readableBytesView))
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if let event = event as? ChannelEvent, event == .inputClosed { inbox.close() }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            inbox.close()
            context.close(promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) { inbox.close() }
    }
}

/// An event that one task announces and another waits for.
final class Signal: Sendable {
    private struct State {
        var isSet = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    func set() {
        let waiters = state.withLock { state in
            defer { state.waiters = [] }
            state.isSet = true
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isSet = state.withLock { state in
                if !state.isSet { state.waiters.append(continuation) }
                return state.isSet
            }
            if isSet { continuation.resume() }
        }
    }
}
