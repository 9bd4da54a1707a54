import CChecksum
import EmbeddedStore
import OTLP
import Testing
import TraceStorage
import TraceStorageConformance

@Suite struct CorruptionTests {
    private static let block = "block-1.skb"

    /// A directory with one small sealed block.
    private static func sealed() throws -> (TemporaryDirectory, [TraceID]) {
        let directory = TemporaryDirectory()
        var options = StoreOptions()
        options.behindMax = .max
        options.aheadMax = .max
        let store = try EmbeddedStore(directory: directory.path, options: options)
        let batches = try ConformanceSuite.oddBatches(seed: 8, batches: 2, spans: 12)
        for batch in batches { try store.append(batch) }
        try store.flush()
        return (directory, Array(Set(batches.flatMap(\.batch.spans).map(\.traceID))))
    }

    /// Reads all there is; true when something was refused.
    private static func isRefused(_ directory: TemporaryDirectory, _ traces: [TraceID]) -> Bool {
        guard let store = try? EmbeddedStore(directory: directory.path) else { return true }
        if !store.report.quarantined.isEmpty { return true }
        do {
            for trace in traces { _ = try store.trace(trace, tenant: .default, context: QueryContext()) }
            let fields: [FieldReference] = [.traceID, .spanID, .parentSpanID, .name, .adjustedCount, .statusMessage]
            let keys = ["k", "tags", "user.id", "gen_ai.request.model"]
            let attributes = keys.map { FieldReference.attribute(.any, key: $0) }
            try store.scan(ScanPlan(fields: fields + attributes), context: QueryContext()) { _ in true }
            for service in try store.services(in: .all, tenant: .default, context: QueryContext()) {
                _ = try store.operations(of: service, in: .all, tenant: .default, context: QueryContext())
            }
        } catch { return true }
        return false
    }

    @Test func aFlippedBitAnywhereInABlockIsRefused() throws {
        let (directory, traces) = try Self.sealed()
        #expect(!Self.isRefused(directory, traces))
        let good = try directory.bytes(Self.block)
        let manifest = try directory.bytes("manifest")
        var random = SeededRandom(seed: 1)
        var missed: [Int] = []
        for offset in good.indices {
            var bad = good
            bad[offset] ^= 1 << UInt8(random.number(0..<8))
            try directory.write(bad, to: Self.block)
            try directory.write(manifest, to: "manifest")
            if !Self.isRefused(directory, traces) { missed.append(offset) }
        }
        #expect(missed.isEmpty, "flips at \(missed.prefix(20)) of \(good.count) bytes were not noticed")
    }

    @Test func aTruncatedBlockIsPutAsideAndReported() throws {
        let (directory, _) = try Self.sealed()
        let good = try directory.bytes(Self.block)
        try directory.write(Array(good.dropLast(7)), to: Self.block)
        let store = try EmbeddedStore(directory: directory.path)
        #expect(store.report.quarantined == ["block-1.skb: \(good.count - 7) bytes long, not \(good.count)"])
        #expect(try directory.names() == ["manifest", "quarantine"])
        #expect(store.statistics().spans == 0)
        #expect(try EmbeddedStore(directory: directory.path).report == StoreReport())
    }

    @Test func aMissingBlockIsReportedAndTheOthersServe() throws {
        let (directory, _) = try Self.sealed()
        try StoreFiles(POSIXFileSystem()).remove(directory.path + "/" + Self.block)
        let store = try EmbeddedStore(directory: directory.path)
        #expect(store.report.quarantined == ["block-1.skb: missing"])
        #expect(store.durablePosition == JournalPosition(2))
    }

    @Test func aFlippedBitAnywhereInTheManifestIsRefused() throws {
        let (directory, _) = try Self.sealed()
        let good = try directory.bytes("manifest")
        for offset in good.indices {
            var bad = good
            bad[offset] ^= 0x10
            try directory.write(bad, to: "manifest")
            #expect(throws: StorageError.self, "byte \(offset)") { try EmbeddedStore(directory: directory.path) }
        }
        #expect(try directory.names() == [Self.block, "manifest"])
    }

    @Test func filesOfAFutureVersionAreRefusedAndLeftAlone() throws {
        let (directory, _) = try Self.sealed()
        var block = try directory.bytes(Self.block)
        block[8] = 2
        Self.write(Self.checksum(block[..<12]), to: &block, at: 12)
        try directory.write(block, to: Self.block)
        let message = "\(directory.path)/block-1.skb has format version 2, this program reads up to 1"
        #expect(throws: StorageError.corrupt(message: message)) { try EmbeddedStore(directory: directory.path) }
        var manifest = try directory.bytes("manifest")
        manifest[8] = 9
        Self.write(Self.checksum(manifest[..<16]), to: &manifest, at: 16)
        try directory.write(manifest, to: "manifest")
        let other = "\(directory.path)/manifest has format version 9, this program reads up to 1"
        #expect(throws: StorageError.corrupt(message: other)) { try EmbeddedStore(directory: directory.path) }
        #expect(try directory.names() == [Self.block, "manifest"])
    }

    @Test func blocksWithoutAManifestAreNotThrownAway() throws {
        let (directory, _) = try Self.sealed()
        try StoreFiles(POSIXFileSystem()).remove(directory.path + "/manifest")
        #expect(throws: StorageError.self) { try EmbeddedStore(directory: directory.path) }
        #expect(try directory.names() == [Self.block])
    }

    @Test func filesThatAreNotOursStay() throws {
        let (directory, _) = try Self.sealed()
        try directory.write([1], to: "notes.txt")
        try directory.write([1], to: "block-77.skb")
        try directory.write([1], to: "manifest.new")
        let store = try EmbeddedStore(directory: directory.path)
        #expect(store.report.unknown == ["notes.txt"])
        #expect(store.report.removed == ["block-77.skb", "manifest.new"])
        #expect(try directory.names() == [Self.block, "manifest", "notes.txt"])
    }

    /// A checksum protects from accidents only: a footer whose checksum was made to match must not crash a reader.
    @Test func aHostileFooterIsRefusedWithoutATrap() throws {
        let (directory, traces) = try Self.sealed()
        let good = try directory.bytes(Self.block)
        let manifest = try directory.bytes("manifest")
        let footer = try BlockSurgery.footer(of: good)
        #expect(!footer.isEmpty)
        let seed: UInt64 = 20_261_121
        var random = SeededRandom(seed: seed)
        var refused = 0
        for _ in 0..<1_500 {
            var bad = footer
            for _ in 0..<random.number(1..<4) {
                bad[random.number(0..<bad.count)] =
                    random.oneIn(2) ? UInt8(truncatingIfNeeded: random.next()) : random.pick([0, 1, 0x7F, 0x80, 0xFF])
            }
            let block = BlockSurgery.replacingFooter(of: good, with: bad)
            try directory.write(block, to: Self.block)
            try directory.write(BlockSurgery.manifest(manifest, fileBytes: block.count), to: "manifest")
            if Self.isRefused(directory, traces) { refused += 1 }
        }
        #expect(refused > 750, "seed \(seed): \(refused) refused")
    }

    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.withUnsafeBytes { skein_crc32c(0, $0.baseAddress, $0.count) }
    }

    private static func write(_ number: UInt32, to bytes: inout [UInt8], at offset: Int) {
        for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: number >> (8 * UInt32(index))) }
    }
}
