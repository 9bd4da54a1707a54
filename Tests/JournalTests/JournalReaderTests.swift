import FileFaults
import Glibc
import Journal
import OTLP
import Synchronization
import Testing
import TraceStorage

@Suite struct JournalReaderTests {
    @Test func memoryAndDiskGiveTheSame() async throws {
        let directory = TestDirectory()
        let files = FaultyFileSystem { _ in nil }
        let journal = try Journal.open(directory.configuration(), files: files)
        let upToDate = try journal.reader("live", policy: .mustNotSkip)
        try journal.start()
        var live: [JournalEntry] = []
        for number in 0..<30 {
            let request = try TestRequest.make(number, spans: 2)
            _ = try await journal.append(request)
            let entries = try upToDate.next()
            // The very same object, no copy and no decoding.
            #expect(entries.first?.batch === request.batch)
            live += entries
        }
        let path = directory.path + "/00000000000000000001.journal"
        #expect(files.opened(path) == 1)
        // A reader from the beginning finds nothing in memory.
        let late = try journal.reader("late", policy: .mustNotSkip)
        #expect(journal.metrics().recentBytes == 0)
        await journal.drain()
        let read = try late.rest(maxRecords: 7)
        #expect(files.opened(path) == 2)
        #expect(read.map(\.position) == live.map(\.position))
        #expect(read.map(\.batch.bytes) == live.map(\.batch.bytes))
        #expect(read.map(\.digest) == live.map(\.digest))
        #expect(read.map(\.receiver) == live.map(\.receiver))
        #expect(read.map(\.stored.receivedAt) == live.map(\.stored.receivedAt))
        await journal.shutdown()
    }

    @Test func aReaderThatFallsOutOfMemoryGoesOnFromTheDisk() async throws {
        let directory = TestDirectory()
        var configuration = directory.configuration()
        configuration.recentBytesMax = 8000
        configuration.segmentBytesMax = 4096
        let journal = try Journal.open(configuration)
        let reader = try journal.reader("slow", policy: .mustNotSkip)
        try journal.start()
        for number in 0..<50 { _ = try await journal.append(TestRequest.make(number, padding: 600)) }
        #expect(journal.metrics().recentBytes <= 8000)
        await journal.drain()
        #expect(try reader.rest(maxRecords: 3).map(\.position.rawValue) == Array(1...50))
        await journal.shutdown()
    }

    /// However slow it is: with next to no bytes a second beyond that, appends wait for it.
    @Test func aReaderThatMustNotSkipStaysInMemory() async throws {
        let directory = TestDirectory()
        var configuration = directory.configuration()
        configuration.recentBytesMax = 64_000
        configuration.crowdedBytesPerSecond = 1
        let journal = try Journal.open(configuration)
        let reader = try journal.reader("slow", policy: .mustNotSkip)
        try journal.start()
        let count = 200
        let read = Mutex<[JournalEntry]>([])
        let ended = ReaderThread {
            while let entries = try? reader.next(maxRecords: 1, wait: .seconds(30)), !entries.isEmpty {
                usleep(1000)
                let isDone = read.withLock {
                    $0 += entries
                    return $0.count == count
                }
                if isDone { return }
            }
        }
        try await withThrowingTaskGroup { group in
            for number in 0..<count {
                group.addTask { _ = try await journal.append(TestRequest.make(number, padding: 2000)) }
            }
            try await group.waitForAll()
        }
        await ended.wait()
        #expect(read.withLock(\.count) == count)
        let metrics = journal.metrics()
        #expect(metrics.readers.map(\.diskRecords) == [0])
        #expect(metrics.pausedNanoseconds > 0)
        await journal.drain()
        await journal.shutdown()
    }

    @Test func appendsDoNotWaitForAReaderThatMaySkip() async throws {
        let directory = TestDirectory()
        var configuration = directory.configuration()
        configuration.recentBytesMax = 8000
        configuration.crowdedBytesPerSecond = 1
        let journal = try Journal.open(configuration)
        let reader = try journal.reader("forwarder", policy: .maySkip(maxLagBytes: 1 << 20))
        try journal.start()
        for number in 0..<30 { _ = try await journal.append(TestRequest.make(number, padding: 2000)) }
        await journal.drain()
        #expect(try reader.rest(maxRecords: 30).count == 30)
        let metrics = journal.metrics()
        #expect(metrics.pausedNanoseconds == 0)
        #expect(metrics.readers.first.map { $0.diskRecords > 0 } == true)
        await journal.shutdown()
    }

    @Test func nextKeepsItsLimits() async throws {
        let directory = TestDirectory()
        let journal = try Journal.open(directory.configuration())
        let memory = try journal.reader("memory", policy: .mustNotSkip)
        try journal.start()
        for number in 0..<10 { _ = try await journal.append(TestRequest.make(number, padding: 1000)) }
        let disk = try journal.reader("disk", policy: .mustNotSkip)
        for reader in [memory, disk] {
            #expect(try reader.next(maxRecords: 3).count == 3)
            #expect(try reader.next(maxBytes: 2500).count == 2)
            // The first record is given however large it is.
            #expect(try reader.next(maxBytes: 1).count == 1)
            #expect(try reader.next().count == 4)
            #expect(try reader.next(wait: .zero).isEmpty)
        }
        await journal.shutdown()
    }

    @Test func anAppendWakesAWaitingReader() async throws {
        let directory = TestDirectory()
        let journal = try Journal.open(directory.configuration())
        let reader = try journal.reader("store", policy: .mustNotSkip)
        try journal.start()
        let received = Mutex<[JournalPosition]>([])
        let ended = ReaderThread {
            while !reader.isFinished {
                guard let entries = try? reader.next() else { return }
                received.withLock { $0 += entries.map(\.position) }
                if let last = entries.last { reader.commit(last.position) }
            }
        }
        for number in 0..<20 { _ = try await journal.append(TestRequest.make(number)) }
        await journal.drain()
        await ended.wait()
        #expect(received.withLock { $0.map(\.rawValue) } == Array(1...20))
        #expect(journal.metrics().readers.map(\.lagRecords) == [0])
        await journal.shutdown()
    }

    @Test(arguments: [true, false])
    func aWaitingReaderIsWokenByInterruptAndShutdown(_ interrupts: Bool) async throws {
        let directory = TestDirectory()
        let journal = try Journal.open(directory.configuration())
        let reader = try journal.reader("store", policy: .mustNotSkip)
        try journal.start()
        let ended = ReaderThread { while !reader.isFinished { _ = try? reader.next() } }
        if interrupts { reader.interrupt() } else { await journal.shutdown() }
        await ended.wait()
        #expect(try reader.next().isEmpty)
        await journal.shutdown()
    }

    @Test func cursorsAreKept() async throws {
        let directory = TestDirectory()
        for round in 0..<3 {
            let journal = try Journal.open(directory.configuration())
            let reader = try journal.reader("otlp_http/jaeger", policy: .maySkip(maxLagBytes: 1 << 20))
            try journal.start()
            _ = try await journal.append(TestRequest.make(round))
            let entries = try reader.next()
            #expect(entries.map(\.position.rawValue) == [UInt64(round) + 1])
            reader.commit(JournalPosition(UInt64(round) + 1))
            // Nothing that was not handed out can be committed.
            reader.commit(JournalPosition(1000))
            await journal.shutdown()
        }
        #expect(String(decoding: directory.read("cursors"), as: UTF8.self).contains("otlp_http/jaeger 3\n"))
    }

    @Test func uncommittedRecordsComeAgain() async throws {
        let directory = TestDirectory()
        let journal = try Journal.open(directory.configuration())
        let reader = try journal.reader("a", policy: .mustNotSkip)
        try journal.start()
        for number in 0..<5 { _ = try await journal.append(TestRequest.make(number)) }
        #expect(try reader.next().count == 5)
        reader.commit(JournalPosition(2))
        await journal.shutdown()
        let again = try Journal.open(directory.configuration())
        let rest = try again.reader("a", policy: .mustNotSkip).next()
        #expect(rest.map(\.position.rawValue) == [3, 4, 5])
        await again.shutdown()
    }

    @Test func aDamagedCursorFileIsReportedAndReadersStartAtTheOldest() async throws {
        let directory = TestDirectory()
        let journal = try Journal.open(directory.configuration())
        let reader = try journal.reader("a", policy: .mustNotSkip)
        try journal.start()
        _ = try await journal.append(TestRequest.make(0))
        reader.commit(try reader.next()[0].position)
        await journal.shutdown()
        let bytes = directory.read("cursors")
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 4
            directory.write("cursors", damaged)
            do throws(JournalError) {
                let again = try Journal.open(directory.configuration())
                #expect(again.recovery.cursorDefect != nil, "byte \(index)")
                #expect(try again.reader("a", policy: .mustNotSkip).next().count == 1)
                await again.shutdown()
            } catch {
                guard case .unsupportedVersion = error else { throw error }
            }
        }
    }

    @Test func aReaderInAnothersPlaceBeginsBehindWhatWasCommitted() async throws {
        let directory = TestDirectory()
        let journal = try Journal.open(directory.configuration())
        let first = try journal.reader("a", policy: .maySkip(maxLagBytes: 1 << 20))
        try journal.start()
        for number in 1...4 { _ = try await journal.append(TestRequest.make(number)) }
        #expect(try first.next().count == 4)
        first.commit(JournalPosition(2))
        first.interrupt()
        let second = try first.replaced(policy: .mustNotSkip)
        #expect(first.isFinished)
        #expect(try first.next().isEmpty)
        first.commit(JournalPosition(4))
        #expect(journal.metrics().readers.map(\.committed) == [JournalPosition(2)], "the first has no say any more")
        #expect(try second.next().map(\.position.rawValue) == [3, 4])
        second.commit(JournalPosition(3))
        #expect(throws: JournalError.self) { try first.replaced(policy: .mustNotSkip) }
        await journal.shutdown()

        let again = try Journal.open(directory.configuration())
        let third = try again.reader("a", policy: .mustNotSkip)
        #expect(try third.next().map(\.position.rawValue) == [4])
        await again.shutdown()
    }

    @Test func whatAReplacedReaderWasSkippedOverStaysCountedAndBehindIt() async throws {
        let directory = TestDirectory()
        let journal = try Journal.open(directory.configuration())
        let first = try journal.reader("a", policy: .maySkip(maxLagBytes: 3_000))
        try journal.start()
        for number in 1...4 { _ = try await journal.append(TestRequest.make(number, padding: 1_000)) }
        let skipped = try #require(journal.metrics().readers.first?.skipped[.bytes])
        #expect(skipped.records > 0)
        let second = try first.replaced(policy: .maySkip(maxLagBytes: 1 << 20))
        #expect(journal.metrics().readers.first?.skipped[.bytes] == skipped)
        #expect(try second.next().map(\.position.rawValue) == Array(UInt64(skipped.records) + 1...4))
        await journal.shutdown()
    }

    @Test func aReaderThatComesAgainBeginsWithTheOldestRecord() async throws {
        let directory = TestDirectory()
        let journal = try Journal.open(directory.configuration())
        let first = try journal.reader("a", policy: .mustNotSkip)
        try journal.start()
        for number in 1...3 { _ = try await journal.append(TestRequest.make(number)) }
        _ = try first.next()
        first.commit(JournalPosition(3))
        await journal.shutdown()

        let again = try Journal.open(directory.configuration())
        let second = try again.reader("a", policy: .mustNotSkip)
        try again.start()
        #expect(try second.next(wait: .zero).isEmpty)
        second.unregister()
        let third = try again.reader("a", policy: .mustNotSkip)
        #expect(try third.next(wait: .zero).map(\.position.rawValue) == [1, 2, 3])
        await again.shutdown()
    }

    @Test func namesOfReadersAreCheckedAndUnique() async throws {
        let directory = TestDirectory()
        let journal = try Journal.open(directory.configuration())
        for name in ["", "a b", "a\n", String(repeating: "a", count: 129), "ä"] {
            #expect(throws: JournalError.self) { try journal.reader(name, policy: .mustNotSkip) }
        }
        let first = try journal.reader("a", policy: .mustNotSkip)
        #expect(throws: JournalError.self) { try journal.reader("a", policy: .mustNotSkip) }
        first.unregister()
        _ = try journal.reader("a", policy: .mustNotSkip)
        #expect(first.isFinished)
        await journal.shutdown()
    }
}

/// A thread for a reader, and a task's way to wait for its end.
final class ReaderThread: Sendable {
    private let state = Mutex<(isDone: Bool, waiter: CheckedContinuation<Void, Never>?)>((false, nil))

    init(_ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(
            Box {
                body()
                self.finish()
            })
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { raw in
                if let raw { Unmanaged<Box>.fromOpaque(raw).takeRetainedValue().body() }
                return nil
            }, box.toOpaque())
        precondition(code == 0, "pthread_create: \(code)")
        pthread_detach(thread)
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                if !state.isDone { state.waiter = continuation }
                return state.isDone
            }
            if isDone { continuation.resume() }
        }
    }

    private func finish() {
        let waiter = state.withLock { state in
            state.isDone = true
            return state.waiter
        }
        waiter?.resume()
    }

    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}
