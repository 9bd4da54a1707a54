import EmbeddedStore
import OTLP
import Testing
import TraceStorage
import TraceStorageConformance

/// Values of every kind that a page's encoding is chosen by come back to the bit.
@Suite struct PageEncodingTests {
    private static let spans = 100

    /// A request in which span i has the attribute `value` with the i-th value.
    private static func request(_ values: [AnyValue]) -> [UInt8] {
        var writer = WireWriter()
        writer.message(1) { writer in
            writer.message(2) { writer in
                for (index, value) in values.enumerated() {
                    writer.message(2) { writer in
                        writer.traceID(1, TraceID(high: 7, low: UInt64(index / 4 + 1)))
                        writer.spanID(2, SpanID(UInt64(index + 1)))
                        writer.string(5, "span")
                        writer.fixed64(7, 1_760_000_000_000_000_000)
                        writer.fixed64(8, 1_760_000_000_000_000_000 + UInt64(index))
                        writer.keyValue(9, KeyValue("value", value))
                    }
                }
            }
        }
        return writer.takeBytes()
    }

    /// The codec of the column after a seal; every span was found equal to what was sent.
    private static func sealed(_ values: [AnyValue]) throws -> ColumnSummary {
        let directory = TemporaryDirectory()
        let store = try EmbeddedStore(directory: directory.path)
        let batch = try SpanBatch(decoding: request(values))
        try store.append(StoredBatch(batch: batch, position: JournalPosition(1), receivedAt: 1_760_000_001_000_000_000))
        try store.flush()
        let sent = Set(batch.spans.indices.map { SpanDescription(batch, row: $0) })
        var found: Set<SpanDescription> = []
        for trace in Set(batch.spans.map(\.traceID)) {
            let answer = try #require(try store.trace(trace, tenant: .default, context: QueryContext()))
            for row in answer.spans.indices { found.insert(SpanDescription(answer, row: row)) }
        }
        #expect(found == sent)
        #expect(sent.count == values.count)
        let columns = try StoreInspection(directory: directory.path).columns()
        return try #require(columns.first { $0.name == "value" })
    }

    private static func text(_ make: (Int) -> String) -> [AnyValue] { (0..<spans).map { .string(make($0)) } }

    private static func hex(_ index: Int, digits: Int) -> String {
        let hex = TraceID(
            high: UInt64(index + 1) &* 0x9E37_79B9_7F4A_7C15, low: UInt64(index + 3) &* 0xD6E8_FEB8_6659_FD93
        ).hex
        return String(hex.suffix(digits))
    }

    @Test(arguments: [4, 7, 8, 20, 31, 32]) func idsOfHexDigitsTakeHalfAByteADigit(_ digits: Int) throws {
        let usage = try Self.sealed(Self.text { "id_" + Self.hex($0, digits: digits) })
        #expect(usage.encodings == ["hex digits"])
        #expect(usage.rawBytes <= Self.spans * ((digits + 1) / 2) + digits + 5)
    }

    @Test func aUUIDIsHexDigitsBetweenDashes() throws {
        let usage = try Self.sealed(
            Self.text {
                let hex = Self.hex($0, digits: 32)
                return
                    "\(hex.prefix(8))-\(hex.dropFirst(8).prefix(4))-4\(hex.dropFirst(13).prefix(3))-\(hex.suffix(16))"
            })
        #expect(usage.encodings == ["hex digits"])
    }

    @Test func textThatIsNotAllHexDigitsIsKeptAsText() throws {
        #expect(try Self.sealed(Self.text { Self.hex($0, digits: 16).uppercased() }).encodings == ["bytes"])
        #expect(try Self.sealed(Self.text { Self.hex($0, digits: 6 + $0 % 2) }).encodings == ["bytes"])
        #expect(try Self.sealed(Self.text { "\($0 + 1_000_000)" }).encodings == ["bytes"])
        #expect(
            try Self.sealed(Self.text { $0 == 9 ? "\0\0\0\0\0\0\0z" : "\0" + Self.hex($0, digits: 7) }).encodings == [
                "bytes"
            ]
        )
        #expect(try Self.sealed(Self.text { "\0" + Self.hex($0, digits: 7) }).encodings == ["bytes"])
        #expect(try Self.sealed(Self.text { $0 == 0 ? "" : Self.hex($0, digits: 8) }).encodings == ["bytes"])
    }

    @Test func shortDecimalsAreWholeNumbers() throws {
        for scale in [1.0, 10, 100, 1e3, 1e6, 1e9] {
            let values = (0..<Self.spans).map { AnyValue.double(Double($0 * 37 - 300) / scale) }
            #expect(try Self.sealed(values).encodings == ["decimals"], "\(scale)")
        }
    }

    @Test(
        arguments: [
            -0.0, .nan, .infinity, -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1.0 / 3, 1e16,
            0.1 + 0.2,
            Double(bitPattern: 0x7FF8_0000_0000_0001), 9_007_199_254_740_994, 1e-10,
        ]) func oneDoubleThatIsNoDecimalMakesThePageOneOfBits(_ odd: Double) throws
    {
        let values = (0..<Self.spans).map { AnyValue.double($0 == 17 ? odd : Double($0) / 4) }
        #expect(try Self.sealed(values).encodings == ["offsets"])
    }

    @Test func whatColumnsTakeAddsUpToTheFiles() throws {
        let directory = TemporaryDirectory()
        let store = try EmbeddedStore(directory: directory.path)
        for batch in try ConformanceSuite.oddBatches(seed: 5, batches: 3, spans: 20) {
            try store.append(batch)
            try store.flush()
        }
        let usage = try StoreInspection(directory: directory.path).columns()
        #expect(usage.reduce(0) { $0 + $1.storedBytes } == store.statistics().diskBytes)
        #expect(usage.first { $0.name == "spanID" && $0.table == "span" }?.values == store.statistics().spans)
    }
}
