import EmbeddedStore
import OTLP
import Testing
import TraceStorage
import TraceStorageConformance

/// As long as a block lies in `quarantine/`, the store says which times its answers lack.
@Suite struct QuarantineTests {
    private static let second: UInt64 = 1_000_000_000
    private static let folder = "/quarantine"

    /// Three blocks of which the second has a wrong byte in its first page.
    private static func damaged() throws -> (TemporaryDirectory, [StoredBatch]) {
        let directory = TemporaryDirectory()
        let store = try EmbeddedStore(directory: directory.path)
        var source = AgentSpans(seed: 5)
        var batches: [StoredBatch] = []
        for position in 1...3 as ClosedRange<UInt64> {
            let batch = try SpanBatch(decoding: source.request(spans: 64))
            batches.append(
                StoredBatch(
                    batch: batch, position: JournalPosition(position),
                    receivedAt: 1_760_000_100 * second + position * second))
            try store.append(batches[batches.count - 1])
            try store.flush()
        }
        var bytes = try directory.bytes("block-2.skb")
        bytes[100] ^= 1
        try directory.write(bytes, to: "block-2.skb")
        return (directory, batches)
    }

    private static func reasons(_ store: EmbeddedStore, _ range: TimeRange = .all) -> [String] {
        store.statistics().gapReasons(in: range, tenant: .default)
    }

    @Test func aBlockPutAsideIsAGapInItsTimesUntilItsFileIsRemoved() throws {
        let (directory, batches) = try Self.damaged()
        let store = try EmbeddedStore(directory: directory.path)
        #expect(Self.reasons(store).isEmpty, "nobody has looked at the page yet")
        #expect(throws: StorageError.self) {
            for span in batches[1].batch.spans {
                _ = try store.trace(span.traceID, tenant: .default, context: QueryContext())
            }
        }
        try store.maintain(now: batches[2].receivedAt)
        let reason = try #require(Self.reasons(store).first)
        #expect(reason.hasPrefix("64 spans are missing: block-2.skb was put aside, block "))
        #expect(reason.contains("checksum"))
        let starts = batches[1].batch.spans.map(\.startTime)
        let (first, last) = (try #require(starts.min()), try #require(starts.max()))
        #expect(Self.reasons(store, TimeRange(start: first, end: first + 1)).count == 1)
        #expect(Self.reasons(store, TimeRange(start: last)).count == 1)
        #expect(Self.reasons(store, TimeRange(start: last + 1)).isEmpty)
        #expect(Self.reasons(store, TimeRange(end: first)).isEmpty)
        #expect(store.statistics().gapReasons(in: .all, tenant: try #require(TenantID("other"))).isEmpty)

        // A later process knows it from the file, also within its times.
        let later = try EmbeddedStore(directory: directory.path)
        #expect(
            Self.reasons(later) == ["64 spans are missing: block-2.skb was put aside because it did not check"])
        #expect(Self.reasons(later, TimeRange(start: last + 1)).isEmpty)

        try StoreFiles(POSIXFileSystem()).remove(directory.path + Self.folder + "/block-2.skb")
        for store in [store, later] {
            try store.maintain(now: batches[2].receivedAt)
            #expect(Self.reasons(store).isEmpty)
        }
        #expect(Self.reasons(try EmbeddedStore(directory: directory.path)).isEmpty)
    }

    @Test func aBlockFoundWrongAtOpeningIsAGapAtOnce() throws {
        let (directory, batches) = try Self.damaged()
        let bytes = try directory.bytes("block-2.skb")
        try directory.write(Array(bytes.dropLast()), to: "block-2.skb")
        let store = try EmbeddedStore(directory: directory.path)
        let length = "\(bytes.count - 1) bytes long, not \(bytes.count)"
        #expect(Self.reasons(store) == ["64 spans are missing: block-2.skb was put aside, \(length)"])
        try store.maintain(now: batches[2].receivedAt)
        #expect(Self.reasons(store).count == 1)
        // Its footer cannot be found any more: it may have had any spans.
        let later = try EmbeddedStore(directory: directory.path)
        let all = ["spans are missing: block-2.skb was put aside, its footer cannot be read"]
        #expect(Self.reasons(later, TimeRange(start: 5, end: 6)) == all)
    }

    @Test func aBlockWhoseFileIsGoneIsAGapForTheProcess() throws {
        let (directory, batches) = try Self.damaged()
        try StoreFiles(POSIXFileSystem()).remove(directory.path + "/block-2.skb")
        let store = try EmbeddedStore(directory: directory.path)
        try store.maintain(now: batches[2].receivedAt)
        #expect(Self.reasons(store) == ["64 spans are missing: block-2.skb was put aside, missing"])
        #expect(Self.reasons(try EmbeddedStore(directory: directory.path)).isEmpty)
    }
}
