import HTTPServing
import Logging
import Testing

@Suite(.timeLimit(.minutes(1)))
struct GRPCClientTests {
    private let service = GRPCTestService()

    /// Runs `body` with a client of a running server.
    private func withClient(
        limits: GRPCClientLimits = GRPCClientLimits(), _ body: (GRPCClient, GRPCServer) async throws -> Void
    ) async throws {
        let server = GRPCServer(
            address: GRPCTestService.address, admission: GRPCTestService.admission, methods: service.methods,
            logger: Logger(label: "test"))
        let address = try await server.start()
        let client = try await GRPCClient.connect(host: address.host, port: address.port, limits: limits)
        do {
            try await body(client, server)
        } catch {
            await client.close()
            await server.shutdown(deadline: .now)
            throw error
        }
        await client.close()
        await server.shutdown(deadline: .now)
    }

    private func status(_ response: GRPCResponse) -> GRPCStatus {
        guard case .failure(let status) = response else {
            Issue.record("expected a failure, got \(response)")
            return GRPCStatus(.ok)
        }
        return status
    }

    @Test(arguments: [0, 1, 5_000, 300_000, 4_000_000])
    func messageOfAnySizeComesBack(_ count: Int) async throws {
        let message = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try await withClient { client, _ in
            guard case .ok(let answer) = await client.unary("/test.Service/Echo", message, timeout: .seconds(30)) else {
                Issue.record("the call failed")
                return
            }
            #expect(answer == message)
        }
    }

    @Test func callsAtOnceOnOneConnectionEachGetTheirOwnAnswer() async throws {
        try await withClient { client, _ in
            // More than the server allows at once: the rest wait for their turn.
            let answers = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<600 {
                    group.addTask {
                        let message = Array("\(number)".utf8)
                        let answer = await client.unary("/test.Service/Echo", message, timeout: .seconds(30))
                        if case .ok(message) = answer { return true }
                        return false
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(answers == 600)
        }
    }

    @Test func statusComesWithItsMessageAndDetails() async throws {
        try await withClient { client, _ in
            let status = self.status(await client.unary("/test.Service/Fail", [], timeout: .seconds(10)))
            #expect(status == GRPCStatus(.resourceExhausted, "voll 100%\nüber", details: GRPCTestService.details))
        }
    }

    @Test func unknownMethodIsUnimplemented() async throws {
        try await withClient { client, _ in
            let answer = await client.unary("/test.Service/None", [1], timeout: .seconds(10))
            #expect(status(answer).code == .unimplemented)
        }
    }

    @Test func deadlineEndsTheCallHereAndCancelsItThere() async throws {
        try await withClient { client, _ in
            let status = self.status(await client.unary("/test.Service/Wait", [], timeout: .milliseconds(50)))
            #expect(status.code == .deadlineExceeded)
            await service.cancelled.wait()
            #expect(await client.isUsable)
        }
    }

    @Test func answerOverTheLimitEndsItsCallAlone() async throws {
        var limits = GRPCClientLimits()
        limits.maxMessageBytes = 1_000
        try await withClient(limits: limits) { client, _ in
            let message = [UInt8](repeating: 7, count: 1_001)
            let status = self.status(await client.unary("/test.Service/Echo", message, timeout: .seconds(10)))
            #expect(status.code == .resourceExhausted)
            guard case .ok([1]) = await client.unary("/test.Service/Echo", [1], timeout: .seconds(10)) else {
                Issue.record("the connection did not survive")
                return
            }
        }
    }

    @Test func connectionThatNobodyTakesIsUnavailable() async throws {
        let server = GRPCServer(
            address: GRPCTestService.address, admission: GRPCTestService.admission, methods: service.methods,
            logger: Logger(label: "test"))
        let address = try await server.start()
        await server.shutdown(deadline: .now)
        await #expect(throws: GRPCStatus.self) {
            _ = try await GRPCClient.connect(host: address.host, port: address.port)
        }
    }

    @Test func callsEndAsUnavailableWhenTheServerGoes() async throws {
        try await withClient { client, server in
            async let waiting = client.unary("/test.Service/Hold", [1], timeout: .seconds(30))
            await service.entered.wait()
            await server.shutdown(deadline: .now)
            let ended = await waiting
            #expect(status(ended).code == .unavailable)
            #expect(await !client.isUsable)
            let late = await client.unary("/test.Service/Echo", [], timeout: .seconds(10))
            #expect(status(late).code == .unavailable)
            service.release.set()
        }
    }

    @Test func serverThatDrainsFinishesWhatItHas() async throws {
        try await withClient { client, server in
            async let held = client.unary("/test.Service/Hold", [5], timeout: .seconds(30))
            await service.entered.wait()
            async let drained: Void = server.shutdown(deadline: .now + .seconds(30))
            while await client.isUsable { await Task.yield() }
            service.release.set()
            guard case .ok([5]) = await held else {
                Issue.record("the call under way was lost")
                return
            }
            await drained
        }
    }
}
