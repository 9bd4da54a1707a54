import EmbeddedStore
import OTLP
import Testing
import TraceStorage

/// A search for long spans of one service looks only at row groups where that service has some.
@Suite struct LongestSpansTests {
    private static let second: UInt64 = 1_000_000_000
    private static let groups = 3

    /// Three row groups: "slow" has spans of 100 s everywhere, "quick" of up to 5 s in the second and of 1 s in the
    /// others, spans without a service take 3 s.
    private static func request() -> [UInt8] {
        var writer = WireWriter()
        for index in 0..<groups * 64 {
            let group = index / 64
            for (service, seconds) in [("slow", 100), ("quick", group == 1 ? 5 : 1), (nil, 3)] as [(String?, UInt64)] {
                writer.message(1) { writer in
                    writer.message(1) { writer in
                        if let service { writer.keyValue(1, KeyValue("service.name", .string(service))) }
                    }
                    writer.message(2) { writer in
                        for span in 0..<(service == nil ? 22 : 21) {
                            writer.message(2) { writer in
                                writer.traceID(1, TraceID(high: 7, low: UInt64(index + 1)))
                                writer.spanID(2, SpanID(UInt64(index * 100 + span * 3) + seconds << 32 + 1))
                                writer.string(5, "work")
                                writer.fixed64(7, 1_760_003_500 * second)
                                writer.fixed64(8, 1_760_003_500 * second + (span == 0 ? seconds * second : second))
                            }
                        }
                    }
                }
            }
        }
        return writer.takeBytes()
    }

    private static func store() throws -> (EmbeddedStore, TemporaryDirectory) {
        let directory = TemporaryDirectory()
        let store = try EmbeddedStore(directory: directory.path)
        try store.append(
            StoredBatch(
                batch: try SpanBatch(decoding: request()), position: JournalPosition(1),
                receivedAt: 1_760_003_600 * second))
        try store.flush()
        #expect(store.statistics().spans == groups * 4096)
        return (store, directory)
    }

    private static func atLeast(_ seconds: UInt64, _ service: String? = nil) -> SpanPredicate {
        let long = SpanPredicate.compare(.duration, .greaterOrEqual, .int(Int64(seconds * second)))
        guard let service else { return long }
        return .and([.compare(.serviceName, .equal, .string(service)), long])
    }

    private static func count(
        _ store: EmbeddedStore, _ predicate: SpanPredicate, memoryMax: Int = .max
    ) throws -> Int {
        var count = 0
        try store.scan(
            ScanPlan(predicate: predicate, fields: [.duration]), context: QueryContext(memoryMax: memoryMax)
        ) { rows in
            count += rows.count
            return true
        }
        return count
    }

    @Test func conditionsOnServiceAndDurationFindWhatThereIs() throws {
        let (store, directory) = try Self.store()
        for store in [store, try EmbeddedStore(directory: directory.path)] {
            #expect(try Self.count(store, Self.atLeast(100, "slow")) == 3 * 64)
            #expect(try Self.count(store, Self.atLeast(5, "quick")) == 64)
            #expect(try Self.count(store, Self.atLeast(1, "quick")) == 3 * 64 * 21)
            #expect(try Self.count(store, Self.atLeast(3)) == 3 * 64 * 2 + 64)
            #expect(try Self.count(store, .or([Self.atLeast(5, "quick"), Self.atLeast(100, "slow")])) == 4 * 64)
            #expect(try Self.count(store, .and([.not(.exists(.serviceName)), Self.atLeast(3)])) == 3 * 64)
            #expect(try Self.count(store, .and([.not(Self.atLeast(5, "quick")), Self.atLeast(4)])) == 3 * 64)
            let either = SpanPredicate.compare(.serviceName, .matches, .string("quick|slow"))
            #expect(try Self.count(store, .and([either, Self.atLeast(5)])) == 4 * 64)
        }
    }

    @Test func noColumnIsReadWhereTheServiceHasNoLongSpan() throws {
        let (store, directory) = try Self.store()
        defer { withExtendedLifetime(directory) {} }
        // Any column of a row group takes more memory than this.
        #expect(try Self.count(store, Self.atLeast(6, "quick"), memoryMax: 1_000) == 0)
        #expect(try Self.count(store, Self.atLeast(1, "nobody"), memoryMax: 1_000) == 0)
        #expect(throws: StorageError.self) { try Self.count(store, Self.atLeast(6, "slow"), memoryMax: 1_000) }
        #expect(throws: StorageError.self) { try Self.count(store, Self.atLeast(5, "quick"), memoryMax: 1_000) }
    }

    /// A footer that checks and says that the longest spans take half as long would hide them from searches.
    @Test func verifyingComparesThemWithTheSpans() throws {
        let (_, directory) = try Self.store()
        let name = try #require(try directory.names().first { $0.hasSuffix(".skb") })
        let block = try directory.bytes(name)
        var footer = try BlockSurgery.footer(of: block)
        let truth = BlockSurgery.varint(Int(100 * Self.second + 1))
        let half = BlockSurgery.varint(Int(50 * Self.second + 1))
        let place = try #require(footer.indices.last { footer[$0...].starts(with: truth) })
        footer.replaceSubrange(place..<place + truth.count, with: half)
        let changed = BlockSurgery.replacingFooter(of: block, with: footer)
        let manifest = BlockSurgery.manifest(try directory.bytes("manifest"), fileBytes: changed.count)
        try directory.write(changed, to: name)
        try directory.write(manifest, to: "manifest")
        let inspection = try StoreInspection(directory: directory.path)
        let summary = try #require(inspection.blocks.first)
        let problems = try #require(inspection.verify(summary))
        let expected =
            "row group 2: the longest span of service 'slow' takes 100000000000 ns, the footer says 50000000000 ns"
        #expect(problems == [expected])
    }

    @Test func severalTracesReadAsEachOfThem() throws {
        let (store, directory) = try Self.store()
        defer { withExtendedLifetime(directory) {} }
        let ids = (0..<24).map { TraceID(high: 7, low: UInt64($0 * 8 + 1)) } + [TraceID(high: 8, low: 1)]
        // With so little memory what is kept of other traces has to go.
        for context in [QueryContext(), QueryContext(memoryMax: 2 << 20)] {
            var found: [TraceID] = []
            try store.traces(ids, tenant: .default, context: context) { id, batch throws(StorageError) in
                found.append(id)
                #expect(batch?.bytes == (try store.trace(id, tenant: .default, context: QueryContext()))?.bytes)
                return true
            }
            #expect(found == ids)
            #expect(context.memoryBytes == 0)
        }
        var first: [TraceID] = []
        try store.traces(ids, tenant: .default, context: QueryContext()) { id, _ throws(StorageError) in
            first.append(id)
            return first.count < 2
        }
        #expect(first == Array(ids.prefix(2)))
    }
}
