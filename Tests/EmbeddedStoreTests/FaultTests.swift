import EmbeddedStore
import FileFaults
import OTLP
import Synchronization
import Testing
import TraceStorage
import TraceStorageConformance

/// A fault of every kind at every single write of a life of seals, merges and retention.
@Suite struct FaultTests {
    private static let day: UInt64 = 86_400 * 1_000_000_000
    private static let oldBatches = 4

    /// Batches of which the first four are ten days older than the others.
    private static func batches() throws -> [StoredBatch] {
        try ConformanceSuite.oddBatches(seed: 31, batches: 8, spans: 5).enumerated().map { index, stored in
            StoredBatch(
                batch: stored.batch, position: stored.position,
                receivedAt: stored.receivedAt &- (index < oldBatches ? 10 * day : 0))
        }
    }

    /// Tries as the collector does until it works; a store that is gone is left.
    private static func attempt(_ files: FaultyFileSystem, _ body: () throws -> Void) throws {
        for _ in 0..<3 {
            do { return try body() } catch {
                if files.isCrashed { throw error }
            }
        }
        Issue.record("still fails after the fault is over")
    }

    /// Seals each batch, merges twice, deletes what is old.
    private static func run(_ store: EmbeddedStore, _ batches: [StoredBatch], _ files: FaultyFileSystem) throws {
        for (index, batch) in batches.enumerated() {
            try attempt(files) { try store.append(batch) }
            try attempt(files) { try store.flush() }
            if index == 3 || index == 7 { try attempt(files) { while try store.merge() {} } }
            if index == 5 { try attempt(files) { try store.maintain(now: batch.receivedAt) } }
        }
        try attempt(files) { try store.maintain(now: batches[5].receivedAt) }
    }

    /// What must be found, and what may be.
    private struct Expectation {
        let batches: [StoredBatch]
        let kept: Set<SpanDescription>
        let old: Set<SpanDescription>

        init(_ batches: [StoredBatch]) {
            self.batches = batches
            kept = StoredSpansOf.batches(batches[oldBatches...])
            old = StoredSpansOf.batches(batches[..<oldBatches]).subtracting(kept)
        }

        /// Counts, because what a failure prints of the sets themselves is pages long.
        func check(_ store: EmbeddedStore, _ label: Comment, hasOld: Bool) throws {
            let found = try StoredSpansOf.traces(store, batches)
            let distinct = Set(found)
            #expect(distinct.count == found.count, label)
            #expect(kept.subtracting(distinct).count == 0, label)
            let strange = distinct.subtracting(kept)
            #expect(strange.subtracting(hasOld ? old : []).count == 0, label)
            #expect(try StoredSpansOf.rows(store) == found.count, label)
        }
    }

    private static func operations() throws -> Int {
        let directory = TemporaryDirectory()
        let files = FaultyFileSystem { _ in nil }
        let store = try EmbeddedStore(directory: directory.path, files: files)
        let batches = try batches()
        try run(store, batches, files)
        #expect(store.counters.mergedBlocks >= 8)
        #expect(store.counters.expiredBlocks > 0)
        try Expectation(batches).check(store, "without a fault", hasOld: false)
        return files.operations
    }

    @Test(arguments: Fault.allCases) func noSpanIsLostOrDoubled(_ fault: Fault) throws {
        let batches = try Self.batches()
        let expected = Expectation(batches)
        let steps = try Self.operations()
        #expect(steps > 45)
        for step in 0..<steps {
            let label: Comment = "\(fault) at step \(step)"
            let directory = TemporaryDirectory()
            let files = FaultyFileSystem { $0.index == step ? fault : nil }
            if let store = try? EmbeddedStore(directory: directory.path, files: files) {
                do {
                    try Self.run(store, batches, files)
                    try expected.check(store, label, hasOld: false)
                } catch {
                    guard files.isCrashed else { throw error }
                }
            }
            #expect(files.faults == 1, label)
            // The journal plays back what no manifest covers.
            let store = try EmbeddedStore(directory: directory.path)
            #expect(store.report.quarantined.isEmpty && store.report.unknown.isEmpty, label)
            for batch in batches { try store.append(batch) }
            try expected.check(store, label, hasOld: true)
            try store.flush()
            while try store.merge() {}
            try store.maintain(now: batches[5].receivedAt)
            try store.maintain(now: batches[5].receivedAt)
            // Old spans that were played back into one block with younger ones go with these.
            try expected.check(store, label, hasOld: true)
            #expect(try directory.names().count == store.statistics().blocks + 1, label)
        }
    }

    @Test func aFullDiskRefusesWhatItCannotKeepAndRecoversByItself() throws {
        let isFull = Atomic<Bool>(false)
        let files = FaultyFileSystem { _ in isFull.load(ordering: .relaxed) ? .tornDiskFull : nil }
        var options = StoreOptions()
        options.sealSpans = 200
        let directory = TemporaryDirectory()
        let store = try EmbeddedStore(directory: directory.path, options: options, files: files)
        var source = AgentSpans(seed: 9)
        let batches = try (1...30).map { position in
            StoredBatch(
                batch: try SpanBatch(decoding: source.request(spans: 50)), position: JournalPosition(UInt64(position)),
                receivedAt: 1_760_000_100_000_000_000 + UInt64(position))
        }
        var refused = 0
        for (index, batch) in batches.enumerated() {
            isFull.store((8..<20).contains(index), ordering: .relaxed)
            do { try store.append(batch) } catch {
                guard case StorageError.full = error else { throw error }
                refused += 1
                #expect(store.statistics().liveSpans <= 200, "the tail is bounded while it cannot be sealed")
                #expect(throws: StorageError.self) { try store.append(batch) }
                #expect(throws: StorageError.self) { try store.maintain(now: batch.receivedAt + 601_000_000_000) }
                let taken = StoredSpansOf.batches(batches[..<index])
                #expect(Set(try StoredSpansOf.traces(store, batches)) == taken)
                isFull.store(false, ordering: .relaxed)
                try store.append(batch)
            }
        }
        #expect(refused > 1)
        #expect(Set(try StoredSpansOf.traces(store, batches)) == StoredSpansOf.batches(batches))
        #expect(try StoredSpansOf.rows(store) == 1500)
        try store.flush()
        #expect(store.durablePosition == JournalPosition(30))
        #expect(try directory.names().count == store.statistics().blocks + 1, "no half file is left")
    }
}
