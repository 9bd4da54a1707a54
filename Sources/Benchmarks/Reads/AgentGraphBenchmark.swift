import AgentTraffic
import Benchmarking
import EmbeddedStore
import Glibc
import OTLP
import SpanMetrics
import TraceStorage

/// How the cost of the agent graph grows with the spans in the range.
///
///     skein-bench agents 1 3
enum AgentGraphBenchmark {
    /// - Parameter millions: sizes to measure at, in rising order.
    static func run(_ millions: [Int]) throws {
        print(
            "spans (millions), blocks, traces, model calls, CPU s on one core: first, again; most that was resident, "
                + "MiB\n")
        for size in millions {
            let directory = try TemporaryDirectory()
            defer { directory.remove() }
            try fill(directory.path, spans: size * 1_000_000)
            try measure(directory.path, size)
        }
    }

    private static func measure(_ directory: String, _ size: Int) throws {
        var options = StoreOptions()
        options.queryCores = 1
        let store = try EmbeddedStore(directory: directory, options: options)
        var times: [String] = []
        var graph = AgentGraph()
        for _ in 0..<2 {
            let begin = CPUClock.process.now()
            graph = try AgentGraphQuery(range: .all).run(on: store, costs: CostModel())
            let hundredths = (CPUClock.process.now() - begin) / 10_000_000
            times.append("\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)")
        }
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        print(
            "\(size) \(store.statistics().blocks) \(graph.traces) \(graph.total.calls) \(times.joined(separator: " ")) "
                + "\(usage.ru_maxrss / 1_024) \(graph.partialReasons.joined(separator: "; "))")
    }

    private static func fill(_ directory: String, spans: Int) throws {
        let store = try EmbeddedStore(directory: directory)
        var traffic = AgentTraffic(seed: 1)
        var position: UInt64 = 0
        var written = 0
        while written < spans {
            let batch = try SpanBatch(decoding: traffic.request(spans: Traffic.spansPerBody))
            position += 1
            written += batch.spans.count
            try store.append(
                StoredBatch(
                    batch: batch, position: JournalPosition(position), receivedAt: traffic.time + 60_000_000_000))
        }
        try store.flush()
    }
}
