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

    /// Against a table that keeps everything and looks at all of it.
    @Test(arguments: 1...20)
    func theTableSaysWhatASimpleOneSays(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let entriesMax = [0, 1, 7, 300, 20_000][Int(seed % 5)]
        var table = DuplicateTable(window: .seconds(60), entriesMax: entriesMax)
        var model: [(digest: RequestDigest, position: JournalPosition, receivedAt: UInt64)] = []
        var pending: Set<RequestDigest> = []
        var now = minute
        // Some digests come again, and share what a table looks at first.
        func digest() -> RequestDigest {
            RequestDigest(high: .random(in: 0..<3, using: &random), low: .random(in: 0..<400, using: &random) << 40)
        }
        for number in 1...UInt64(12_000) {
            now += .random(in: 0..<100_000_000, using: &random)
            let digest = digest()
            let expected: DuplicateTable.Match =
                pending.contains(digest)
                ? .pending
                : model.last { $0.digest == digest }.flatMap {
                    now - $0.receivedAt < minute ? .known($0.position) : nil
                } ?? .none
            let found = table.match(digest, receivedAt: now)
            guard found == expected else {
                Issue.record("request \(number): \(found), expected \(expected)")
                return
            }
            switch (found, UInt8.random(in: 0..<8, using: &random)) {
            case (.none, 0):
                table.begin(digest, receivedAt: now)
                pending.insert(digest)
            case (.pending, 0):
                table.forget(digest)
                pending.remove(digest)
            case (.none, _), (.pending, _):
                table.insert(digest, position: JournalPosition(number), receivedAt: now)
                pending.remove(digest)
                model.append((digest, JournalPosition(number), now))
                while model.count > entriesMax || now - model[0].receivedAt >= minute {
                    model.removeFirst()
                    if model.isEmpty { break }
                }
            case (.known, _): break
            }
        }
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
