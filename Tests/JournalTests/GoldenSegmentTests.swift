import Glibc
import Journal
import OTLP
import Testing
import TraceStorage

/// A committed segment of record version 1 is written and read byte for byte as ever.
///
/// `SKEIN_REWRITE_GOLDEN=1` writes it anew.
@Suite struct GoldenSegmentTests {
    private static let segment = "00000000000000000001.journal"
    private static let path =
        String(#filePath.prefix(through: #filePath.lastIndex(of: "/")!)) + "Golden/" + segment

    private func write(_ directory: TestDirectory) async throws {
        let journal = try Journal.open(directory.configuration())
        try journal.start()
        let tenant = try #require(TenantID("team-a"))
        _ = try await journal.append(TestRequest.make(1, spans: 2))
        _ = try await journal.append(TestRequest.make(2, tenant: tenant, receiver: "otlp_grpc"))
        _ = try await journal.append(TestRequest.make(3, spans: 3, padding: 100, receiver: ""))
        await journal.shutdown()
    }

    @Test func recordVersion1IsWrittenAsEver() async throws {
        let directory = TestDirectory()
        try await write(directory)
        if getenv("SKEIN_REWRITE_GOLDEN") != nil {
            let file = try #require(fopen(Self.path, "w"))
            let bytes = directory.read(Self.segment)
            #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
            fclose(file)
        }
        #expect(directory.read(Self.segment) == (try golden()))
    }

    @Test func recordVersion1IsReadAsEver() async throws {
        let directory = TestDirectory()
        directory.write(Self.segment, try golden())
        let entries = try await contents(of: directory.configuration())
        #expect(entries.map(\.position.rawValue) == [1, 2, 3])
        #expect(entries.map(\.stored.receivedAt) == [1, 2, 3].map { 1_735_689_600_000_000_000 + $0 })
        #expect(entries.map(\.stored.tenant.name) == ["", "team-a", ""])
        #expect(entries.map(\.receiver) == ["otlp_http", "otlp_grpc", ""])
        #expect(entries.map(\.batch.spans.count) == [2, 1, 3])
        #expect(entries.map(\.digest) == entries.map { RequestDigest(body: $0.batch.bytes, tenant: $0.stored.tenant) })
    }

    private func golden() throws -> [UInt8] {
        let file = try #require(fopen(Self.path, "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 65536)
        return Array(bytes[..<fread(&bytes, 1, bytes.count, file)])
    }
}
