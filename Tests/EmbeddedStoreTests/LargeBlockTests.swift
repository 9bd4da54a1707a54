import EmbeddedStore
import OTLP
import Testing
import TraceStorage
import TraceStorageConformance

@Suite struct LargeBlockTests {
    private static func sealed(_ requests: [[UInt8]]) throws -> (DirectoryHolder, [SpanBatch]) {
        let directory = TemporaryDirectory()
        let store = try EmbeddedStore(directory: directory.path)
        let batches = try requests.map { try SpanBatch(decoding: $0) }
        for (index, batch) in batches.enumerated() {
            try store.append(
                StoredBatch(
                    batch: batch, position: JournalPosition(UInt64(index + 1)), receivedAt: 1_760_000_100_000_000_000))
        }
        try store.flush()
        #expect(store.statistics().blocks == 1)
        return (DirectoryHolder(store, directory), batches)
    }

    private static func expectSame(_ store: DirectoryHolder, _ batches: [SpanBatch], traces: Int) throws {
        var expected: [TraceID: [SpanDescription]] = [:]
        for batch in batches {
            for row in batch.spans.indices {
                let span = SpanDescription(batch, row: row)
                expected[span.traceID, default: []].append(span)
            }
        }
        for (trace, spans) in expected.sorted(by: { $0.key < $1.key }).prefix(traces) {
            let batch = try #require(try store.trace(trace, tenant: .default, context: QueryContext()))
            #expect(batch.spans.indices.map { SpanDescription(batch, row: $0) } == spans)
        }
    }

    @Test func spansOfManyRowGroupsComeBackInOrder() throws {
        var source = AgentSpans(seed: 4)
        let (store, batches) = try Self.sealed((0..<20).map { _ in source.request(spans: 512) })
        try Self.expectSame(store, batches, traces: 80)
        var rows = 0
        let plan = ScanPlan(fields: [.attribute(.span, key: "gen_ai.response.id"), .parentSpanID])
        var ids: Set<FieldValue> = []
        try store.scan(plan, context: QueryContext()) { answer in
            rows += answer.count
            for row in 0..<answer.count { ids.insert(answer.columns[0][row]) }
            return true
        }
        #expect(rows == 10_240)
        let sent = batches.flatMap { batch in
            batch.spans.filter { batch.attribute("gen_ai.response.id", in: $0.attributes) != nil }
        }
        #expect(ids.count == sent.count + 1)
    }

    /// Keys by the thousand are more than a block has columns for: such spans are kept raw, and still found.
    @Test func moreKeysThanColumnsAreKept() throws {
        var writer = WireWriter()
        writer.message(1) { writer in
            writer.message(2) { writer in
                for number in 0..<120 {
                    writer.message(2) { writer in
                        writer.traceID(1, TraceID(high: 1, low: UInt64(1 + number / 10)))
                        writer.spanID(2, SpanID(UInt64(number + 1)))
                        writer.string(5, "span \(number)")
                        for key in 0..<40 { writer.keyValue(9, KeyValue("key-\(number)-\(key)", .int(Int64(key)))) }
                        writer.keyValue(9, KeyValue(String(repeating: "k", count: number * 100), .bool(true)))
                    }
                }
            }
        }
        let (store, batches) = try Self.sealed([writer.takeBytes()])
        try Self.expectSame(store, batches, traces: 12)
        for number in [0, 60, 119] {
            let predicate = SpanPredicate.compare(.attribute(.span, key: "key-\(number)-7"), .equal, .int(7))
            var names: [FieldValue] = []
            let plan = ScanPlan(predicate: predicate, fields: [.name, .attribute(.any, key: "key-\(number)-39")])
            try store.scan(plan, context: QueryContext()) { answer in
                for row in 0..<answer.count {
                    names.append(answer.columns[0][row])
                    #expect(answer.columns[1][row] == .int(39))
                }
                return true
            }
            #expect(names == [.string("span \(number)")])
        }
    }

    /// Queries that run while the writer appends and seals see each span once, and all that was appended before.
    @Test func everySpanIsSeenOnceAcrossTheMomentOfSealing() async throws {
        let directory = TemporaryDirectory()
        let store = try EmbeddedStore(directory: directory.path)
        let trace = TraceID(high: 9, low: 9)
        func batch(_ number: Int) throws -> StoredBatch {
            var writer = WireWriter()
            writer.message(1) { writer in
                writer.message(2) { writer in
                    writer.message(2) { writer in
                        writer.traceID(1, trace)
                        writer.spanID(2, SpanID(UInt64(number)))
                        writer.fixed64(7, 1_760_000_000_000_000_000)
                    }
                }
            }
            return StoredBatch(
                batch: try SpanBatch(decoding: writer.takeBytes()), position: JournalPosition(UInt64(number)),
                receivedAt: 1_760_000_000_000_000_000)
        }
        let batches = try (1...120).map(batch)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for (index, batch) in batches.enumerated() {
                    try store.append(batch)
                    if index % 7 == 0 { try store.flush() }
                }
            }
            group.addTask {
                var seen = 0
                while seen < batches.count {
                    let before = seen
                    let found = try store.trace(trace, tenant: .default, context: QueryContext())?.spans.count ?? 0
                    var rows = 0
                    try store.scan(ScanPlan(fields: [.spanID]), context: QueryContext()) { answer in
                        rows += answer.count
                        return true
                    }
                    #expect(found >= before && rows >= found && rows <= batches.count)
                    seen = found
                }
            }
            try await group.waitForAll()
        }
    }
}
