import EmbeddedStore
import OTLP
import Testing
import TraceStorage
import TraceStorageConformance

@Suite struct InspectionTests {
    private static let block = "block-1.skb"

    /// A directory with sealed blocks of odd spans.
    private static func sealed(batches count: Int, spans: Int) throws -> (TemporaryDirectory, [StoredBatch]) {
        let directory = TemporaryDirectory()
        var options = StoreOptions()
        options.behindMax = .max
        options.aheadMax = .max
        let store = try EmbeddedStore(directory: directory.path, options: options)
        let batches = try ConformanceSuite.oddBatches(seed: 21, batches: count, spans: spans)
        for batch in batches { try store.append(batch) }
        try store.flush()
        return (directory, batches)
    }

    private static func spans(_ batch: SpanBatch) -> [SpanDescription] {
        batch.spans.indices.map { SpanDescription(batch, row: $0) }
    }

    @Test func everyByteOfABlockIsAccountedFor() throws {
        let (directory, batches) = try Self.sealed(batches: 3, spans: 200)
        let inspection = try StoreInspection(directory: directory.path)
        let block = try #require(inspection.blocks.first)
        #expect(inspection.blocks.count == 1)
        #expect(inspection.position == batches.last?.position)
        let columns = try #require(try inspection.columns(of: block))
        #expect(columns.reduce(0) { $0 + $1.storedBytes } == Int(block.fileBytes))
        #expect(try directory.bytes(Self.block).count == Int(block.fileBytes))
        let ids = try #require(columns.first { $0.table == "span" && $0.name == "spanID" })
        #expect(ids.values == Int(block.spans) && ids.storedBytes == 8 * ids.values)
        let merged = ColumnSummary.merged(columns + columns)
        #expect(merged.reduce(0) { $0 + $1.storedBytes } == 2 * Int(block.fileBytes))
        #expect(merged.map(\.storedBytes) == merged.map(\.storedBytes).sorted(by: >))
    }

    @Test func whatIsExportedIsWhatWasStored() throws {
        let (directory, batches) = try Self.sealed(batches: 4, spans: 60)
        let inspection = try StoreInspection(directory: directory.path)
        var exported: [SpanDescription] = []
        for block in inspection.blocks {
            try inspection.spans(of: block) { exported += Self.spans($0) }
        }
        #expect(Set(exported) == Set(batches.flatMap { Self.spans($0.batch) }))
        #expect(Set(exported).count == exported.count)
    }

    @Test func aTraceAndARangeLimitWhatIsExported() throws {
        let (directory, batches) = try Self.sealed(batches: 4, spans: 60)
        let inspection = try StoreInspection(directory: directory.path)
        let trace = try #require(batches[0].batch.spans.first?.traceID)
        let starts = batches.flatMap(\.batch.spans).map(\.startTime).sorted()
        let range = TimeRange(start: starts[starts.count / 2])
        for (wanted, limit) in [(trace, TimeRange.all), (nil, range), (trace, range)] as [(TraceID?, TimeRange)] {
            var exported: Set<SpanDescription> = []
            for block in inspection.blocks {
                try inspection.spans(of: block, in: limit, trace: wanted) { exported.formUnion(Self.spans($0)) }
            }
            var expected: Set<SpanDescription> = []
            for batch in batches.map(\.batch) {
                for row in batch.spans.indices
                where limit.contains(batch.spans[row].startTime)
                    && (wanted ?? batch.spans[row].traceID)
                        == batch.spans[row].traceID
                {
                    expected.insert(SpanDescription(batch, row: row))
                }
            }
            #expect(exported == expected)
        }
    }

    @Test func verifyingFindsAFlippedBitAnywhere() throws {
        let (directory, _) = try Self.sealed(batches: 2, spans: 12)
        let inspection = try StoreInspection(directory: directory.path)
        let block = try #require(inspection.blocks.first)
        #expect(inspection.verify(block) == [])
        let good = try directory.bytes(Self.block)
        var random = SeededRandom(seed: 2)
        var missed: [Int] = []
        for offset in good.indices {
            var bad = good
            bad[offset] ^= 1 << UInt8(random.number(0..<8))
            try directory.write(bad, to: Self.block)
            if inspection.verify(block)?.isEmpty ?? true { missed.append(offset) }
        }
        #expect(missed.isEmpty, "flips at \(missed.prefix(20)) of \(good.count) bytes were not noticed")
    }

    @Test func inspectingChangesNothing() throws {
        let (directory, _) = try Self.sealed(batches: 2, spans: 12)
        try directory.write([1, 2, 3], to: "block-99.skb")
        try directory.write([1], to: "manifest.new")
        let before = try directory.names()
        let inspection = try StoreInspection(directory: directory.path)
        for block in inspection.blocks { #expect(inspection.verify(block) == []) }
        #expect(inspection.unnamed == ["block-99.skb", "manifest.new"])
        #expect(try directory.names() == before)
    }

    @Test func aBlockDeletedMeanwhileIsNotTakenForDamage() throws {
        let (directory, batches) = try Self.sealed(batches: 2, spans: 12)
        let inspection = try StoreInspection(directory: directory.path)
        let block = try #require(inspection.blocks.first)
        var options = StoreOptions()
        options.retentionAge = 1
        let store = try EmbeddedStore(directory: directory.path, options: options)
        try store.maintain(now: try #require(batches.last?.receivedAt) + 3600 * 1_000_000_000)
        #expect(store.statistics().blocks == 0)
        #expect(inspection.verify(block) == nil)
        #expect(try inspection.columns(of: block) == nil)
        try inspection.spans(of: block) { _ in Issue.record("a span of a deleted block") }
    }

    @Test func aMissingBlockIsReported() throws {
        let (directory, _) = try Self.sealed(batches: 2, spans: 12)
        let inspection = try StoreInspection(directory: directory.path)
        try StoreFiles(POSIXFileSystem()).remove(directory.path + "/" + Self.block)
        let block = try #require(inspection.blocks.first)
        let problems = try #require(inspection.verify(block))
        #expect(problems.count == 1 && problems[0].contains("no such file"))
    }

    @Test func aDirectoryWithoutAStoreIsRefused() throws {
        let directory = TemporaryDirectory()
        #expect(throws: StorageError.io(message: "\(directory.path) holds no store: it has no file named manifest")) {
            try StoreInspection(directory: directory.path)
        }
    }
}
