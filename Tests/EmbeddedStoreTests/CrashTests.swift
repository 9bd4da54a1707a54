import EmbeddedStore
import FileFaults
import OTLP
import Testing
import TraceStorage
import TraceStorageConformance

@Suite struct CrashTests {
    private static let day: UInt64 = 86_400 * 1_000_000_000

    /// Batches of which the first two are ten days older than the others.
    private static func batches() throws -> [StoredBatch] {
        let batches = try ConformanceSuite.oddBatches(seed: 11, batches: 6, spans: 12)
        return batches.enumerated().map { index, stored in
            let received = stored.receivedAt &- (index < 2 ? 10 * day : 0)
            return StoredBatch(batch: stored.batch, position: stored.position, receivedAt: received)
        }
    }

    /// Seals twice, deletes what is old, and seals again.
    private static func run(_ store: EmbeddedStore, _ batches: [StoredBatch]) throws {
        for (index, batch) in batches.enumerated() {
            try store.append(batch)
            if index % 2 == 1 { try store.flush() }
            if index == 3 { try store.maintain(now: batch.receivedAt) }
        }
    }

    private static func spans(_ batches: some Sequence<StoredBatch>) -> [SpanDescription] {
        batches.flatMap { stored in stored.batch.spans.indices.map { SpanDescription(stored.batch, row: $0) } }
    }

    /// All spans of a store, by the traces of some batches.
    private static func stored(_ store: EmbeddedStore, _ batches: [StoredBatch]) throws -> [SpanDescription] {
        try Set(batches.flatMap(\.batch.spans).map(\.traceID)).flatMap { trace in
            let batch = try store.trace(trace, tenant: .default, context: QueryContext())
            return batch.map { batch in batch.spans.indices.map { SpanDescription(batch, row: $0) } } ?? []
        }
    }

    private static func stepsOfARun() throws -> Int {
        let directory = TemporaryDirectory()
        let files = FaultyFileSystem { _ in nil }
        try run(try EmbeddedStore(directory: directory.path, files: files), batches())
        return files.operations
    }

    @Test(arguments: [Fault.crashBefore, .crashWithin, .crashAfter])
    func noSpanIsLostOrDoubledWhereverTheProcessDies(_ fault: Fault) throws {
        let batches = try Self.batches()
        let kept = Set(Self.spans(batches[2...]))
        let old = Set(Self.spans(batches[..<2]))
        let steps = try Self.stepsOfARun()
        #expect(steps > 15)
        for step in 0..<steps {
            let directory = TemporaryDirectory()
            let files = FaultyFileSystem { $0.index == step ? fault : nil }
            #expect(throws: StorageError.self, "step \(step)") {
                try Self.run(try EmbeddedStore(directory: directory.path, files: files), batches)
            }
            let store = try EmbeddedStore(directory: directory.path)
            #expect(store.report.quarantined.isEmpty, "step \(step)")
            for batch in batches { try store.append(batch) }
            let found = try Self.stored(store, batches)
            #expect(Set(found).count == found.count, "step \(step): a span is doubled")
            #expect(kept.isSubset(of: found), "step \(step): a span is lost")
            #expect(Set(found).isSubset(of: kept.union(old)), "step \(step): a span that was never sent")
            var rows = 0
            try store.scan(ScanPlan(fields: []), context: QueryContext()) { answer in
                rows += answer.count
                return true
            }
            #expect(rows == found.count, "step \(step): a scan finds \(rows), traces \(found.count)")
            try store.flush()
            #expect(store.durablePosition == batches[5].position)
            #expect(try directory.names().count == store.statistics().blocks + 1, "step \(step): files are left behind")
        }
    }

    @Test func afterAFullDiskNothingIsLostAndWorkGoesOn() throws {
        let batches = try Self.batches()
        let all = Set(Self.spans(batches))
        let steps = try Self.stepsOfARun()
        var errors = 0
        for step in 5..<steps {
            let directory = TemporaryDirectory()
            var options = StoreOptions()
            options.retentionAge = 0
            let files = FaultyFileSystem { $0.index == step ? .tornDiskFull : nil }
            let store = try EmbeddedStore(directory: directory.path, options: options, files: files)
            for batch in batches {
                try store.append(batch)
                do { try store.flush() } catch {
                    guard case StorageError.full = error else { throw error }
                    errors += 1
                    #expect(Set(try Self.stored(store, batches)).count == Self.count(batches, upTo: batch))
                    try store.maintain(now: batch.receivedAt + 601 * 1_000_000_000)
                }
            }
            #expect(Set(try Self.stored(store, batches)) == all, "step \(step)")
            try store.flush()
            let again = try EmbeddedStore(directory: directory.path)
            #expect(again.durablePosition == batches[5].position)
            let found = try Self.stored(again, batches)
            #expect(Set(found) == all && found.count == all.count, "step \(step): after reopening")
        }
        #expect(errors > 5)
    }

    private static func count(_ batches: [StoredBatch], upTo last: StoredBatch) -> Int {
        Set(spans(batches.prefix { $0.position <= last.position })).count
    }

    @Test func positionsThatWereTakenArePassedOver() throws {
        let batches = try Self.batches()
        let directory = TemporaryDirectory()
        let store = try EmbeddedStore(directory: directory.path)
        for batch in batches { try store.append(batch) }
        let spans = store.statistics().spans
        for batch in batches { try store.append(batch) }
        #expect(store.statistics().spans == spans)
        try store.flush()
        let again = try EmbeddedStore(directory: directory.path)
        #expect(again.durablePosition == JournalPosition(6))
        for batch in batches { try again.append(batch) }
        #expect(again.statistics().liveSpans == 0)
    }
}
