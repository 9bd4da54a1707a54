import FileFaults
import Journal
import OTLP
import Synchronization
import Testing
import TraceStorage

/// A fault at every operation that changes a file: whatever was acknowledged is there afterwards, once.
@Suite struct JournalFaultTests {
    /// What a store with its own cursor took, and what clients know.
    private final class World: Sendable {
        let acknowledged = Mutex<[RequestDigest]>([])
        /// Taken by the store, up to the position it has made durable itself.
        let stored = Mutex<(position: JournalPosition, digests: [RequestDigest])>((.beginning, []))
    }

    private static func configuration(_ directory: TestDirectory, _ durability: JournalDurability)
        -> JournalConfiguration
    {
        var configuration = directory.configuration(durability)
        configuration.segmentBytesMax = 4096
        configuration.historyBytes = 0
        configuration.cursorInterval = .zero
        return configuration
    }

    /// Appends requests, each tried again as a client would, while two readers take them; the store commits in steps.
    private func run(
        _ directory: TestDirectory, _ durability: JournalDurability, files: any FileSystem, world: World
    ) async {
        guard
            let journal = try? Journal.open(Self.configuration(directory, durability), files: files),
            let store = try? journal.reader(
                "store", policy: .mustNotSkip, cursor: .external(world.stored.withLock { $0.position })),
            let forwarder = try? journal.reader("forwarder", policy: .maySkip(maxLagBytes: 1 << 20)),
            (try? journal.start()) != nil
        else { return }
        for number in 0..<14 {
            guard let request = try? TestRequest.make(number, padding: 700) else { return }
            for _ in 0..<3 {
                guard (try? await journal.append(request)) != nil else { continue }
                world.acknowledged.withLock { $0.append(request.digest) }
                break
            }
            if number % 4 == 3 {
                take(store, into: world)
                if let last = try? forwarder.next(wait: .zero).last { forwarder.commit(last.position) }
            }
        }
        await journal.shutdown()
    }

    private func take(_ reader: JournalReader, into world: World) {
        guard let entries = try? reader.next(wait: .zero), let last = entries.last else { return }
        world.stored.withLock { stored in
            stored.digests += entries.map(\.digest)
            stored.position = last.position
        }
        reader.commit(last.position)
    }

    private func check(_ directory: TestDirectory, _ durability: JournalDurability, _ world: World, _ comment: Comment)
        async throws
    {
        let journal = try Journal.open(Self.configuration(directory, durability))
        let stored = world.stored.withLock { $0 }
        let reader = try journal.reader("store", policy: .mustNotSkip, cursor: .external(stored.position))
        try journal.start()
        // The client whose request failed last sends it again.
        for number in 0..<14 {
            let request = try TestRequest.make(number, padding: 700)
            if world.acknowledged.withLock({ $0.contains(request.digest) }) { continue }
            _ = try await journal.append(request)
            world.acknowledged.withLock { $0.append(request.digest) }
        }
        await journal.drain()
        let entries = try reader.rest()
        await journal.shutdown()
        let all = stored.digests + entries.map(\.digest)
        #expect(Set(all).count == all.count, "doubled: \(comment)")
        #expect(Set(all) == Set(world.acknowledged.withLock { $0 }), "missing: \(comment)")
        #expect(entries.map(\.position) == entries.map(\.position).sorted(), comment)
        #expect(entries.allSatisfy { $0.position > stored.position }, comment)
    }

    @Test(arguments: Fault.allCases, [JournalDurability.interval, .fsync])
    func acknowledgedRecordsSurviveAFaultAtEveryOperation(_ fault: Fault, _ durability: JournalDurability) async throws
    {
        var index = 0
        while true {
            let directory = TestDirectory()
            let target = index
            let files = FaultyFileSystem { $0.index == target ? fault : nil }
            let world = World()
            await run(directory, durability, files: files, world: world)
            if files.faults == 0 { break }
            let comment = Comment(rawValue: "\(fault) at operation \(target) under \(durability)")
            try await check(directory, durability, world, comment)
            index += 1
        }
        // Appends, syncs, rolls, cursors and removals were all hit.
        #expect(index > 60)
    }

    @Test(arguments: [PowerLoss.nothingKept, .lengthsKept, .random(seed: 1), .random(seed: 2), .random(seed: 3)])
    func acknowledgedRecordsSurviveALossOfPowerUnderFsync(_ loss: PowerLoss) async throws {
        var index = 0
        while true {
            let directory = TestDirectory()
            let target = index
            let files = FaultyFileSystem { $0.index == target ? .crashBefore : nil }
            let world = World()
            await run(directory, .fsync, files: files, world: world)
            if files.faults == 0 { break }
            files.losePower(loss)
            try await check(directory, .fsync, world, "loss of power (\(loss)) at operation \(target)")
            index += 1
        }
        #expect(index > 60)
    }

    /// What a crash leaves is repaired while the journal is opened, and that can be cut short as well.
    @Test(arguments: Fault.allCases)
    func acknowledgedRecordsSurviveAFaultAtEveryOperationOfRecovery(_ fault: Fault) async throws {
        var index = 0
        while true {
            let directory = TestDirectory()
            let world = World()
            try await fill(directory, world)
            // A torn record before room in the last segment, and room in the one before it.
            let names = directory.segments
            let room = [UInt8](repeating: 0, count: 2000)
            directory.write(names[names.count - 2], directory.read(names[names.count - 2]) + room)
            directory.write(names[names.count - 1], directory.read(names[names.count - 1]) + [77, 5, 0, 0, 9] + room)
            let target = index
            let files = FaultyFileSystem { $0.index == target ? fault : nil }
            if let journal = try? Journal.open(Self.configuration(directory, .fsync), files: files) {
                await journal.shutdown()
            }
            if files.faults == 0 { break }
            files.losePower(.random(seed: UInt64(target)))
            try await check(directory, .fsync, world, "\(fault) at operation \(target) of recovery")
            index += 1
        }
        #expect(index >= 5)
    }

    /// Some segments that nobody has read.
    private func fill(_ directory: TestDirectory, _ world: World) async throws {
        let journal = try Journal.open(Self.configuration(directory, .fsync))
        _ = try journal.reader("store", policy: .mustNotSkip, cursor: .external(.beginning))
        try journal.start()
        for number in 0..<14 {
            let request = try TestRequest.make(number, padding: 700)
            _ = try await journal.append(request)
            world.acknowledged.withLock { $0.append(request.digest) }
        }
        await journal.shutdown()
        try #require(directory.segments.count >= 3)
    }

    @Test(arguments: [JournalDurability.interval, .fsync])
    func theJournalRecoversByItselfWhenSpaceIsBack(_ durability: JournalDurability) async throws {
        let directory = TestDirectory()
        let isFull = Mutex(false)
        let files = FaultyFileSystem { operation in
            isFull.withLock { $0 } && operation.name == "write" && operation.path.hasSuffix(".journal")
                ? .tornDiskFull : nil
        }
        let events = Mutex<[JournalEvent]>([])
        let journal = try Journal.open(directory.configuration(durability), files: files) { event in
            events.withLock { $0.append(event) }
        }
        try journal.start()
        _ = try await journal.append(TestRequest.make(0))
        isFull.withLock { $0 = true }
        for number in 1..<5 {
            let request = try TestRequest.make(number)
            let error = await #expect(throws: JournalError.self) { try await journal.append(request) }
            #expect(error?.isRetryable == true)
            guard case .diskFull = error else {
                Issue.record("\(String(describing: error)) is not full")
                continue
            }
        }
        isFull.withLock { $0 = false }
        for number in 1..<5 {
            let position = JournalPosition(UInt64(number) + 1)
            #expect(try await journal.append(TestRequest.make(number)) == .appended(position))
        }
        #expect(journal.metrics().fullAppends == 4)
        await journal.shutdown()
        #expect(events.withLock { $0.count } == 4)
        #expect(try await contents(of: directory.configuration()).count == 5)
    }

    @Test func aFailedSyncFailsTheGroupAndGoesOnInANewSegment() async throws {
        let directory = TestDirectory()
        let fails = Mutex(false)
        let files = FaultyFileSystem { operation in
            guard operation.name == "synchronize" else { return nil }
            return fails.withLock { fails in
                defer { fails = false }
                return fails ? .ioError : nil
            }
        }
        let journal = try Journal.open(directory.configuration(.fsync), files: files)
        try journal.start()
        _ = try await journal.append(TestRequest.make(0))
        fails.withLock { $0 = true }
        let request = try TestRequest.make(1)
        let error = await #expect(throws: JournalError.self) { try await journal.append(request) }
        guard case .io = error else {
            Issue.record("\(String(describing: error)) is no I/O error")
            return
        }
        #expect(try await journal.append(request) == .appended(JournalPosition(2)))
        #expect(journal.metrics().synchronizationFailures == 1)
        await journal.shutdown()
        #expect(directory.segments.count == 2)
        #expect(try await contents(of: directory.configuration()).count == 2)
    }

    @Test func aFailedSyncInTheBackgroundIsReportedWithTheRecordsAtRisk() async throws {
        let directory = TestDirectory()
        let fails = Mutex(true)
        let files = FaultyFileSystem { operation in
            // The segment's header was made durable when it was created.
            guard operation.name == "synchronize", operation.index > 3 else { return nil }
            return fails.withLock { fails in
                defer { fails = false }
                return fails ? .ioError : nil
            }
        }
        let events = Mutex<[JournalEvent]>([])
        let journal = try Journal.open(directory.configuration(.interval), files: files) { event in
            events.withLock { $0.append(event) }
        }
        try journal.start()
        _ = try await journal.append(TestRequest.make(0))
        await journal.drain()
        #expect(journal.metrics().recordsAtRisk == 1)
        await journal.shutdown()
        guard case .syncFailed(let path, _, recordsAtRisk: 1)? = events.withLock({ $0.first }) else {
            Issue.record("\(events.withLock { $0 })")
            return
        }
        #expect(path == directory.path + "/00000000000000000001.journal")
    }
}
