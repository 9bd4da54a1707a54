import EmbeddedStore
import OTLP
import Testing
import TraceStorage
import TraceStorageConformance

@Suite struct RetentionTests {
    private static let second: UInt64 = 1_000_000_000
    private static let now: UInt64 = 1_760_003_600 * second

    /// One block for each of these ages in seconds.
    private static func store(ages: [UInt64], _ options: StoreOptions, _ directory: TemporaryDirectory) throws
        -> EmbeddedStore
    {
        let store = try EmbeddedStore(directory: directory.path, options: options)
        for (index, age) in ages.enumerated() {
            var source = OddSpans(seed: UInt64(index))
            let batch = try SpanBatch(decoding: source.request(spans: 20))
            try store.append(
                StoredBatch(batch: batch, position: JournalPosition(UInt64(index + 1)), receivedAt: now - age * second))
            try store.flush()
        }
        return store
    }

    @Test func blocksPastTheirAgeGo() throws {
        let directory = TemporaryDirectory()
        var options = StoreOptions()
        options.retentionAge = 100 * Self.second
        options.behindMax = .max
        options.aheadMax = .max
        let store = try Self.store(ages: [300, 200, 50], options, directory)
        #expect(store.statistics().blocks == 3)
        try store.maintain(now: Self.now)
        #expect(store.statistics().blocks == 1)
        #expect(store.counters.expiredBlocks == 2)
        #expect(store.statistics().oldestReceivedAt == Self.now - 50 * Self.second)
        #expect(try directory.names().count == 2)
        #expect(try EmbeddedStore(directory: directory.path).statistics().blocks == 1)
    }

    @Test func theOldestBlocksGoWhenThereIsTooMuch() throws {
        let directory = TemporaryDirectory()
        var options = StoreOptions()
        options.behindMax = .max
        options.aheadMax = .max
        options.retentionBytes = 1
        let store = try Self.store(ages: [30, 20, 10], options, directory)
        try store.maintain(now: Self.now)
        #expect(store.statistics().blocks == 0)
        #expect(store.statistics().diskBytes == 0)
    }

    @Test func spansOfAFarOffTimeAreSealedApart() throws {
        let directory = TemporaryDirectory()
        let store = try EmbeddedStore(directory: directory.path)
        let batches = try ConformanceSuite.oddBatches(seed: 5, batches: 6, spans: 60)
        for batch in batches { try store.append(batch) }
        try store.flush()
        #expect(store.statistics().blocks == 2)
        #expect(store.counters.outOfRangeSpans > 0)
        #expect(store.counters.outOfRangeSpans < store.counters.sealedSpans / 2)
    }

    @Test func aBlockThatAQueryReadsStaysUntilItIsDone() throws {
        let directory = TemporaryDirectory()
        var options = StoreOptions()
        options.retentionAge = Self.second
        options.behindMax = .max
        options.aheadMax = .max
        let store = try Self.store(ages: [300, 200], options, directory)
        let spans = store.statistics().spans
        var rows = 0
        try store.scan(ScanPlan(fields: [.name, .attribute(.any, key: "k")]), context: QueryContext()) { answer in
            rows += answer.count
            do { try store.maintain(now: Self.now) } catch { Issue.record(error) }
            return true
        }
        #expect(rows == spans)
        #expect(store.statistics().blocks == 0)
        try store.maintain(now: Self.now)
        #expect(try directory.names() == ["manifest"])
    }

    @Test func whatIsOldOrLargeEnoughIsSealed() throws {
        let directory = TemporaryDirectory()
        var options = StoreOptions()
        options.sealSpans = 100
        let store = try EmbeddedStore(directory: directory.path, options: options)
        let batches = try ConformanceSuite.oddBatches(seed: 6, batches: 5, spans: 60)
        for batch in batches { try store.append(batch) }
        #expect(store.statistics().liveSpans <= 100)
        #expect(store.counters.sealedBlocks > 0)
        try store.maintain(now: batches[4].receivedAt + 599 * Self.second)
        #expect(store.statistics().liveSpans > 0)
        try store.maintain(now: batches[4].receivedAt + 600 * Self.second)
        #expect(store.statistics().liveSpans == 0)
    }
}
