import FileFaults
import Journal
import OTLP
import Testing
import TraceStorage

@Suite struct DuplicateTests {
    private let minute: UInt64 = 60_000_000_000

    @Test func aRequestSentAgainIsNotAppendedAgain() async throws {
        let directory = TestDirectory()
        let journal = try Journal.open(directory.configuration())
        try journal.start()
        #expect(try await journal.append(TestRequest.make(1)) == .appended(JournalPosition(1)))
        #expect(try await journal.append(TestRequest.make(2)) == .appended(JournalPosition(2)))
        #expect(try await journal.append(TestRequest.make(1)) == .duplicate(JournalPosition(1)))
        #expect(journal.metrics().duplicates == 1)
        // The same bytes of another tenant are another request.
        let tenant = try #require(TenantID("b"))
        #expect(try await journal.append(TestRequest.make(1, tenant: tenant)) == .appended(JournalPosition(3)))
        await journal.shutdown()
        #expect(try await contents(of: directory.configuration()).count == 3)
    }

    @Test func duplicatesAreKnownAfterReopeningUntilTheirTimeIsUp() async throws {
        let directory = TestDirectory()
        let journal = try Journal.open(directory.configuration())
        try journal.start()
        _ = try await journal.append(TestRequest.make(1))
        await journal.shutdown()

        let reopened = try Journal.open(directory.configuration())
        #expect(reopened.recovery.digests == 1)
        try reopened.start()
        let late = TestRequest.start + 1 + 10 * minute
        #expect(
            try await reopened.append(TestRequest.make(1, receivedAt: late - 1)) == .duplicate(JournalPosition(1)))
        #expect(try await reopened.append(TestRequest.make(1, receivedAt: late)) == .appended(JournalPosition(2)))
        #expect(
            try await reopened.append(TestRequest.make(1, receivedAt: late + minute))
                == .duplicate(JournalPosition(2)))
        await reopened.shutdown()
    }

    @Test func theTableIsBoundedAndForgetsTheOldestFirst() async throws {
        let directory = TestDirectory()
        var configuration = directory.configuration()
        configuration.duplicatesMax = 3
        let journal = try Journal.open(configuration)
        try journal.start()
        for number in 0..<4 { _ = try await journal.append(TestRequest.make(number)) }
        #expect(try await journal.append(TestRequest.make(3)) == .duplicate(JournalPosition(4)))
        #expect(try await journal.append(TestRequest.make(0)) == .appended(JournalPosition(5)))
        await journal.shutdown()
        let reopened = try Journal.open(configuration)
        #expect(reopened.recovery.digests == 3)
        await reopened.shutdown()
    }

    @Test func copiesSentAtTheSameTimeShareOneRecord() async throws {
        let directory = TestDirectory()
        let gate = Gate()
        let files = FaultyFileSystem { operation in
            if operation.name == "write", operation.path.hasSuffix(".journal") { gate.pass() }
            return nil
        }
        let journal = try Journal.open(directory.configuration(), files: files)
        try journal.start()
        let request = try TestRequest.make(1)
        let results = try await withThrowingTaskGroup(of: AppendResult.self) { group in
            for _ in 0..<8 { group.addTask { try await journal.append(request) } }
            gate.open()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.count { $0 == .appended(JournalPosition(1)) } == 1)
        #expect(results.count { $0 == .duplicate(JournalPosition(1)) } == 7)
        await journal.shutdown()
        #expect(try await contents(of: directory.configuration()).count == 1)
    }

    @Test func aFailedRequestIsNoDuplicateWhenItComesAgain() async throws {
        let directory = TestDirectory()
        let files = FaultyFileSystem {
            $0.name == "write" && $0.index < 4 && $0.path.hasSuffix(".journal") ? .ioError : nil
        }
        let journal = try Journal.open(directory.configuration(), files: files)
        try journal.start()
        let request = try TestRequest.make(1)
        await #expect(throws: JournalError.self) { try await journal.append(request) }
        var result: AppendResult?
        while result == nil { result = try? await journal.append(request) }
        #expect(result == .appended(JournalPosition(1)))
        await journal.shutdown()
    }
}
