import EmbeddedStore
import OTLP
import Testing
import TraceStorage
import TraceStorageConformance

/// Footers whose checksums match and that nobody would write: each is refused for what is wrong with it, before memory
/// is taken for what it claims.
@Suite struct HostileFooterTests {
    /// The bytes of a small sealed block.
    private static func sealed() throws -> [UInt8] {
        let directory = TemporaryDirectory()
        let store = try EmbeddedStore(directory: directory.path)
        for batch in try ConformanceSuite.oddBatches(seed: 8, batches: 1, spans: 12) { try store.append(batch) }
        try store.flush()
        let name = try #require(try directory.names().first { $0.hasSuffix(".skb") })
        return try directory.bytes(name)
    }

    /// The start of a footer: tenant, kind, rows, times and positions.
    private static func head(tenant: [UInt8] = [0], rows: Int) -> [UInt8] {
        tenant + [0] + BlockSurgery.varint(rows) + [UInt8](repeating: 0, count: 48)
    }

    private static let noPage: [UInt8] = [0, 0, 0, 0, 0, 0, 0]

    /// Up to the first table: no service, no scope, no trace.
    private static func start(rows: Int) -> [UInt8] { head(rows: rows) + [1, 0] + noPage + [0] + noPage + [0] }

    /// Up to the columns of the first table.
    private static func columns(_ count: Int, rows: Int = 1) -> [UInt8] {
        start(rows: rows) + BlockSurgery.varint(rows) + BlockSurgery.varint(count)
    }

    private static let huge = BlockSurgery.varint(1 << 60)
    private static let zeros = [UInt8](repeating: 0, count: 64)

    struct Claim: CustomTestStringConvertible {
        let name: String
        let footer: [UInt8]
        let error: String

        var testDescription: String { name }
    }

    static let claims = [
        Claim(name: "nothing", footer: [], error: "malformed varint"),
        Claim(name: "tenant of 2^60 bytes", footer: huge + zeros, error: "bytes of text"),
        Claim(
            name: "long tenant", footer: head(tenant: [65] + [UInt8](repeating: 97, count: 65), rows: 1),
            error: "tenant longer than 64 bytes"),
        Claim(name: "2^60 rows", footer: [0, 0] + huge + zeros, error: "count 1152921504606846976"),
        Claim(name: "2^60 services", footer: head(rows: 1) + [1] + huge + zeros, error: "count 1152921504606846976"),
        Claim(name: "service of 2^60 bytes", footer: head(rows: 1) + [1, 1] + huge + zeros, error: "bytes of text"),
        Claim(
            name: "page of 1 GiB", footer: head(rows: 1) + [1, 0, 0] + BlockSurgery.varint(1 << 30) + zeros,
            error: "count 1073741824"),
        Claim(
            name: "page that becomes 1 GiB",
            footer: head(rows: 1) + [1, 0, 0, 9] + BlockSurgery.varint(1 << 30) + zeros,
            error: "count 1073741824"),
        Claim(
            name: "more scopes than rows", footer: head(rows: 1) + [1, 0] + noPage + [2] + zeros, error: "at most 1"),
        Claim(
            name: "more traces than rows", footer: head(rows: 1) + [1, 0] + noPage + [0] + noPage + [2] + zeros,
            error: "at most 1"),
        Claim(
            name: "trace pages without end",
            footer: head(rows: Int(Int32.max)) + [1, 0] + noPage + [0] + noPage
                + BlockSurgery.varint(Int(Int32.max)) + zeros,
            error: "8388608 trace pages do not fit the footer"),
        Claim(
            name: "row groups without end", footer: start(rows: Int(Int32.max)) + zeros,
            error: "524288 row groups do not fit the footer"),
        Claim(
            name: "a row group of 2^60 rows", footer: start(rows: 1) + huge + zeros, error: "count 1152921504606846976"),
        Claim(
            name: "a row group of other rows", footer: start(rows: 1) + [9] + zeros,
            error: "row group 0 has 9 rows, not 1"
        ),
        Claim(name: "2^60 columns", footer: start(rows: 1) + [1] + huge + zeros, error: "count 1152921504606846976"),
        Claim(
            name: "columns in too many row groups",
            footer: start(rows: 4096 * 600) + [UInt8](repeating: 1, count: 600) + BlockSurgery.varint(2000) + zeros,
            error: "2000 columns in 600 row groups"),
        Claim(name: "unknown role", footer: columns(1) + [200, 0] + zeros, error: "column of unknown role"),
        Claim(name: "unknown type", footer: columns(1) + [0, 100] + zeros, error: "column of unknown role"),
        Claim(name: "key of 2^60 bytes", footer: columns(1) + [0, 1] + huge + zeros, error: "bytes of text"),
        Claim(
            name: "2^60 values in a page", footer: columns(1) + [0, 1, 0] + huge + zeros,
            error: "count 1152921504606846976"),
        Claim(
            name: "2^60 pages of a dictionary", footer: columns(1) + [0, 1, 0, 0] + huge + zeros,
            error: "count 1152921504606846976"),
        Claim(
            name: "2^60 entries of a dictionary", footer: columns(1) + [0, 1, 0, 0, 1] + huge + zeros,
            error: "count 1152921504606846976"),
        Claim(
            name: "dictionary page of nothing", footer: columns(1) + [0, 1, 0, 0, 1, 0] + zeros,
            error: "or a page of none"),
        Claim(name: "2^60 shapes", footer: columns(0) + huge + zeros, error: "count 1152921504606846976"),
        Claim(
            name: "2^60 columns of a shape", footer: columns(0) + [1] + huge + zeros, error: "count 1152921504606846976"
        ),
        Claim(
            name: "a shape without columns", footer: columns(0) + [1, 1, 0] + zeros, error: "a shape without columns"),
        Claim(
            name: "a shape of what is no attribute", footer: columns(1) + [5, 0, 0, 0, 0, 1, 1, 0] + zeros,
            error: "a shape names a column of no attribute"),
    ]

    @Test(arguments: claims)
    func aFooterIsRefusedForWhatItClaims(_ claim: Claim) throws {
        let block = BlockSurgery.replacingFooter(of: try Self.sealed(), with: claim.footer)
        let error = #expect(throws: StorageError.self) { try BlockImage(block) }
        guard case .corrupt(let message)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(message.hasPrefix("block in memory: "))
        #expect(message.contains(claim.error), "\(message)")
    }

    /// Only before its last part a footer may end: blocks written before there was that part end there.
    @Test func aFooterThatEndsAnywhereElseIsRefused() throws {
        let block = try Self.sealed()
        let footer = try BlockSurgery.footer(of: block)
        let readable = footer.indices.filter { count in
            (try? BlockImage(BlockSurgery.replacingFooter(of: block, with: Array(footer[..<count])))) != nil
        }
        #expect(readable.count == 1)
    }

    @Test func aTrailerThatPointsElsewhereIsRefused() throws {
        let block = try Self.sealed()
        let claims: [(offset: Int, stored: Int, raw: Int, error: String)] = [
            (block.count + 1, 1, 1, "does not lie in the file"), (-1, 1, 1, "does not lie in the file"),
            (0, block.count + 1, 1, "does not lie in the file"), (0, 0xFFFF_FFFF, 1, "does not lie in the file"),
            (16, 10, (64 << 20) + 1, "does not lie in the file"), (16, 10, 10, "does not match its checksum"),
            (block.count - 36, 36, 36, "does not match its checksum"),
        ]
        for claim in claims {
            let bad = BlockSurgery.claiming(
                block, footerAt: claim.offset, storedBytes: claim.stored, rawBytes: claim.raw)
            let error = #expect(throws: StorageError.self) { try BlockImage(bad) }
            #expect("\(error.map(String.init(describing:)) ?? "")".contains(claim.error), "\(claim)")
        }
    }

    /// Pages are looked at when they are read: beyond the file, over other parts of it, or larger than they are.
    @Test func aPageThatIsNotWhereTheFooterSaysIsRefused() throws {
        let block = try Self.sealed()
        let footer = try BlockSurgery.footer(of: block)
        let place = BlockSurgery.scopesPage(in: footer)
        let most = 256 << 20
        let claims: [(offset: Int, stored: Int, raw: Int, error: String)] = [
            (block.count * 4, 1, 1, "does not lie in the file"), (.max, 1, 1, "does not lie in the file"),
            (-1, 1, 1, "does not lie in the file"), (0, most, most, "does not lie in the file"),
            // The header, and pages of columns, with a checksum that matches.
            (0, 16, 16, "scopes"), (0, 16, most, "is no zstd frame of"), (16, 48, 49, "is no zstd frame of"),
            (3, 60, 60, "scopes"),
        ]
        for claim in claims {
            var bad = footer
            bad.replaceSubrange(
                place,
                with: BlockSurgery.page(in: block, at: claim.offset, storedBytes: claim.stored, rawBytes: claim.raw))
            let image = try BlockImage(BlockSurgery.replacingFooter(of: block, with: bad))
            let error = #expect(throws: StorageError.self, "\(claim)") { try image.forEachSpan { _ in } }
            #expect(
                "\(error.map(String.init(describing:)) ?? "")".contains(claim.error),
                "\(claim): \(String(describing: error))")
        }
    }
}
