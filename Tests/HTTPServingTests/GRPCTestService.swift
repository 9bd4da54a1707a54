import HTTPServing
import Logging

/// A server with a method for each kind of behaviour, for tests.
struct GRPCTestService: Sendable {
    /// Set when `/test.Service/Wait` runs, and when its task is cancelled.
    let entered = Signal()
    let cancelled = Signal()
    /// Lets `/test.Service/Hold` answer.
    let release = Signal()

    static let address = ListenerAddress(name: "otlp_grpc", host: "127.0.0.1", port: 0)
    static let details: [UInt8] = [8, 8, 18, 1, 255]

    var methods: [String: GRPCMethod] {
        [
            "/test.Service/Echo": .unary { .ok(message: $0.message) },
            "/test.Service/Size": .unary { .ok(message: Array("\($0.message.count)".utf8)) },
            "/test.Service/Metadata": .unary { request in
                let deadline = request.deadline.map { $0 > .now } ?? false
                let text = "\(request.metadata["X-Key"] ?? "none") \(deadline) \(request.remoteAddress != nil)"
                return .ok(message: Array(text.utf8))
            },
            "/test.Service/Fail": .unary { _ in
                .failure(GRPCStatus(.resourceExhausted, "voll 100%\nüber", details: Self.details))
            },
            "/test.Service/Wait": .unary { [entered, cancelled] _ in
                await withTaskCancellationHandler {
                    entered.set()
                    await cancelled.wait()
                } onCancel: {
                    cancelled.set()
                }
                return .ok(message: [])
            },
            "/test.Service/Hold": .unary { [entered, release] request in
                entered.set()
                await release.wait()
                return .ok(message: request.message)
            },
            "/test.Service/Count": .serverStreaming { request, writer in
                for index in 0..<(request.message.first ?? 0) {
                    try await writer.write([UInt8](repeating: index, count: 1_000))
                }
            },
            "/test.Service/Endless": .serverStreaming { [entered, cancelled] _, writer in
                defer { cancelled.set() }
                while true {
                    try await writer.write([UInt8](repeating: 1, count: 10_000))
                    entered.set()
                }
            },
            "/test.Service/Throw": .serverStreaming { request, writer in
                try await writer.write([1])
                if request.message == [1] { throw GRPCStatus(.notFound, "no such trace") }
                if request.message == [3] { throw GRPCStatus(.deadlineExceeded, "of another server") }
                throw BodyError.disconnected
            },
        ]
    }

    /// As much as any test but one about it needs.
    static let admission = GRPCAdmission(budget: BufferBudget(limitBytes: 128 << 20))

    func server(_ limits: GRPCLimits = GRPCLimits(), _ admission: GRPCAdmission = admission) -> GRPCServer {
        GRPCServer(
            address: Self.address, limits: limits, admission: admission, methods: methods,
            logger: Logger(label: "test"))
    }

    /// Runs `body` against a started server and shuts it down.
    func serving(
        _ limits: GRPCLimits = GRPCLimits(), _ admission: GRPCAdmission = admission,
        _ body: (Int) async throws -> Void
    ) async throws {
        let server = server(limits, admission)
        let port = try await server.start().port
        do {
            try await body(port)
        } catch {
            await server.shutdown(deadline: .now)
            throw error
        }
        await server.shutdown(deadline: .now)
    }
}
