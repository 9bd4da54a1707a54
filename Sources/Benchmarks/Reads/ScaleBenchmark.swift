import AgentTraffic
import Benchmarking
import EmbeddedStore
import Glibc
import OTLP
import TraceQL
import TraceStorage

/// How costs grow with what is stored: a store of millions of generated spans, asked the same questions at each size.
///
///     skein-bench scale 1 3 10 30
struct ScaleBenchmark {
    private static let questions = 200
    private static let searches = 40
    private static let millionSpans = 1_000_000

    private let directory: TemporaryDirectory
    private let store: EmbeddedStore
    private var traffic = AgentTraffic(seed: 1)
    private var random = SeededRandom(seed: 2)
    private var position: UInt64 = 0
    private var spans = 0
    /// Some traces, spread over all that were made.
    private var traces: [TraceID] = []

    /// - Parameter millions: sizes to measure at, in rising order.
    static func run(_ millions: [Int]) throws {
        var benchmark = try ScaleBenchmark()
        defer { benchmark.directory.remove() }
        print(
            "spans (millions), CPU ns a span to append and seal (of the last million), bytes a span, blocks; then CPU ms "
                + "on one core, p50 / p99 (searches and groups: p95): trace by id at first and again, newest 20 traces of "
                + "a service over a duration, p95 by model; ms of wall time for the last on all cores; resident MiB\n")
        print(row("spans", ["CPU ns", "bytes", "blocks", "first", "again", "search", "p95", "cores", "MiB"]))
        var done = 0
        for size in millions {
            var cost = UInt64(0)
            while done < size {
                cost = try benchmark.addMillion()
                done += 1
                if !millions.contains(done) { print(row("\(done)", ["\(cost / UInt64(millionSpans))"])) }
            }
            print(row("\(size)", ["\(cost / UInt64(millionSpans))"] + (try benchmark.figures())))
        }
    }

    private init() throws {
        directory = try TemporaryDirectory()
        store = try EmbeddedStore(directory: directory.path)
    }

    private static func row(_ name: String, _ cells: [String]) -> String {
        ([name] + cells).map { $0 + String(repeating: " ", count: max(1, 16 - $0.count)) }.joined()
    }

    /// CPU nanoseconds of appending and sealing a million spans.
    private mutating func addMillion() throws -> UInt64 {
        var cost: UInt64 = 0
        let end = spans + Self.millionSpans
        while spans < end {
            let batch = try SpanBatch(decoding: traffic.request(spans: min(Traffic.spansPerBody, end - spans)))
            position += 1
            spans += batch.spans.count
            if random.below(64) == 0, let span = batch.spans.last { traces.append(span.traceID) }
            let stored = StoredBatch(
                batch: batch, position: JournalPosition(position), receivedAt: traffic.time + 60_000_000_000)
            let start = CPUClock.thread.now()
            try store.append(stored)
            if spans >= end { try store.flush() }
            cost += CPUClock.thread.now() - start
        }
        return cost
    }

    // MARK: questions

    /// Asked of the same files by stores of their own, so that nothing is in their caches.
    private mutating func figures() throws -> [String] {
        var options = StoreOptions()
        options.queryCores = 1
        let single = try EmbeddedStore(directory: directory.path, options: options)
        let all = try EmbeddedStore(directory: directory.path)
        let statistics = single.statistics()
        guard statistics.spans == spans else {
            throw BenchmarkError("\(statistics.spans) spans are stored, not \(spans)")
        }
        let wanted = (0..<Self.questions).map { _ in traces[random.below(traces.count)] }
        let first = try lookups(wanted, single)
        let again = try lookups(wanted, single)
        let searches = try self.searches(single)
        return [
            "\(Double(statistics.diskBytes * 10 / spans) / 10)", "\(statistics.blocks)", Self.text(first, 99),
            Self.text(again, 99), Self.text(searches, 95), Self.text(try groups(single, 7, Self.time), 95),
            Self.text(try groups(all, 7, Self.wallTime), 95), "\(Self.residentBytes >> 20)",
        ]
    }

    private func lookups(_ wanted: [TraceID], _ store: EmbeddedStore) throws -> [Duration] {
        try wanted.map { id in
            try Self.time {
                guard try store.trace(id, tenant: .default, context: QueryContext()) != nil else {
                    throw BenchmarkError("the store does not know trace \(id)")
                }
            }
        }
    }

    /// From durations that every service has by the thousand to some that hardly any span reaches.
    private func searches(_ store: EmbeddedStore) throws -> [Duration] {
        let services = ["assist-gateway", "agent-coordinator", "agent-planner", "agent-researcher", "agent-writer"]
        return try (0..<Self.searches).map { index in
            let shortest = Int64(1_000_000_000) << Int64(index / services.count)
            let predicate = SpanPredicate.and([
                .compare(.serviceName, .equal, .string(services[index % services.count])),
                .compare(.duration, .greaterOrEqual, .int(shortest)),
            ])
            var search = TraceSearch(.spans(predicate))
            search.limit = 20
            return try Self.time { keep(try search.run(on: store)) }
        }
    }

    private func groups(
        _ store: EmbeddedStore, _ repetitions: Int, _ time: (() throws -> Void) throws -> Duration
    ) throws -> [Duration] {
        let plan = AggregationPlan(
            groupings: [.attribute(.span, key: SQLiteSpans.model)], measures: [AggregationMeasure(.duration)])
        return try (0..<repetitions).map { _ in
            try time {
                let result = try store.aggregate(plan, context: QueryContext())
                guard result.spans == spans, result.groups.count > 1 else {
                    throw BenchmarkError("\(result.spans) spans in \(result.groups.count) groups")
                }
            }
        }
    }

    /// CPU time of the calling thread: what a quiet machine takes with the files in its page cache.
    private static func time(_ body: () throws -> Void) rethrows -> Duration {
        let start = CPUClock.thread.now()
        try body()
        return .nanoseconds(CPUClock.thread.now() - start)
    }

    private static func wallTime(_ body: () throws -> Void) rethrows -> Duration {
        let start = ContinuousClock.now
        try body()
        return ContinuousClock.now - start
    }

    /// The median and a percentile, in milliseconds.
    private static func text(_ times: [Duration], _ percentile: Int) -> String {
        let sorted = times.sorted()
        return [50, percentile].map { share in
            let time = sorted[min(sorted.count - 1, sorted.count * share / 100)]
            let tenths = Int((time / .microseconds(10)).rounded())
            return "\(Double(tenths) / 100)"
        }.joined(separator: " / ")
    }

    /// Bytes of memory of the process, files it has mapped included.
    private static var residentBytes: Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
        let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(
            separator: " ")
        return words.count > 1 ? (Int(words[1]) ?? 0) * Int(getpagesize()) : 0
    }
}
