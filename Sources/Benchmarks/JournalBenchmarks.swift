import Benchmarking
import Dispatch
import Journal
import OTLP
import TraceStorage

/// From a request's bytes to the journal's file, and back.
enum JournalBenchmarks {
    /// Requests on their way at once, as from a few busy clients.
    private static let requestsInFlight = 8

    static func measure(_ traffic: Traffic, _ meter: Meter) throws -> [Measurement] {
        var journalBytes = 0
        var ingest = try meter.measure(
            "ingest: decode, digest, journal", units: traffic.spans, clock: .process, baseline: Baselines.decode,
            prepare: { try TemporaryDirectory() },
            body: { try write(traffic, to: $0.path) },
            cleanUp: {
                journalBytes = $0.fileBytes
                $0.remove()
            })
        ingest.bytes = Double(journalBytes) / Double(traffic.spans)
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try write(traffic, to: directory.path)
        let readBack = try meter.measure(
            "journal read back", units: traffic.spans, clock: .process, baseline: Baselines.decode
        ) {
            let spans = try read(directory.path)
            guard spans == traffic.spans else {
                throw BenchmarkError("the journal gave \(spans) spans back, expected \(traffic.spans)")
            }
        }
        return [ingest, readBack]
    }

    private static func configuration(_ directory: String) -> JournalConfiguration {
        var configuration = JournalConfiguration(directory: directory)
        configuration.durability = .os
        return configuration
    }

    private static func write(_ traffic: Traffic, to directory: String) throws {
        let journal = try Journal.open(configuration(directory))
        let reader = try journal.reader("store", policy: .mustNotSkip)
        try journal.start()
        let bodies = traffic.bodies
        let receivedAt = traffic.receivedAt
        try wait {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for first in 0..<requestsInFlight {
                    group.addTask {
                        for index in stride(from: first, to: bodies.count, by: requestsInFlight) {
                            let body = bodies[index]
                            let request = JournalRequest(
                                batch: try SpanBatch(decoding: body), receivedAt: receivedAt, receiver: "otlp_http",
                                digest: RequestDigest(body: body, tenant: .default))
                            guard case .appended = try await journal.append(request) else {
                                throw BenchmarkError("the journal took a request for a duplicate")
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            await journal.shutdown()
        }
        keep(reader)
    }

    /// All records, from the disk.
    private static func read(_ directory: String) throws -> Int {
        var configuration = configuration(directory)
        configuration.recentBytesMax = 0
        let journal = try Journal.open(configuration)
        let reader = try journal.reader("back", policy: .mustNotSkip, cursor: .external(.beginning))
        var spans = 0
        while true {
            let entries = try reader.next(wait: .zero)
            guard let last = entries.last else { break }
            spans += entries.reduce(0) { $0 + $1.batch.spans.count }
            reader.commit(last.position)
        }
        try wait { await journal.shutdown() }
        return spans
    }

    /// Blocks this thread, which is no task's, until the work is done.
    private static func wait(_ body: @escaping @Sendable () async throws -> Void) throws {
        let done = DispatchSemaphore(value: 0)
        let outcome = Outcome()
        Task {
            do { try await body() } catch { outcome.error = error }
            done.signal()
        }
        done.wait()
        if let error = outcome.error { throw error }
    }

    /// Unchecked because it is written before the semaphore's signal and read after it.
    private final class Outcome: @unchecked Sendable {
        var error: (any Error)?
    }
}
