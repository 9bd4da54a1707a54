import FileFaults
import Glibc
import Journal
import OTLP
import Testing
import TraceStorage

@Suite struct JournalTests {
    @Test(arguments: JournalDurability.allCases)
    func appendedRecordsComeBackAfterReopening(_ durability: JournalDurability) async throws {
        let directory = TestDirectory()
        let tenant = try #require(TenantID("team a"))
        let journal = try Journal.open(directory.configuration(durability))
        try journal.start()
        for number in 0..<20 {
            let request = try TestRequest.make(
                number, spans: 3, padding: number * 50, tenant: number % 2 == 0 ? .default : tenant,
                receiver: number % 3 == 0 ? "otlp_grpc" : "otlp_http")
            #expect(try await journal.append(request) == .appended(JournalPosition(UInt64(number) + 1)))
        }
        await journal.shutdown()

        let entries = try await contents(of: directory.configuration(durability))
        #expect(entries.map(\.position.rawValue) == Array(1...20))
        for (number, entry) in entries.enumerated() {
            #expect(entry.batch.bytes == TestRequest.body(number, spans: 3, padding: number * 50))
            #expect(entry.batch.spans.count == 3)
            #expect(entry.stored.receivedAt == TestRequest.start + UInt64(number))
            #expect(entry.stored.tenant == (number % 2 == 0 ? .default : tenant))
            #expect(entry.receiver == (number % 3 == 0 ? "otlp_grpc" : "otlp_http"))
            #expect(entry.digest == RequestDigest(body: entry.batch.bytes, tenant: entry.stored.tenant))
        }
    }

    @Test func positionsGoOnAfterReopening() async throws {
        let directory = TestDirectory()
        for round in 0..<5 {
            let journal = try Journal.open(directory.configuration())
            try journal.start()
            let position = JournalPosition(UInt64(round) + 1)
            #expect(try await journal.append(TestRequest.make(round)) == .appended(position))
            await journal.shutdown()
        }
        #expect(try await contents(of: directory.configuration()).count == 5)
    }

    @Test func segmentsRollAndKeepOrder() async throws {
        let directory = TestDirectory()
        var configuration = directory.configuration()
        configuration.segmentBytesMax = 4096
        let journal = try Journal.open(configuration)
        try journal.start()
        for number in 0..<40 { _ = try await journal.append(TestRequest.make(number, padding: 500)) }
        // Larger than a segment: it has one of its own.
        _ = try await journal.append(TestRequest.make(40, padding: 9000))
        _ = try await journal.append(TestRequest.make(41))
        await journal.shutdown()
        #expect(directory.segments.count > 5)
        #expect(directory.segments.first == "00000000000000000001.journal")
        let entries = try await contents(of: configuration)
        #expect(entries.map(\.position.rawValue) == Array(1...42))
    }

    @Test func concurrentAppendsAreAllThereOnce() async throws {
        let directory = TestDirectory()
        var configuration = directory.configuration(.fsync)
        configuration.segmentBytesMax = 16 << 10
        let journal = try Journal.open(configuration)
        try journal.start()
        let positions = try await withThrowingTaskGroup(of: [JournalPosition].self) { group in
            for task in 0..<16 {
                group.addTask {
                    var positions: [JournalPosition] = []
                    for number in 0..<25 {
                        positions.append(
                            try await journal.append(TestRequest.make(task * 100 + number, padding: 100)).position)
                    }
                    return positions
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(positions).count == 400)
        let metrics = journal.metrics()
        #expect(metrics.appendedRecords == 400)
        #expect(metrics.appendedSpans == 400)
        #expect(metrics.groups <= 400)
        #expect(metrics.queuedBytes == 0)
        // What was written while the disk was busy it keeps with one call.
        #expect((1...metrics.groups).contains(metrics.synchronizations))
        await journal.shutdown()
        let entries = try await contents(of: configuration)
        #expect(Set(entries.map(\.digest)).count == 400)
        #expect(entries.map(\.position.rawValue) == Array(1...400))
    }

    @Test func whatWaitsTogetherIsWrittenTogether() async throws {
        let directory = TestDirectory()
        let gate = Gate()
        let files = FaultyFileSystem { operation in
            if operation.name == "write", operation.path.hasSuffix(".journal") { gate.pass() }
            return nil
        }
        let journal = try Journal.open(directory.configuration(), files: files)
        try journal.start()
        try await withThrowingTaskGroup(of: AppendResult.self) { group in
            for number in 0..<1000 { group.addTask { try await journal.append(TestRequest.make(number)) } }
            while journal.metrics().queuedBytes < 1000 * 100 { await Task.yield() }
            gate.open()
            for try await _ in group {}
        }
        // One write was held back, the others took what had come meanwhile.
        #expect(journal.metrics().groups < 20)
        await journal.shutdown()
        #expect(try await contents(of: directory.configuration()).count == 1000)
    }

    @Test func appendsBeforeStartAndAfterShutdownAreRefusedAsRetryable() async throws {
        let directory = TestDirectory()
        let journal = try Journal.open(directory.configuration())
        let request = try TestRequest.make(1)
        await #expect(throws: JournalError.closed) { try await journal.append(request) }
        try journal.start()
        await journal.shutdown()
        await journal.shutdown()
        await #expect(throws: JournalError.closed) { try await journal.append(request) }
        #expect(JournalError.closed.isRetryable)
    }

    @Test func shutdownWithoutStartGivesTheDirectoryBack() async throws {
        let directory = TestDirectory()
        let journal = try Journal.open(directory.configuration())
        let reader = try journal.reader("a", policy: .mustNotSkip)
        await journal.shutdown()
        #expect(try reader.next().isEmpty)
        let again = try Journal.open(directory.configuration())
        await again.shutdown()
    }

    @Test func recordsOverTheLimitsArePermanentErrors() async throws {
        let directory = TestDirectory()
        var configuration = directory.configuration()
        configuration.maxBytes = 16 << 10
        let journal = try Journal.open(configuration)
        try journal.start()
        let large = try TestRequest.make(1, padding: 20_000)
        let error = await #expect(throws: JournalError.self) { try await journal.append(large) }
        #expect(error?.isRetryable == false)
        let named = try TestRequest.make(1, receiver: String(repeating: "r", count: 65))
        let nameError = await #expect(throws: JournalError.self) { try await journal.append(named) }
        #expect(nameError?.isRetryable == false)
        await journal.shutdown()
    }

    @Test func impossibleConfigurationsAreRefused() {
        #expect(throws: JournalError.self) { try Journal.open(JournalConfiguration(directory: "")) }
        var small = JournalConfiguration(directory: "/tmp/never-made")
        small.maxBytes = 100
        #expect(throws: JournalError.self) { try Journal.open(small) }
        var segments = JournalConfiguration(directory: "/tmp/never-made")
        segments.segmentBytesMax = 1
        #expect(throws: JournalError.self) { try Journal.open(segments) }
    }

    @Test func aDirectoryInUseNamesTheProcess() async throws {
        let directory = TestDirectory()
        let journal = try Journal.open(directory.configuration())
        let error = #expect(throws: JournalError.self) { try Journal.open(directory.configuration()) }
        #expect(error?.description == "data directory \(directory.path) is in use by process \(getpid())")
        await journal.shutdown()
    }
}
