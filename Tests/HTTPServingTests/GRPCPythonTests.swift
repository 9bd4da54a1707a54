import Foundation
import HTTPServing
import Testing

/// The server against grpcio, a real client.
@Suite struct GRPCPythonTests {
    private static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private let service = GRPCTestService()

    /// Runs one check of grpc_client.py; what it printed is part of the failure.
    private func check(_ name: String, port: Int) async throws {
        let python = Self.root.appending(path: ".venv/bin/python")
        try #require(
            FileManager.default.isExecutableFile(atPath: python.path),
            "no Python environment at .venv: run `make venv` first")
        let process = Process()
        process.executableURL = python
        process.arguments = [Self.root.appending(path: "Tests/Python/grpc_client.py").path, "\(port)", name]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        let status = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
        let text = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        #expect(status == 0, "\(text)")
    }

    @Test(arguments: [
        "echo", "gzip", "too_large", "failure", "unknown_method", "metadata", "deadline", "cancel", "streaming",
        "concurrent",
    ])
    func aRealClientIsServed(_ name: String) async throws {
        try await service.serving { port in try await check(name, port: port) }
    }

    @Test func aCallOfARealClientOutlivesShutdown() async throws {
        let server = service.server()
        let port = try await server.start().port
        async let answered: Void = {
            // A check that fails must not leave the test waiting for its call.
            defer { service.entered.set() }
            try await check("goaway", port: port)
        }()
        await service.entered.wait()
        async let shutdown: Void = server.shutdown(deadline: .now + .seconds(20))
        service.release.set()
        try await answered
        await shutdown
    }
}
