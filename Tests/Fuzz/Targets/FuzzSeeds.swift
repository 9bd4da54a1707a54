import AgentTraffic
import EmbeddedStore
import FileFaults
import Journal
import OTLP
import OTLPTestSupport
import TraceStorage
import TraceStorageConformance

/// Inputs that are accepted, for a fuzzer to begin with.
package enum FuzzSeeds {
    /// - Throws: When a reader's own writer fails.
    package static func inputs(for target: FuzzTarget) async throws -> [[UInt8]] {
        switch target {
        case .otlp: requests()
        case .otlpJSON: try requests().map { OTLPJSON.encode(try SpanBatch(decoding: $0)) }
        case .block: try blocks()
        case .journal: try await segments()
        }
    }

    private static func requests() -> [[UInt8]] {
        var random = RandomRequest(seed: 1)
        var odd = OddSpans(seed: 2)
        var traffic = AgentTraffic(seed: 3)
        return (0..<12).map { _ in random.next() } + (1..<8).map { odd.request(spans: $0) }
            + [traffic.request(spans: 3), traffic.request(spans: 12)]
    }

    private static func blocks() throws -> [[UInt8]] {
        try (1...4).map { spans in
            let disk = MemoryFileSystem()
            let store = try EmbeddedStore(directory: "/store", files: disk)
            for batch in try ConformanceSuite.oddBatches(seed: UInt64(spans), batches: 1, spans: spans * 3) {
                try store.append(batch)
            }
            try store.flush()
            return try content(disk, "/store/block-1.skb")
        }
    }

    private static func segments() async throws -> [[UInt8]] {
        var segments: [[UInt8]] = []
        for count in 1...3 {
            let disk = MemoryFileSystem()
            let journal = try Journal.open(JournalConfiguration(directory: "/journal"), files: disk)
            try journal.start()
            for bytes in requests().suffix(count) {
                let batch = try SpanBatch(decoding: bytes)
                _ = try await journal.append(
                    JournalRequest(
                        batch: batch, receivedAt: 1_760_003_600_000_000_000, receiver: "otlp_http",
                        digest: RequestDigest(body: batch.bytes, tenant: .default)))
            }
            await journal.shutdown()
            segments.append(try content(disk, "/journal/00000000000000000001.journal"))
        }
        return segments
    }

    private static func content(_ disk: MemoryFileSystem, _ path: String) throws -> [UInt8] {
        let file = try disk.open(path, .read)
        return try file.readBytes(at: 0, count: file.size())
    }
}
