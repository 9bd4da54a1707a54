import Collector
import Journal
import Logging
import OTLP
import Synchronization
import TraceStorage

/// An ingest with a journal of its own, and a reader that takes nothing by itself.
struct IngestFixture {
    let directory: TestDirectory
    let journal: Journal
    let reader: JournalReader
    let metrics = SelfMetrics()
    let counters: IngestCounters
    let ingest: Ingest
    let limiter: MemoryLimiter
    /// What the memory limiter is told that the process holds.
    let residentBytes: Box<Int>

    init(journalBytesMax: Int = 64 << 20) throws {
        directory = try TestDirectory()
        var configuration = JournalConfiguration(directory: directory.path + "/journal")
        configuration.durability = .os
        configuration.maxBytes = journalBytesMax
        configuration.segmentBytesMax = min(configuration.segmentBytesMax, journalBytesMax / 4)
        journal = try Journal.open(configuration)
        reader = try journal.reader("test", policy: .mustNotSkip, cursor: .external(.beginning))
        let resident = Box(0)
        residentBytes = resident
        limiter = MemoryLimiter(MemoryLimiterConfiguration(), residentBytes: { resident.value })
        ingest = Ingest(journal: journal, memoryLimiter: limiter)
        counters = IngestCounters(receiver: "otlp_test", transport: "none", metrics: metrics)
        try journal.start()
    }

    /// A request that is expected to be refused.
    func refusal(_ body: [UInt8], _ encoding: Ingest.Encoding = .protobuf) async -> Ingest.Refusal? {
        do throws(Ingest.Refusal) {
            _ = try await ingest.accept(body, encoding: encoding, from: counters)
            return nil
        } catch {
            return error
        }
    }

    /// All that was journaled; ends the journal.
    func journaled() async throws -> [JournalEntry] {
        await journal.drain()
        var entries: [JournalEntry] = []
        while !reader.isFinished { entries += try reader.next() }
        await journal.shutdown()
        return entries
    }
}

/// A value that a test changes under a running part.
final class Box<Value: Sendable>: Sendable {
    private let storage: Mutex<Value>

    init(_ value: Value) { storage = Mutex(value) }

    var value: Value {
        get { storage.withLock { $0 } }
        set { storage.withLock { $0 = newValue } }
    }
}

extension SelfMetrics {
    /// The sum of all series of a family that carry these labels.
    func total(_ name: String, _ labels: [String: String] = [:]) -> Double {
        families().first { $0.name == name }?.samples
            .filter { sample in
                labels.allSatisfy { label in
                    sample.labels.pairs.contains { $0.name == label.key && $0.value == label.value }
                }
            }
            .reduce(0) { $0 + $1.value } ?? .nan
    }
}

/// A logger for parts whose words are not looked at.
let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
