import FileFaults
import Journal
import OTLP
import Synchronization
import Testing
import TraceStorage

@Suite struct JournalSpaceTests {
    private func configuration(_ directory: TestDirectory) -> JournalConfiguration {
        var configuration = directory.configuration()
        configuration.maxBytes = 40 << 10
        configuration.segmentBytesMax = 4096
        configuration.historyBytes = 0
        return configuration
    }

    /// Appends until one fails, and says how many went in and why no more.
    private func fill(_ journal: Journal, from first: Int, atMost: Int = 200) async throws -> (
        count: Int, error: JournalError?
    ) {
        for number in first..<first + atMost {
            let request = try TestRequest.make(number, padding: 900)
            do {
                _ = try await journal.append(request)
            } catch {
                return (number - first, error)
            }
        }
        return (atMost, nil)
    }

    @Test func aReaderThatMustNotSkipHoldsTheJournalAtItsCap() async throws {
        let directory = TestDirectory()
        let journal = try Journal.open(configuration(directory))
        let reader = try journal.reader("store", policy: .mustNotSkip, cursor: .external(.beginning))
        try journal.start()
        let (count, error) = try await fill(journal, from: 0)
        #expect(count > 20)
        #expect(error?.isRetryable == true)
        #expect(error?.description.contains("held by reader store") == true)
        #expect(journal.metrics().diskBytes <= 40 << 10)
        #expect(journal.metrics().fullAppends == 1)

        // Nothing was lost, and there is room again once the reader has passed.
        var entries: [JournalEntry] = []
        while entries.count < count { entries += try reader.next() }
        #expect(entries.map(\.position.rawValue) == Array(1...UInt64(count)))
        reader.commit(entries[count / 2].position)
        let (more, _) = try await fill(journal, from: count)
        #expect(more > 5)
        await journal.shutdown()
    }

    @Test func aReaderThatMaySkipMakesRoomAtTheCapAndIsCounted() async throws {
        let directory = TestDirectory()
        let events = Mutex<[JournalEvent]>([])
        let journal = try Journal.open(configuration(directory)) { event in events.withLock { $0.append(event) } }
        let reader = try journal.reader("forwarder", policy: .maySkip(maxLagBytes: .max))
        try journal.start()
        let (count, error) = try await fill(journal, from: 0, atMost: 150)
        #expect(count == 150 && error == nil)
        await journal.drain()
        let entries = try reader.rest()
        let metrics = try #require(journal.metrics().readers.first)
        #expect(entries.count + metrics.skippedRecords == 150)
        #expect(metrics.skippedRecords > 100)
        #expect(metrics.skippedSpans == metrics.skippedRecords)
        #expect(entries.last?.position == JournalPosition(150))
        #expect(zip(entries, entries.dropFirst()).allSatisfy { $0.position.next == $1.position })
        #expect(journal.metrics().diskBytes <= 40 << 10)
        let reported = events.withLock { events in
            events.reduce(0) { sum, event in
                guard case .skipped("forwarder", .bytes, _, let spans) = event else { return sum }
                return sum + spans
            }
        }
        #expect(reported == metrics.skippedSpans)
        await journal.shutdown()
    }

    @Test func aReaderPastItsLagLimitIsMovedOn() async throws {
        let directory = TestDirectory()
        let journal = try Journal.open(configuration(directory))
        _ = try journal.reader("store", policy: .mustNotSkip, cursor: .external(.beginning))
        let forwarder = try journal.reader("forwarder", policy: .maySkip(maxLagBytes: 5000))
        try journal.start()
        for number in 0..<20 { _ = try await journal.append(TestRequest.make(number, spans: 2, padding: 400)) }
        let metrics = try #require(journal.metrics().readers.first)
        #expect(metrics.name == "forwarder")
        #expect(metrics.lagBytes <= 5000)
        #expect(metrics.lagRecords > 0)
        #expect(metrics.lagRecords + metrics.skippedRecords == 20)
        #expect(metrics.lagSpans == 2 * metrics.lagRecords)
        #expect(metrics.skippedSpans == 2 * metrics.skippedRecords)
        // The store has lost nothing by it.
        #expect(journal.metrics().readers[1].lagRecords == 20)
        await journal.drain()
        #expect(try forwarder.rest().count == metrics.lagRecords)
        await journal.shutdown()
    }

    @Test func aReaderPastItsAgeIsMovedOnWhileNothingComesIn() async throws {
        let directory = TestDirectory()
        let minute: UInt64 = 60_000_000_000
        let now = Mutex(TestRequest.start)
        let reasons = Mutex<[SkipReason]>([])
        var configuration = configuration(directory)
        configuration.ageCheckInterval = .milliseconds(1)
        let journal = try Journal.open(configuration) { event in
            if case .skipped("forwarder", let reason, _, _) = event { reasons.withLock { $0.append(reason) } }
        } clock: {
            now.withLock { $0 }
        }
        _ = try journal.reader("store", policy: .mustNotSkip, cursor: .external(.beginning))
        let forwarder = try journal.reader(
            "forwarder", policy: .maySkip(maxLagBytes: 1 << 20, maxLagAge: .seconds(600)))
        try journal.start()
        // Ten requests, one a minute.
        for number in 0..<10 {
            now.withLock { $0 += minute }
            let request = try TestRequest.make(number, spans: 3, padding: 900, receivedAt: now.withLock { $0 })
            _ = try await journal.append(request)
        }
        #expect(journal.metrics().readers[0].skipped.isEmpty)
        // The first four are now older than ten minutes, the fifth just that.
        now.withLock { $0 += 5 * minute }
        while journal.metrics().readers[0].skippedRecords < 4 { await Task.yield() }
        #expect(journal.metrics().readers[0].skipped == [.age: .init(records: 4, spans: 12)])
        #expect(journal.metrics().readers[1].lagRecords == 10)
        #expect(try forwarder.next(maxRecords: 2).map(\.position.rawValue) == [5, 6])
        // What was handed out and is not done yet is not skipped again.
        now.withLock { $0 += 100 * minute }
        while journal.metrics().readers[0].lagRecords > 0 { await Task.yield() }
        #expect(journal.metrics().readers[0].skipped == [.age: .init(records: 8, spans: 24)])
        #expect(Set(reasons.withLock { $0 }) == [.age])
        await journal.shutdown()
    }

    @Test func roomIsTakenAheadCountedAndGivenBack() async throws {
        let directory = TestDirectory()
        var configuration = directory.configuration()
        configuration.segmentBytesMax = 64 << 10
        configuration.allocationBytes = 16 << 10
        let journal = try Journal.open(configuration)
        try journal.start()
        _ = try await journal.append(TestRequest.make(0))
        let name = try #require(directory.segments.first)
        #expect(directory.read(name).count == 16 << 10)
        #expect(journal.metrics().diskBytes == 16 << 10)
        _ = try await journal.append(TestRequest.make(1, padding: 20_000))
        #expect(directory.read(name).count == 32 << 10)
        // A record larger than a step takes all it needs, and a segment ends where its records end.
        for number in 2..<8 { _ = try await journal.append(TestRequest.make(number, padding: 20_000)) }
        #expect(directory.segments.count == 3)
        #expect(directory.read(name).count < 64 << 10)
        #expect(directory.read(name).last != 0)
        #expect(journal.metrics().diskBytes == directory.segments.reduce(0) { $0 + directory.read($1).count })
        await journal.shutdown()
        let used = journal.metrics().appendedBytes + 3 * 32
        #expect(directory.segments.reduce(0) { $0 + directory.read($1).count } == used)
        #expect(journal.metrics().diskBytes == used)
    }

    @Test func aDiskWithoutRoomForAStepIsUsedToItsEndAndThenFull() async throws {
        let directory = TestDirectory()
        // Calls that find the disk full, by number.
        let full = Mutex<Set<Int>>([0])
        let calls = Mutex(0)
        let files = FaultyFileSystem { operation in
            guard operation.name == "allocate" else { return nil }
            let call = calls.withLock { calls in
                defer { calls += 1 }
                return calls
            }
            return full.withLock { $0.contains(call) } ? .diskFull : nil
        }
        let journal = try Journal.open(directory.configuration(), files: files)
        try journal.start()
        // There is no room for a step, but for what is needed.
        #expect(try await journal.append(TestRequest.make(0)) == .appended(JournalPosition(1)))
        #expect(journal.metrics().diskBytes == journal.metrics().appendedBytes + 32)
        full.withLock { $0 = [2, 3] }
        let request = try TestRequest.make(1)
        let error = await #expect(throws: JournalError.self) { try await journal.append(request) }
        guard case .diskFull = error else {
            Issue.record("\(String(describing: error)) is not full")
            return
        }
        #expect(error?.isRetryable == true)
        // It recovers by itself.
        #expect(try await journal.append(request) == .appended(JournalPosition(2)))
        #expect(journal.metrics().fullAppends == 1)
        await journal.shutdown()
        #expect(try await contents(of: directory.configuration()).count == 2)
    }

    @Test func segmentsAreRemovedWhenAllReadersHavePassed() async throws {
        let directory = TestDirectory()
        let journal = try Journal.open(configuration(directory))
        let first = try journal.reader("a", policy: .mustNotSkip)
        let second = try journal.reader("b", policy: .mustNotSkip)
        try journal.start()
        for number in 0..<20 { _ = try await journal.append(TestRequest.make(number, padding: 900)) }
        let before = directory.segments.count
        #expect(before > 5)
        first.commit(try first.next().last?.position ?? .beginning)
        _ = try await journal.append(TestRequest.make(20, padding: 900))
        #expect(directory.segments.count >= before)
        second.commit(try second.next(maxRecords: 20).last?.position ?? .beginning)
        first.commit(try first.next().last?.position ?? .beginning)
        await journal.shutdown()
        #expect(directory.segments.count <= 2)
        // Positions go on although what they counted is gone.
        let again = try Journal.open(configuration(directory))
        try again.start()
        #expect(try await again.append(TestRequest.make(99)) == .appended(JournalPosition(22)))
        await again.shutdown()
    }

    @Test func segmentsThatMayBeSentAgainAreKeptForTheirDigests() async throws {
        let directory = TestDirectory()
        var configuration = configuration(directory)
        configuration.historyBytes = 10 << 10
        let journal = try Journal.open(configuration)
        let reader = try journal.reader("a", policy: .mustNotSkip)
        try journal.start()
        for number in 0..<8 {
            _ = try await journal.append(TestRequest.make(number, padding: 900))
            reader.commit(try reader.next().last?.position ?? .beginning)
        }
        await journal.shutdown()
        let again = try Journal.open(configuration)
        try again.start()
        #expect(try await again.append(TestRequest.make(0, padding: 900)) == .duplicate(JournalPosition(1)))
        await again.shutdown()
    }

    @Test func aFullQueueAnswersBusy() async throws {
        let directory = TestDirectory()
        let gate = Gate()
        let files = FaultyFileSystem { operation in
            if operation.name == "write", operation.path.hasSuffix(".journal") { gate.pass() }
            return nil
        }
        var configuration = directory.configuration()
        configuration.queueBytesMax = 3000
        let journal = try Journal.open(configuration, files: files)
        try journal.start()
        try await withThrowingTaskGroup(of: Result<AppendResult, JournalError>.self) { group in
            for number in 0..<10 {
                let request = try TestRequest.make(number, padding: 900)
                group.addTask {
                    do throws(JournalError) { return .success(try await journal.append(request)) } catch {
                        return .failure(error)
                    }
                }
            }
            // The writer is held back, so only refusals can come; the queue takes the rest.
            var refused = 0
            while refused < 6 {
                guard case .failure(.busy(_, limitBytes: 3000))? = try await group.next() else { break }
                refused += 1
            }
            #expect(refused >= 6)
            gate.open()
            for try await result in group where (try? result.get()) == nil { refused += 1 }
            let metrics = journal.metrics()
            #expect(metrics.busyAppends == refused)
            #expect(metrics.appendedRecords == 10 - refused)
            #expect(metrics.queuedBytes == 0)
        }
        #expect(JournalError.busy(queuedBytes: 1, limitBytes: 1).isRetryable)
        await journal.shutdown()
    }
}
