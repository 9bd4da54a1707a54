import FileFaults
import Journal
import OTLP
import Synchronization
import Testing
import TraceStorage

/// What appends wait for, and what they do not.
@Suite struct JournalDurabilityTests {
    /// Holds back the calls that make a segment durable, and counts what is written.
    private static func files(_ gate: Gate, _ writes: Writes) -> FaultyFileSystem {
        FaultyFileSystem { operation in
            if operation.path.hasSuffix(".journal") {
                if operation.name == "synchronize" { gate.pass() }
                if operation.name == "write" { writes.count.withLock { $0 += 1 } }
            }
            return nil
        }
    }

    private final class Writes: Sendable {
        let count = Mutex(0)
    }

    @Test func appendsAreAcknowledgedWhileTheDiskIsBusyUnderInterval() async throws {
        let directory = TestDirectory()
        let gate = Gate()
        let journal = try Journal.open(directory.configuration(.interval), files: Self.files(gate, Writes()))
        try journal.start()
        for number in 0..<10 {
            #expect(try await journal.append(TestRequest.make(number)).position.rawValue == UInt64(number) + 1)
        }
        #expect(journal.metrics().synchronizations == 0)
        gate.open()
        await journal.drain()
        #expect(journal.metrics().synchronizations >= 1)
        await journal.shutdown()
    }

    /// Under `interval` nothing but an append tells the thread that makes records durable that there is one.
    @Test(.timeLimit(.minutes(1)))
    func anAppendWakesTheThreadThatMakesItDurable() async throws {
        let directory = TestDirectory()
        let journal = try Journal.open(directory.configuration(.interval))
        try journal.start()
        for number in 0..<3 {
            _ = try await journal.append(TestRequest.make(number))
            while journal.metrics().synchronizations <= number { await Task.yield() }
        }
        await journal.shutdown()
    }

    /// What is written and not durable is still held in memory, so it counts against the queue's limit.
    @Test func theQueueIsFullWhileTheDiskIsBusyUnderFsync() async throws {
        let directory = TestDirectory()
        let gate = Gate()
        let writes = Writes()
        var configuration = directory.configuration(.fsync)
        configuration.queueBytesMax = 2_500
        let journal = try Journal.open(configuration, files: Self.files(gate, writes))
        try journal.start()
        try await withThrowingTaskGroup(of: AppendResult.self) { group in
            for number in 0..<2 {
                group.addTask { try await journal.append(TestRequest.make(number, padding: 1_000)) }
                while writes.count.withLock({ $0 }) < 2 + number { await Task.yield() }
            }
            let queued = journal.metrics().queuedBytes
            #expect(queued > 2_000)
            let third = try TestRequest.make(2, padding: 1_000)
            let error = await #expect(throws: JournalError.self) { try await journal.append(third) }
            #expect(error == .busy(queuedBytes: queued, limitBytes: 2_500))
            #expect(error?.isRetryable == true)
            // It was not taken, so it is no copy of one that is being written either.
            gate.open()
            for try await _ in group {}
            #expect(try await journal.append(third) == .appended(JournalPosition(3)))
        }
        #expect(journal.metrics().busyAppends == 1)
        #expect(journal.metrics().queuedBytes == 0)
        await journal.shutdown()
        #expect(try await contents(of: directory.configuration()).count == 3)
    }

    @Test func groupsAreWrittenWhileTheDiskIsBusyAndKeptTogetherUnderFsync() async throws {
        let directory = TestDirectory()
        let gate = Gate()
        let writes = Writes()
        let journal = try Journal.open(directory.configuration(.fsync), files: Self.files(gate, writes))
        let reader = try journal.reader("store", policy: .mustNotSkip)
        try journal.start()
        try await withThrowingTaskGroup(of: AppendResult.self) { group in
            // A segment's header and one group each.
            for number in 0..<4 {
                group.addTask { try await journal.append(TestRequest.make(number)) }
                while writes.count.withLock({ $0 }) < 2 + number { await Task.yield() }
            }
            // Nothing of it is acknowledged or seen before it is durable.
            #expect(journal.metrics().appendedRecords == 0)
            #expect(try reader.next(wait: .zero).isEmpty)
            gate.open()
            for try await _ in group {}
        }
        #expect(try reader.next().count >= 1)
        #expect(journal.metrics().groups == 4)
        // The first group, and then all that came meanwhile.
        #expect(journal.metrics().synchronizations <= 2)
        await journal.shutdown()
        #expect(try await contents(of: directory.configuration()).map(\.position.rawValue) == [1, 2, 3, 4])
    }

    @Test func aFailedSyncFailsAllThatWasWrittenMeanwhile() async throws {
        let directory = TestDirectory()
        let gate = Gate()
        let writes = Writes()
        let fails = Mutex(true)
        let files = FaultyFileSystem { operation in
            guard operation.path.hasSuffix(".journal") else { return nil }
            if operation.name == "write" { writes.count.withLock { $0 += 1 } }
            guard operation.name == "synchronize" else { return nil }
            gate.pass()
            return fails.withLock { fails in
                defer { fails = false }
                return fails ? .ioError : nil
            }
        }
        let journal = try Journal.open(directory.configuration(.fsync), files: files)
        try journal.start()
        await withTaskGroup(of: Bool.self) { group in
            for number in 0..<3 {
                group.addTask { (try? await journal.append(TestRequest.make(number))) != nil }
                while writes.count.withLock({ $0 }) < 2 + number { await Task.yield() }
            }
            gate.open()
            for await isAcknowledged in group { #expect(!isAcknowledged) }
        }
        #expect(journal.metrics().failedAppends == 3)
        #expect(journal.metrics().queuedBytes == 0)
        #expect(try await journal.append(TestRequest.make(1)) == .appended(JournalPosition(1)))
        await journal.shutdown()
        #expect(try await contents(of: directory.configuration()).count == 1)
    }
}
