import EmbeddedStore
import OTLP
import Testing
import TraceStorage
import TraceStorageConformance

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A block that was written once still reads as the requests that it was made of. `Golden/first` has the blocks of the
/// first writer of version 1, which have no longest spans in their footers.
///
/// `SKEIN_REWRITE_GOLDEN=1` writes the files anew; that is right only together with a new format version, or a new part
/// that readers may pass over.
@Suite(.serialized) struct GoldenBlockTests {
    private static let folder: String = {
        let file = #filePath
        return String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)]) + "/Golden"
    }()
    private static let first = "first"
    private static let requests = ["request-1.otlp", "request-2.otlp", "request-3.otlp"]

    private static func read(_ name: String) throws -> [UInt8] {
        let file = try StoreFiles(POSIXFileSystem()).open(folder + "/" + name)
        return try file.read(at: 0, count: Int(file.bytes))
    }

    private static func batches() throws -> [StoredBatch] {
        try requests.enumerated().map { index, name in
            StoredBatch(
                batch: try SpanBatch(decoding: read(name)), position: JournalPosition(UInt64(index + 1)),
                receivedAt: 1_760_003_600_000_000_000)
        }
    }

    /// What odd spans do not have: enough ids of hex digits and decimals for pages of these.
    private static func plainRequest() -> [UInt8] {
        var random = SeededRandom(seed: 7)
        var writer = WireWriter()
        writer.message(1) { writer in
            writer.message(2) { writer in
                for index in 0..<80 {
                    writer.message(2) { writer in
                        writer.traceID(1, TraceID(high: 99, low: UInt64(index / 8 + 1)))
                        writer.spanID(2, SpanID(UInt64(index + 1)))
                        if index % 8 > 0 { writer.spanID(4, SpanID(UInt64(index))) }
                        writer.string(5, "step")
                        writer.fixed64(7, 1_760_003_500_000_000_000 + UInt64(index) * 1_000)
                        writer.fixed64(8, 1_760_003_500_000_700_000 + UInt64(index) * 1_001)
                        let id = TraceID(high: random.next(), low: random.next()).hex
                        writer.keyValue(9, KeyValue("request.id", .string("req_\(id.prefix(8))-\(id.suffix(7))")))
                        writer.keyValue(9, KeyValue("cost", .double(Double(random.number(0..<90_000)) / 1_000)))
                    }
                }
            }
        }
        return writer.takeBytes()
    }

    private static func rewrite() throws {
        let files = StoreFiles(POSIXFileSystem())
        try files.makeDirectory(folder)
        for name in try files.names(in: folder) where name != first { try files.remove(folder + "/" + name) }
        var source = OddSpans(seed: 2026)
        for name in requests.dropLast() { try files.write(source.request(spans: 20), to: folder + "/" + name) }
        try files.write(plainRequest(), to: folder + "/" + requests[2])
        let directory = TemporaryDirectory()
        let store = try EmbeddedStore(directory: directory.path)
        for batch in try batches() { try store.append(batch) }
        try store.flush()
        for name in try directory.names() { try files.write(directory.bytes(name), to: folder + "/" + name) }
    }

    @Test(arguments: ["", "/" + first]) func theCommittedBlockReadsAsItsRequests(subfolder: String) throws {
        if getenv("SKEIN_REWRITE_GOLDEN") != nil { try Self.rewrite() }
        let directory = TemporaryDirectory()
        for name in ["manifest", "block-1.skb", "block-2.skb"] {
            try directory.write(try Self.read(subfolder + "/" + name), to: name)
        }
        let store = try EmbeddedStore(directory: directory.path)
        #expect(store.report == StoreReport())
        let batches = try Self.batches()
        let expected = Set(
            batches.flatMap { stored in
                stored.batch.spans.indices.map { SpanDescription(stored.batch, row: $0) }
            })
        var found: Set<SpanDescription> = []
        for trace in Set(expected.map(\.traceID)) {
            let batch = try #require(try store.trace(trace, tenant: .default, context: QueryContext()))
            for row in batch.spans.indices { found.insert(SpanDescription(batch, row: row)) }
        }
        #expect(found == expected)
        #expect(store.statistics().spans == expected.count)
    }
}
