import EmbeddedStore
import OTLP
import Testing
import TraceStorage
import TraceStorageConformance

@Suite struct TracePartsTests {
    private static let parts = SpanParts(
        attributes: ["gen_ai.request.model", "gen_ai.usage.output_tokens", "gen_ai.tool.name"], marks: ["gen_ai."])

    /// Of so many blocks that not all stay open; every third request is sent twice, and the last ones are not sealed.
    private static func fill(_ store: EmbeddedStore) throws -> [TraceID] {
        var source = AgentSpans(seed: 5)
        var position: UInt64 = 0
        var ids: Set<TraceID> = []
        for request in 0..<120 {
            let batch = try SpanBatch(decoding: source.request(spans: 200))
            for span in batch.spans { ids.insert(span.traceID) }
            for _ in 0..<(request % 3 == 0 ? 2 : 1) {
                position += 1
                try store.append(
                    StoredBatch(
                        batch: batch, position: JournalPosition(position), receivedAt: 1_760_000_100_000_000_000))
            }
        }
        return ids.sorted()
    }

    @Test(arguments: [false, true]) func nothingElseIsRead(isMerged: Bool) throws {
        let directory = TemporaryDirectory()
        var options = StoreOptions()
        options.sealSpans = 500
        options.recentSpansMax = 100
        let store = try EmbeddedStore(directory: directory.path, options: options)
        let ids = try Self.fill(store)
        if isMerged { while try store.merge() {} }
        #expect(isMerged || store.statistics().blocks > 32)
        let context = QueryContext()
        var bytes = (whole: 0, parts: 0)
        var found: [TraceID] = []
        try store.traces(
            ids, tenant: .default, parts: Self.parts, context: context
        ) { id, batch throws(StorageError) in
            found.append(id)
            let whole = try store.trace(id, tenant: .default, context: QueryContext())
            #expect(batch?.bytes == ConformanceSuite.chosen(Self.parts, whole))
            bytes.whole += whole?.bytes.count ?? 0
            bytes.parts += batch?.bytes.count ?? 0
            return true
        }
        #expect(found == ids)
        #expect(context.memoryBytes == 0)
        #expect(bytes.parts * 2 < bytes.whole)
    }

    /// The row groups that are kept for the traces to come are few enough.
    @Test func whatIsKeptFromTraceToTraceIsBounded() throws {
        let directory = TemporaryDirectory()
        let store = try EmbeddedStore(directory: directory.path)
        var source = AgentSpans(seed: 6)
        var ids: [TraceID] = []
        for position in 1...300 as ClosedRange<UInt64> {
            let batch = try SpanBatch(decoding: source.request(spans: 512))
            if let id = batch.spans.first?.traceID { ids.append(id) }
            try store.append(
                StoredBatch(batch: batch, position: JournalPosition(position), receivedAt: 1_760_000_100_000_000_000))
        }
        try store.flush()
        let context = QueryContext()
        var most = 0
        try store.traces(ids, tenant: .default, context: context) { _, _ throws(StorageError) in
            most = max(most, context.memoryBytes)
            return true
        }
        // Whole spans of 37 row groups take more than may be kept.
        #expect(most > 16 << 20 && most < 48 << 20)
        #expect(context.memoryBytes == 0)
    }
}
