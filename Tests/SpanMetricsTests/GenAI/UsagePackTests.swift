import FileFaults
import OTLP
import SpanMetrics
import Testing
import TraceFixtures
import TraceStorage

/// Files of days that are over, compressed.
@Suite struct UsagePackTests {
    private static let second: UInt64 = 1_000_000_000

    private static func opened(
        _ files: any FileSystem, _ configuration: GenAIConfiguration = GenAIConfiguration(), sliceBytes: Int = 4 << 20
    ) throws -> GenAIMetrics {
        let log = UsageLog(directory: "u", files: files, packedSliceBytes: sliceBytes)
        let metrics = GenAIMetrics(configuration, costs: CostModel(), log: log, seed: 1)
        try metrics.open()
        return metrics
    }

    private static func records(
        _ metrics: GenAIMetrics, in range: TimeRange = .all, damaged: Int = 0
    ) throws -> [UsageRecord] {
        var records: [UsageRecord] = []
        #expect(
            try metrics.forEachRecord(in: range) { record in
                records.append(record)
                return true
            } == damaged)
        return records.sorted { ($0.time, $0.spanID.rawValue) < ($1.time, $1.spanID.rawValue) }
    }

    /// Some days of calls, and a batch behind them for which nothing waits any more.
    private static func journal(seed: UInt64, days: UInt64) throws -> [StoredBatch] {
        var journal = try UsageQueryTests.journal(seed: seed, days: days)
        let last = try #require(journal.last)
        journal.append(
            try .of([], position: last.position.rawValue + 1, receivedAt: last.receivedAt + 1_000 * second))
        return journal
    }

    private static func files(_ disk: MemoryFileSystem) throws -> [(name: String, version: UInt8, bytes: Int)] {
        try disk.list("u").filter { $0 != "removed" }.sorted().map { name in
            let file = try disk.open("u/" + name, .read)
            return (name, try file.readBytes(at: 4, count: 1).first ?? 0, try file.size())
        }
    }

    /// A disk with some days of records whose closed files could not be compressed.
    private static func unpacked(_ disk: MemoryFileSystem, _ journal: [StoredBatch]) throws {
        let files = FaultyFileSystem(on: disk) { $0.path.hasSuffix(".tmp") ? .diskFull : nil }
        let metrics = try opened(files)
        for batch in journal {
            metrics.record(batch)
            try metrics.prepareCheckpoint()
        }
        #expect(metrics.log.statistics.failedCompressions > 0)
        #expect(try Self.files(disk).allSatisfy { $0.version == 1 && $0.name.hasSuffix(".v1") })
    }

    @Test func filesOfDaysThatAreOverAreSmallerAndSayTheSame() throws {
        let journal = try Self.journal(seed: 11, days: 5)
        let (disk, plain) = (MemoryFileSystem(), MemoryFileSystem())
        let whole = try Self.opened(MemoryFileSystem())
        for batch in journal { whole.record(batch) }
        let expected = try Self.records(whole)
        try Self.unpacked(plain, journal)
        let metrics = try Self.opened(disk)
        for batch in journal {
            metrics.record(batch)
            try metrics.prepareCheckpoint()
        }
        for _ in 0..<5 { try metrics.prepareCheckpoint() }
        let files = try Self.files(disk)
        #expect(files.map(\.version) == [2, 2, 2, 2, 1])
        for (packed, before) in zip(files, try Self.files(plain)).dropLast() {
            #expect(packed.name == before.name && packed.bytes * 2 < before.bytes)
        }
        for metrics in [metrics, try Self.opened(disk)] {
            #expect(metrics.log.statistics.diskBytes == files.reduce(0) { $0 + $1.bytes })
            #expect(try Self.records(metrics) == expected)
            // A part of a run of chunks, and none of it.
            let times = expected.map(\.time)
            for (start, end) in [(times[5], times[9] + 1), (times[times.count / 2], times[times.count - 3])] {
                #expect(
                    try Self.records(metrics, in: TimeRange(start: start, end: end))
                        == expected.filter { $0.time >= start && $0.time < end })
            }
            #expect(try Self.records(metrics, in: TimeRange(start: 1, end: 2)).isEmpty)
        }
    }

    /// In one slice, and in so many that runs are written in most of them.
    @Test(arguments: Fault.allCases, [4 << 20, 700])
    func aFaultWhileCompressingLeavesTheOneFileOrTheOther(_ fault: Fault, _ sliceBytes: Int) throws {
        let journal = try Self.journal(seed: 12, days: 3)
        let whole = try Self.opened(MemoryFileSystem())
        for batch in journal { whole.record(batch) }
        let expected = try Self.records(whole)
        let isSliced = sliceBytes < 4 << 20
        var reached = 0
        for operation in 0..<50 {
            let disk = MemoryFileSystem()
            try Self.unpacked(disk, journal)
            let files = FaultyFileSystem(on: disk) { $0.index == operation ? fault : nil }
            if let metrics = try? Self.opened(files, sliceBytes: sliceBytes) {
                for _ in 0..<3 { try? metrics.prepareCheckpoint() }
                metrics.record(
                    try .of([], position: 10_000, receivedAt: try #require(journal.last).receivedAt))
                for _ in 0..<(isSliced ? 60 : 3) { try? metrics.prepareCheckpoint() }
                if files.faults > 0 { reached = operation }
                if !files.isCrashed { #expect(try Self.records(metrics) == expected) }
            }
            disk.losePower { (operation / 2).isMultiple(of: 2) }
            let again = try Self.opened(disk)
            #expect(try Self.records(again) == expected, "\(operation)")
            #expect(try Self.files(disk).allSatisfy { $0.name.hasSuffix(".v1") })
        }
        #expect(reached > (isSliced ? 20 : 10) && reached < 49, "all operations had their fault: \(reached)")
    }

    /// A disk of unpacked days, and a log that compresses them a little at a time.
    private static func sliced(
        _ journal: [StoredBatch], _ configuration: GenAIConfiguration = GenAIConfiguration()
    ) throws -> (MemoryFileSystem, GenAIMetrics) {
        let disk = MemoryFileSystem()
        try unpacked(disk, journal)
        let metrics = try opened(disk, configuration, sliceBytes: 700)
        metrics.record(try .of([], position: 10_000, receivedAt: try #require(journal.last).receivedAt))
        // The first has nothing to compare its day with.
        try metrics.prepareCheckpoint()
        return (disk, metrics)
    }

    @Test func aFileIsCompressedOverSeveralCheckpoints() throws {
        let journal = try Self.journal(seed: 21, days: 3)
        let (disk, metrics) = try Self.sliced(journal)
        let expected = try Self.records(metrics)
        var checkpoints = 0
        var withTemporary = 0
        while try Self.files(disk).filter({ $0.version == 2 && $0.name.hasSuffix(".v1") }).count < 2 {
            try metrics.prepareCheckpoint()
            checkpoints += 1
            try #require(checkpoints < 500)
            #expect(try Self.records(metrics) == expected)
            let temporary = try Self.files(disk).filter { $0.name.hasSuffix(".tmp") }
            #expect(temporary.count <= 1)
            withTemporary += temporary.count
            // What a loss of power leaves at this moment is all there is to read, and is begun anew.
            let lost = disk.copy()
            lost.losePower { checkpoints.isMultiple(of: 2) }
            let again = try Self.opened(lost, sliceBytes: 700)
            #expect(try Self.records(again) == expected)
            #expect(try Self.files(lost).allSatisfy { $0.name.hasSuffix(".v1") })
        }
        #expect(checkpoints > 10 && withTemporary > 5)
        #expect(metrics.log.statistics.diskBytes == (try Self.files(disk).reduce(0) { $0 + $1.bytes }))
        #expect(try Self.records(try Self.opened(disk)) == expected)
        #expect(metrics.log.statistics.failedCompressions == 0)
    }

    @Test func aFileThatRetentionTakesWhileItIsCompressedDoesNotComeAgain() throws {
        let journal = try Self.journal(seed: 22, days: 3)
        var configuration = GenAIConfiguration()
        configuration.retentionBytes = 1
        let (disk, metrics) = try Self.sliced(journal, configuration)
        for _ in 0..<100 { try metrics.prepareCheckpoint() }
        #expect(try Self.files(disk).map(\.version) == [1], "only the newest is left, and nothing beside it")
        #expect(metrics.log.statistics.diskBytes == (try Self.files(disk).reduce(0) { $0 + $1.bytes }))
    }

    @Test func damageIsLeftAndReported() throws {
        let journal = try Self.journal(seed: 13, days: 2)
        let disk = MemoryFileSystem()
        try Self.unpacked(disk, journal)
        let name = try #require(try Self.files(disk).first?.name)
        let file = try disk.open("u/" + name, .update)
        let whole = try Self.records(try Self.opened(disk)).count
        func flip(_ file: any File, at offset: Int) throws {
            try file.writeAll([try file.readBytes(at: offset, count: 1)[0] ^ 0x55], at: offset, path: name)
        }
        try flip(file, at: 40)
        let metrics = try Self.opened(disk)
        metrics.record(try .of([], position: 10_000, receivedAt: try #require(journal.last).receivedAt))
        for _ in 0..<3 { try metrics.prepareCheckpoint() }
        #expect(try Self.files(disk).map(\.version) == [1, 1], "what is damaged may be read in part")
        #expect(try Self.records(metrics, damaged: 1).count < whole)
        try flip(file, at: 40)
        let again = try Self.opened(disk)
        again.record(try .of([], position: 10_000, receivedAt: try #require(journal.last).receivedAt))
        for _ in 0..<3 { try again.prepareCheckpoint() }
        #expect(try Self.files(disk).map(\.version) == [2, 1])
        let packed = try disk.open("u/" + name, .update)
        for offset in [8, 20, 60, try packed.size() - 1] {
            try flip(packed, at: offset)
            let left = try Self.records(again, damaged: 1).count
            #expect(left > 0 && left < whole, "the newest day is whole")
            try flip(packed, at: offset)
        }
        #expect(try Self.records(again).count == whole)
    }

    /// About what the newest day and one before it take.
    private static func bytesOfTwoDays(_ journal: [StoredBatch]) throws -> Int {
        let disk = MemoryFileSystem()
        let metrics = try opened(disk)
        for batch in journal {
            metrics.record(batch)
            try metrics.prepareCheckpoint()
        }
        let bytes = try files(disk).map(\.bytes)
        return bytes[bytes.count - 2] + bytes[bytes.count - 1] + 100
    }

    @Test func whatRetentionDeletesIsCounted() throws {
        let journal = try Self.journal(seed: 14, days: 6)
        var configuration = GenAIConfiguration()
        configuration.retentionNanoseconds = 3 * 86_400 * Self.second
        let aged = try Self.opened(MemoryFileSystem(), configuration)
        for batch in journal {
            aged.record(batch)
            try aged.prepareCheckpoint()
        }
        #expect(aged.log.statistics.deletedDays == [.age: 2])
        #expect(try Self.removed(aged).keys.elementsEqual([.age]))
        #expect((aged.log.statistics.deletedBytes[.age] ?? 0) > 0)

        let disk = MemoryFileSystem()
        configuration = GenAIConfiguration()
        configuration.retentionBytes = try Self.bytesOfTwoDays(journal)
        let small = try Self.opened(disk, configuration)
        for batch in journal {
            small.record(batch)
            try small.prepareCheckpoint()
        }
        try small.prepareCheckpoint()
        let statistics = small.log.statistics
        let files = try Self.files(disk)
        #expect(files.count + Int(statistics.deletedDays[.size] ?? 0) == 6 && (statistics.deletedDays[.size] ?? 0) > 0)
        #expect(statistics.diskBytes == files.reduce(0) { $0 + $1.bytes })
        #expect(statistics.diskBytes <= configuration.retentionBytes || files.count == 1)
        #expect(statistics.deletedDays[.age] == nil)
        #expect(try Self.removed(small).keys.elementsEqual([.size]))
    }

    // MARK: what is missing

    private static func removed(
        _ metrics: GenAIMetrics, from start: UInt64 = 0
    ) throws -> [UsageLogStatistics.Reason: UInt64] {
        try UsageQuery(range: TimeRange(start: start, end: .max), by: [.model])
            .run(on: metrics) { () throws(StorageError) in }.removedUntil
    }

    @Test func anAnswerKnowsUpToWhenRecordsWereRemoved() throws {
        let journal = try Self.journal(seed: 31, days: 6)
        let whole = try Self.opened(MemoryFileSystem())
        for batch in journal { whole.record(batch) }
        let all = try Self.records(whole)
        #expect(try Self.removed(whole).isEmpty)
        var configuration = GenAIConfiguration()
        configuration.retentionNanoseconds = 3 * 86_400 * Self.second
        let disk = MemoryFileSystem()
        let metrics = try Self.opened(disk, configuration)
        for batch in journal {
            metrics.record(batch)
            try metrics.prepareCheckpoint()
        }
        let kept = try Self.records(metrics)
        let last = try #require(all.filter { !kept.contains($0) }.map(\.time).max())
        #expect(kept.count < all.count)
        for metrics in [metrics, try Self.opened(disk, configuration)] {
            #expect(try Self.removed(metrics) == [.age: last])
            #expect(try Self.removed(metrics, from: last) == [.age: last])
            #expect(try Self.removed(metrics, from: last + 1).isEmpty)
        }
        // Where that is not known, all before the oldest file may be missing.
        let oldest = try #require(try Self.files(disk).first?.name)
        let file = try disk.open("u/removed", .update)
        try file.writeAll([0x55], at: 3, path: "removed")
        let day = try #require(UInt64(oldest.dropFirst(6).prefix(6)))
        #expect(try Self.removed(try Self.opened(disk, configuration)) == [.age: day * 86_400 * Self.second])
    }

    @Test func aFileOfALaterVersionAboutWhatWasRemovedIsRefused() throws {
        let disk = MemoryFileSystem()
        try disk.createDirectory("u")
        let text = "skein-usage-removed 2\nwho knows\ncrc32c 0\n"
        try disk.replace("u/removed", in: "u", with: Array(text.utf8), temporary: "u/removed.tmp")
        #expect(throws: CheckpointError.self) { try Self.opened(disk) }
    }

    /// Whatever fails, what is missing is known to be missing.
    @Test(arguments: Fault.allCases) func nothingIsRemovedUnsaid(_ fault: Fault) throws {
        let journal = try Self.journal(seed: 32, days: 4)
        let whole = try Self.opened(MemoryFileSystem())
        for batch in journal { whole.record(batch) }
        let all = try Self.records(whole)
        var configuration = GenAIConfiguration()
        configuration.retentionBytes = 1
        var reached = 0
        for operation in 0..<60 {
            let disk = MemoryFileSystem()
            try Self.unpacked(disk, journal)
            let files = FaultyFileSystem(on: disk) { $0.index == operation ? fault : nil }
            if let metrics = try? Self.opened(files, configuration) {
                metrics.record(try .of([], position: 10_000, receivedAt: try #require(journal.last).receivedAt))
                for _ in 0..<3 { try? metrics.prepareCheckpoint() }
                if files.faults > 0 { reached = operation }
            }
            disk.losePower { operation.isMultiple(of: 2) }
            let again = try Self.opened(disk)
            let kept = try Self.records(again)
            let until = try Self.removed(again)[.size] ?? 0
            #expect(all.filter { $0.time > until }.allSatisfy(kept.contains), "\(operation)")
            #expect(try !disk.list("u").contains { $0.hasSuffix(".tmp") })
        }
        #expect(reached > 10 && reached < 59, "all operations had their fault: \(reached)")
    }
}
