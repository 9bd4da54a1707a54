import HTTPServing
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import OTLP
import QueryAPI
import Synchronization
import Testing
import TraceStorage

/// A store behind a real listener, and a client for it.
struct QueryServer {
    /// 2026-01-01T00:00:00Z.
    static let now: UInt64 = 1_767_225_600_000_000_000

    let port: Int

    /// Serves `store` while `body` runs.
    static func serving(
        _ store: any TraceReader, configuration: QueryConfiguration = QueryConfiguration(),
        _ body: (QueryServer) async throws -> Void
    ) async throws {
        let executor = QueryExecutor(configuration: configuration)
        let router = QueryAPI.router(
            store: store, configuration: configuration, executor: executor, now: { Self.now })
        let listener = HTTPListener(
            address: ListenerAddress(name: "query", host: "127.0.0.1", port: 0), responder: router.buildResponder(),
            logger: Logger(label: "test"))
        let port = try await listener.start().port
        do {
            try await body(QueryServer(port: port))
        } catch {
            await listener.shutdown(deadline: .now)
            await executor.shutdown()
            throw error
        }
        await listener.shutdown(deadline: .now)
        await executor.shutdown()
    }

    /// Serves spans given as OTLP JSON, each text a request of its own.
    static func serving(
        json requests: String..., configuration: QueryConfiguration = QueryConfiguration(),
        _ body: (QueryServer) async throws -> Void
    ) async throws {
        let store = InMemoryStore()
        for (index, request) in requests.enumerated() {
            let batch = try SpanBatch(decoding: OTLPJSON.decode(Array(request.utf8)))
            #expect(batch.rejectedSpans == 0)
            try store.append(
                StoredBatch(batch: batch, position: JournalPosition(UInt64(index) + 1), receivedAt: now))
        }
        try await serving(store, configuration: configuration, body)
    }

    struct Answer: Sendable {
        var status: Int
        var headers: HTTPHeaders
        var body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// A GET request on a connection of its own.
    func get(_ path: String, headers: [(String, String)] = []) async throws -> Answer {
        let client = try await Client.connect(port: port)
        try await client.get(path, headers: headers)
        return try await client.answer.futureResult.get()
    }

    /// A connection for one request.
    final class Client: Sendable {
        private let channel: any Channel
        let answer: EventLoopPromise<Answer>

        private init(_ channel: any Channel, _ answer: EventLoopPromise<Answer>) {
            self.channel = channel
            self.answer = answer
        }

        static func connect(port: Int) async throws -> Client {
            let group = MultiThreadedEventLoopGroup.singleton
            let promise = group.any().makePromise(of: Answer.self)
            let channel = try await ClientBootstrap(group: group).channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(AnswerHandler(promise))
                }
            }.connect(host: "127.0.0.1", port: port).get()
            return Client(channel, promise)
        }

        func get(_ path: String, headers: [(String, String)] = []) async throws {
            var fields = HTTPHeaders(headers)
            if !fields.contains(name: "Host") { fields.add(name: "Host", value: "localhost") }
            fields.add(name: "Connection", value: "close")
            let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path, headers: fields)
            try await channel.eventLoop.flatSubmit { [channel] in
                channel.write(HTTPClientRequestPart.head(head), promise: nil)
                return channel.writeAndFlush(HTTPClientRequestPart.end(nil))
            }.get()
        }

        func close() { channel.close(promise: nil) }
    }

    struct Closed: Error {}

    private final class AnswerHandler: ChannelInboundHandler {
        typealias InboundIn = HTTPClientResponsePart
        private let promise: EventLoopPromise<Answer>
        private var answer = Answer(status: 0, headers: HTTPHeaders(), body: [])

        init(_ promise: EventLoopPromise<Answer>) { self.promise = promise }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): (answer.status, answer.headers) = (Int(head.status.code), head.headers)
            case .body(let buffer): answer.body += Array(buffer.readableBytesView)
            case .end: promise.succeed(answer)
            }
        }

        func channelInactive(context: ChannelHandlerContext) { promise.fail(Closed()) }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            promise.fail(error)
            context.close(promise: nil)
        }
    }
}

/// JSON without the white space between its tokens, so that documents can be written to be read.
func compact(_ json: String) -> String {
    var result = ""
    var isInString = false
    var isEscaped = false
    for character in json.unicodeScalars {
        if isInString {
            if isEscaped {
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                isInString = false
            }
        } else if character == "\"" {
            isInString = true
        } else if character.properties.isWhitespace {
            continue
        }
        result.unicodeScalars.append(character)
    }
    return result
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
