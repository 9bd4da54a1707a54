import Dispatch
import EmbeddedStore
import OTLP
import Synchronization
import Testing
import TraceStorage
import TraceStorageConformance

/// One thread appends and seals, one merges, others read all the time.
@Suite struct ConcurrencyTests {
    private static let batchSpans = 40

    private static func batches(_ count: Int) throws -> [StoredBatch] {
        var source = AgentSpans(seed: 77)
        return try (1...count).map { position in
            StoredBatch(
                batch: try SpanBatch(decoding: source.request(spans: batchSpans)),
                position: JournalPosition(UInt64(position)), receivedAt: 1_760_000_100_000_000_000)
        }
    }

    /// What goes on and what was found wrong.
    private final class Course: Sendable {
        /// Batches whose append has begun, and has returned.
        let begun = Atomic<Int>(0)
        let done = Atomic<Int>(0)
        let isOver = Atomic<Bool>(false)
        let scans = Atomic<Int>(0)
        let mistakes = Mutex<[String]>([])

        func note(_ mistake: String) { mistakes.withLock { $0.append(mistake) } }
    }

    private static func write(_ store: EmbeddedStore, _ batches: [StoredBatch], _ course: Course) {
        defer { course.isOver.store(true, ordering: .releasing) }
        do {
            for (index, batch) in batches.enumerated() {
                course.begun.store(index + 1, ordering: .releasing)
                try store.append(batch)
                course.done.store(index + 1, ordering: .releasing)
                if index % 7 == 6 { try store.flush() }
                try store.maintain(now: batch.receivedAt)
            }
        } catch { course.note("writer: \(error)") }
    }

    private static func merge(_ store: EmbeddedStore, _ course: Course) {
        do {
            while !course.isOver.load(ordering: .acquiring) { try store.merge() }
            while try store.merge() {}
        } catch { course.note("merge: \(error)") }
    }

    private static func read(_ store: EmbeddedStore, _ batches: [StoredBatch], _ course: Course) {
        do {
            repeat {
                let before = course.done.load(ordering: .acquiring)
                var ids: Set<FieldValue> = []
                var rows = 0
                try store.scan(ScanPlan(fields: [.spanID]), context: QueryContext()) { answer in
                    rows += answer.count
                    for row in 0..<answer.count { ids.insert(answer.columns[0][row]) }
                    return true
                }
                let after = course.begun.load(ordering: .acquiring)
                if rows != ids.count { course.note("\(rows) rows of \(ids.count) spans") }
                if rows < before * batchSpans || rows > after * batchSpans {
                    course.note("\(rows) rows after \(before) to \(after) batches")
                }
                course.scans.add(1, ordering: .relaxed)
                guard before > 0 else { continue }
                try look(store, batches, upTo: before, course)
            } while !course.isOver.load(ordering: .acquiring)
        } catch { course.note("reader: \(error)") }
    }

    /// Looks for a trace and compares it with the batches that were in before.
    private static func look(
        _ store: EmbeddedStore, _ batches: [StoredBatch], upTo count: Int, _ course: Course
    ) throws {
        let trace = batches[count - 1].batch.spans[0].traceID
        let found = try store.trace(trace, tenant: .default, context: QueryContext())?.spans.map(\.spanID) ?? []
        let expected = batches[..<count].flatMap { $0.batch.spans.filter { $0.traceID == trace } }.map(\.spanID)
        if Set(found).count != found.count { course.note("a span of \(trace) is doubled") }
        if !Set(expected).isSubset(of: found) { course.note("\(found.count) spans of \(trace), not \(expected.count)") }
    }

    @Test func everySpanIsFoundExactlyOnceAtAllTimes() throws {
        let batches = try Self.batches(250)
        let directory = TemporaryDirectory()
        var options = StoreOptions()
        options.sealSpans = 4_000
        let store = try EmbeddedStore(directory: directory.path, options: options)
        let course = Course()
        // A queue each, so that each has a thread on machines with few cores too.
        let threads = DispatchGroup()
        for thread in 0..<4 {
            DispatchQueue(label: "thread \(thread)").async(group: threads) {
                switch thread {
                case 0: Self.write(store, batches, course)
                case 1: Self.merge(store, course)
                default: Self.read(store, batches, course)
                }
            }
        }
        threads.wait()
        #expect(course.mistakes.withLock { $0 } == [])
        #expect(course.scans.load(ordering: .relaxed) > 4)
        #expect(store.counters.mergedBlocks > 0)
        #expect(try StoredSpansOf.rows(store) == batches.count * Self.batchSpans)
        try store.flush()
        try store.maintain(now: batches[0].receivedAt)
        #expect(try directory.names().count == store.statistics().blocks + 1)
    }

    @Test func theTailIsBoundedBySpansAndBytes() throws {
        let batches = try Self.batches(60)
        for (spans, bytes) in [(500, Int.max), (Int.max, 100_000)] {
            let directory = TemporaryDirectory()
            var options = StoreOptions()
            options.sealSpans = spans
            options.sealBytes = bytes
            let store = try EmbeddedStore(directory: directory.path, options: options)
            var live = 0
            for batch in batches {
                try store.append(batch)
                live = max(live, store.statistics().liveSpans)
            }
            // One span of this traffic takes some 500 bytes.
            #expect(live <= min(spans, bytes == Int.max ? .max : bytes / 400))
            #expect(store.statistics().blocks > 3)
            #expect(try StoredSpansOf.rows(store) == batches.count * Self.batchSpans)
        }
    }
}
