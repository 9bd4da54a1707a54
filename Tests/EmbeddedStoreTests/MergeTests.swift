import EmbeddedStore
import OTLP
import Testing
import TraceStorage
import TraceStorageConformance

@Suite struct MergeTests {
    private static let second: UInt64 = 1_000_000_000

    /// A store with a block for each batch; odd batches have spans of far-off times, which make blocks of their own.
    private static func store(
        _ batches: [StoredBatch], _ directory: TemporaryDirectory, _ options: StoreOptions = StoreOptions()
    ) throws -> EmbeddedStore {
        let store = try EmbeddedStore(directory: directory.path, options: options)
        for batch in batches {
            try store.append(batch)
            try store.flush()
        }
        return store
    }

    private static func mergeAll(_ store: EmbeddedStore) throws {
        while try store.merge() {}
    }

    private static func agentBatches(_ count: Int, spans: Int = 64, seed: UInt64 = 3) throws -> [StoredBatch] {
        var source = AgentSpans(seed: seed)
        return try (1...count).map { position in
            StoredBatch(
                batch: try SpanBatch(decoding: source.request(spans: spans)),
                position: JournalPosition(UInt64(position)),
                receivedAt: 1_760_000_100 * second + UInt64(position) * second)
        }
    }

    @Test func smallBlocksBecomeOneAndEverySpanComesBack() throws {
        let directory = TemporaryDirectory()
        let batches = try ConformanceSuite.oddBatches(seed: 21, batches: 9, spans: 40)
        let store = try Self.store(batches, directory)
        let before = store.statistics()
        #expect(before.blocks > 9)
        try Self.mergeAll(store)
        // One for spans of their time and one for those of far-off times.
        #expect(store.statistics().blocks == 2)
        #expect(store.counters.mergedBlocks == before.blocks)
        #expect(store.counters.merges == 2 && store.counters.failedMerges == 0)
        #expect(store.counters.mergedBytes == store.statistics().diskBytes)
        #expect(store.statistics().spans == before.spans)
        #expect(store.statistics().deletedBefore == nil)
        let sent = StoredSpansOf.batches(batches)
        for store in [store, try EmbeddedStore(directory: directory.path)] {
            let found = try StoredSpansOf.traces(store, batches)
            #expect(Set(found) == sent)
            #expect(found.count == sent.count)
            #expect(try StoredSpansOf.rows(store) == sent.count)
            #expect(store.durablePosition == JournalPosition(9))
            #expect(store.statistics().oldestReceivedAt == batches[0].receivedAt)
        }
        try store.maintain(now: batches[0].receivedAt)
        #expect(try directory.names().count == 3)
        #expect(try !store.merge(), "nothing is left to do")
    }

    @Test func aTraceLiesTogetherAfterAMerge() throws {
        let directory = TemporaryDirectory()
        let batches = try Self.agentBatches(40, spans: 512)
        let store = try Self.store(batches, directory)
        let traceBytes = try Self.traceBytes(directory)
        let order = try Self.traceOrder(store)
        try Self.mergeAll(store)
        #expect(store.statistics().blocks == 1)
        let sorted = try Self.traceOrder(store)
        #expect(Self.changes(sorted) == Set(sorted).count - 1, "each trace is one run of rows")
        #expect(Self.changes(order) > Set(order).count * 2)
        let merged = try Self.traceBytes(directory)
        #expect(merged * 2 < traceBytes)
    }

    /// Bytes of the column that says to which trace a row belongs.
    private static func traceBytes(_ directory: TemporaryDirectory) throws -> Int {
        let columns = try StoreInspection(directory: directory.path).columns()
        return try #require(columns.first { $0.name == "trace" }).storedBytes
    }

    private static func traceOrder(_ store: EmbeddedStore) throws -> [FieldValue] {
        var order: [FieldValue] = []
        try store.scan(ScanPlan(fields: [.traceID]), context: QueryContext()) { rows in
            for row in 0..<rows.count { order.append(rows.columns[0][row]) }
            return true
        }
        return order
    }

    private static func changes(_ order: [FieldValue]) -> Int {
        zip(order, order.dropFirst()).count { $0 != $1 }
    }

    @Test func spansEqualInEveryByteBecomeOne() throws {
        let directory = TemporaryDirectory()
        var options = StoreOptions()
        // Spans sent again are not known as such, as if much had come in between.
        options.recentSpansMax = 1
        let once = try Self.agentBatches(4)
        let again = once.enumerated().map { index, stored in
            StoredBatch(
                batch: stored.batch, position: JournalPosition(UInt64(index + 5)), receivedAt: stored.receivedAt)
        }
        let store = try Self.store(once + again, directory, options)
        let sent = StoredSpansOf.batches(once)
        #expect(try StoredSpansOf.rows(store) > sent.count)
        try Self.mergeAll(store)
        #expect(try StoredSpansOf.rows(store) == sent.count)
        #expect(store.counters.collapsedSpans > 200)
        #expect(store.statistics().spans == sent.count)
        #expect(Set(try StoredSpansOf.traces(store, once)) == sent)
    }

    @Test func aDamagedBlockIsNotMergedAway() throws {
        let directory = TemporaryDirectory()
        let batches = try Self.agentBatches(6)
        _ = try Self.store(batches, directory)
        var bytes = try directory.bytes("block-3.skb")
        bytes[100] ^= 1
        try directory.write(bytes, to: "block-3.skb")
        let store = try EmbeddedStore(directory: directory.path)
        #expect(throws: StorageError.self) { try store.merge() }
        #expect(store.counters.failedMerges == 1 && store.counters.merges == 0)
        #expect(store.statistics().blocks == 6)
        try store.maintain(now: batches[5].receivedAt)
        #expect(store.counters.quarantinedBlocks == 1)
        try Self.mergeAll(store)
        #expect(store.statistics().blocks == 1)
        let others = batches[..<2] + batches[3...]
        let found = try StoredSpansOf.traces(store, others)
        #expect(StoredSpansOf.batches(others).isSubset(of: found))
        try store.maintain(now: batches[5].receivedAt)
        #expect(try StoreFiles(POSIXFileSystem()).names(in: directory.path + "/quarantine") == ["block-3.skb"])
    }

    @Test func whatCameInLongApartIsNotJoined() throws {
        var options = StoreOptions()
        options.retentionAge = 1600 * Self.second
        let batches = try Self.agentBatches(12).enumerated().map { index, stored in
            StoredBatch(
                batch: stored.batch, position: stored.position,
                receivedAt: stored.receivedAt + (index < 6 ? 0 : 500 * Self.second))
        }
        let directory = TemporaryDirectory()
        let store = try Self.store(batches, directory, options)
        try Self.mergeAll(store)
        #expect(store.statistics().blocks == 2)
        // The older half goes in its time, and not with the younger.
        try store.maintain(now: batches[5].receivedAt + 1601 * Self.second)
        #expect(store.statistics().blocks == 1)
        #expect(store.counters.expiredSpans == 6 * 64)
        #expect(store.statistics().deletedBefore == batches[6].receivedAt)
        #expect(try EmbeddedStore(directory: directory.path).statistics().deletedBefore == batches[6].receivedAt)
    }

    @Test func fullBlocksAndLargeOnesStayAsTheyAre() throws {
        var options = StoreOptions()
        options.sealSpans = 64
        let directory = TemporaryDirectory()
        let batches = try Self.agentBatches(6)
        let full = try Self.store(batches, directory, options)
        #expect(try !full.merge())
        options.sealSpans = 65_536
        options.mergeBytes = 6 * 64 * 100
        let other = try EmbeddedStore(directory: directory.path, options: options)
        #expect(try !other.merge(), "more bytes than a merge may hold")
        #expect(try !other.merge())
        #expect(other.statistics().blocks == 6)
        #expect(Set(try StoredSpansOf.traces(other, batches)) == StoredSpansOf.batches(batches))
    }

    @Test func blocksOfMoreBytesThanAMergeMayHoldAreJoinedInParts() throws {
        let directory = TemporaryDirectory()
        let batches = try Self.agentBatches(12)
        var options = StoreOptions()
        options.mergeBytes = batches[..<5].reduce(0) { $0 + $1.batch.bytes.count }
        let store = try Self.store(batches, directory, options)
        #expect(try store.merge(), "five of twelve")
        #expect(store.statistics().blocks == 8)
        #expect(store.counters.mergedSpans == 5 * 64)
        // What was joined has no room for more, which is found once; then come five more.
        #expect(try !store.merge())
        #expect(try store.merge())
        #expect(try !store.merge())
        #expect(store.statistics().blocks == 4)
        #expect(store.statistics().spans == 12 * 64)
        #expect(Set(try StoredSpansOf.traces(store, batches)) == StoredSpansOf.batches(batches))
        for block in try StoreInspection(directory: directory.path).blocks {
            #expect(try StoreInspection(directory: directory.path).verify(block) == [])
        }
    }

    @Test func aMergeThatIsCancelledChangesNothing() throws {
        let directory = TemporaryDirectory()
        let store = try Self.store(try Self.agentBatches(5), directory)
        let names = try directory.names()
        let context = QueryContext()
        context.cancel()
        #expect(throws: StorageError.cancelled) { try store.merge(context: context) }
        #expect(store.counters.failedMerges == 0)
        #expect(try directory.names() == names)
        #expect(try store.merge())
    }

    /// Each span is written anew a bounded number of times, however many small blocks come.
    @Test func mergingCostsALogarithm() throws {
        var options = StoreOptions()
        options.sealSpans = 1024
        let directory = TemporaryDirectory()
        let store = try EmbeddedStore(directory: directory.path, options: options)
        for batch in try Self.agentBatches(64, spans: 16) {
            try store.append(batch)
            try store.flush()
            try Self.mergeAll(store)
        }
        #expect(store.counters.mergedSpans <= 1024 * 6)
        #expect(store.statistics().blocks <= 10)
        #expect(store.statistics().spans == 1024)
    }
}
