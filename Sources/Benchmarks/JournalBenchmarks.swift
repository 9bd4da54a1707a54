import Benchmarking
import Dispatch
import Glibc
import Journal
import OTLP
import Synchronization
import TraceStorage

/// From a request's bytes to the journal's file, and back.
enum JournalBenchmarks {
    /// Requests on their way at once, as from a few busy clients.
    private static let requestsInFlight = 8

    /// Times that the traffic is written to measure latencies: enough for hundreds of syncs.
    private static let latencyRounds = 12

    /// A rate that a collector reaches on a few cores; at full rate the disk alone is measured.
    private static let pacedBytesPerSecond = 150_000_000

    /// Times that the traffic is written to fill a journal of 1 GiB.
    private static let recoveryRounds = 30

    static func measure(_ traffic: Traffic, _ meter: Meter) throws -> [Measurement] {
        var journalBytes = 0
        var ingest = try meter.measure(
            "ingest: decode, digest, journal", units: traffic.spans, clock: .process, baseline: Baselines.decode,
            prepare: { try TemporaryDirectory() },
            body: { try decodeAndAppend(traffic, to: $0.path) },
            cleanUp: {
                journalBytes = $0.fileBytes
                $0.remove()
            })
        ingest.bytes = Double(journalBytes) / Double(traffic.spans)
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try decodeAndAppend(traffic, to: directory.path)
        let readBack = try meter.measure(
            "journal read back", units: traffic.spans, clock: .process, baseline: Baselines.decode
        ) {
            let spans = try read(directory.path)
            guard spans == traffic.spans else {
                throw BenchmarkError("the journal gave \(spans) spans back, expected \(traffic.spans)")
            }
        }
        let appends = try JournalDurability.allCases.map { durability in
            try meter.measure(
                "journal append, \(durability)", units: traffic.spans, clock: .process, baseline: Baselines.decode,
                prepare: { try TemporaryDirectory() },
                body: { _ = try append(traffic, rounds: 1, to: $0.path, durability) },
                cleanUp: { $0.remove() })
        }
        return [ingest, readBack] + appends + [try recovery(traffic, meter)]
    }

    /// How long appends take, as a table: the time of a clock on the wall, and so of this disk.
    static func latencies(_ traffic: Traffic) throws -> String {
        var lines = Report.padded("append, \(requestsInFlight) in flight", to: 30)
        lines += ["p50 µs", "p99 µs", "max µs", "MB/s"].map { Report.padded($0, to: -10) }.joined() + "\n"
        for durability in JournalDurability.allCases {
            for rate in [pacedBytesPerSecond, nil] {
                let directory = try TemporaryDirectory()
                defer { directory.remove() }
                let start = ContinuousClock.now
                let times = try append(
                    traffic, rounds: latencyRounds, to: directory.path, durability, bytesPerSecond: rate
                ).sorted()
                let seconds = start.duration(to: .now) / .seconds(1)
                let figures =
                    [times[times.count / 2], times[times.count * 99 / 100], times[times.count - 1]].map { $0 / 1000 }
                    + [UInt64(Double(traffic.bytes * latencyRounds) / seconds / 1e6)]
                lines += Report.padded("\(durability), \(rate == nil ? "full rate" : "paced")", to: 30)
                lines += figures.map { Report.padded("\($0)", to: -10) }.joined() + "\n"
            }
        }
        return lines
    }

    private static func configuration(
        _ directory: String, _ durability: JournalDurability = .os
    ) -> JournalConfiguration {
        var configuration = JournalConfiguration(directory: directory)
        configuration.durability = durability
        configuration.maxBytes = 4 << 30
        return configuration
    }

    private static func decodeAndAppend(_ traffic: Traffic, to directory: String) throws {
        let journal = try Journal.open(configuration(directory))
        let reader = try journal.reader("store", policy: .mustNotSkip)
        try journal.start()
        try inParallel(journal, traffic.bodies.count) { index in
            let body = traffic.bodies[index]
            return JournalRequest(
                batch: try SpanBatch(decoding: body), receivedAt: traffic.receivedAt, receiver: "otlp_http",
                digest: RequestDigest(body: body, tenant: .default))
        }
        keep(reader)
    }

    /// Appends decoded batches, and gives the nanoseconds that each took.
    private static func append(
        _ traffic: Traffic, rounds: Int, to directory: String, _ durability: JournalDurability,
        bytesPerSecond: Int? = nil
    ) throws -> [UInt64] {
        let journal = try Journal.open(configuration(directory, durability))
        try journal.start()
        let pause = bytesPerSecond.map {
            Duration.seconds(Double(traffic.bytes * requestsInFlight) / Double(traffic.bodies.count * $0))
        }
        return try inParallel(journal, rounds * traffic.bodies.count, pause: pause) { index in
            JournalRequest(
                batch: traffic.batches[index % traffic.bodies.count], receivedAt: traffic.receivedAt,
                receiver: "otlp_http", digest: RequestDigest(high: 1, low: UInt64(index)))
        }
    }

    /// Appends `count` requests, ``requestsInFlight`` at once and each of those with a pause between the starts of two,
    /// and shuts the journal down.
    @discardableResult
    private static func inParallel(
        _ journal: Journal, _ count: Int, pause: Duration? = nil,
        _ request: @escaping @Sendable (Int) throws -> JournalRequest
    ) throws -> [UInt64] {
        let times = Mutex<[UInt64]>([])
        try wait {
            try await withThrowingTaskGroup(of: [UInt64].self) { group in
                for first in 0..<requestsInFlight {
                    group.addTask {
                        var taken: [UInt64] = []
                        var next = ContinuousClock.now
                        for index in stride(from: first, to: count, by: requestsInFlight) {
                            if let pause {
                                next += pause
                                try await Task.sleep(until: next, clock: .continuous)
                            }
                            let request = try request(index)
                            let start = nanoseconds()
                            guard case .appended = try await journal.append(request) else {
                                throw BenchmarkError("the journal took a request for a duplicate")
                            }
                            taken.append(nanoseconds() - start)
                        }
                        return taken
                    }
                }
                for try await taken in group { times.withLock { $0 += taken } }
            }
            await journal.shutdown()
        }
        return times.withLock { $0 }
    }

    private static func nanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
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

    /// Opening a journal of 1 GiB in segments of the default size.
    private static func recovery(_ traffic: Traffic, _ meter: Meter) throws -> Measurement {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        _ = try append(traffic, rounds: recoveryRounds, to: directory.path, .os)
        let records = recoveryRounds * traffic.bodies.count
        return try meter.measure("journal open, 1 GiB", unit: "open", units: 1, clock: .process) {
            let journal = try Journal.open(configuration(directory.path))
            guard journal.recovery.records == records else {
                throw BenchmarkError("the journal opened with \(journal.recovery.records) records, not \(records)")
            }
            try wait { await journal.shutdown() }
        }
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
