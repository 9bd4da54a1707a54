import Benchmarking
import EmbeddedStore
import OTLP
import TraceStorage

/// From decoded spans to sealed blocks, and questions to those.
enum StoreBenchmarks {
    static func measure(_ traffic: Traffic, _ meter: Meter) throws -> [Measurement] {
        let rows = try ReadBenchmarks.insert(traffic, meter)
        var diskBytes = 0
        var seal = try meter.measure(
            "store append and seal", units: traffic.spans, baseline: ReadBenchmarks.insert,
            prepare: {
                let directory = try TemporaryDirectory()
                return (directory, try EmbeddedStore(directory: directory.path, options: options))
            },
            body: { try fill($0.1, traffic) },
            cleanUp: {
                diskBytes = $0.1.statistics().diskBytes
                $0.0.remove()
            })
        seal.bytes = Double(diskBytes) / Double(traffic.spans)

        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let store = try EmbeddedStore(directory: directory.path, options: options)
        try fill(store, traffic)
        let reads = ReadBenchmarks(store: store, traffic: traffic, meter: meter)
        return [rows, seal, try groupBy(store, traffic, meter)] + (try reads.measure())
    }

    /// One seal, by `flush`, whatever the traffic's size; questions on one core, because its time is measured.
    private static var options: StoreOptions {
        var options = StoreOptions()
        options.sealSpans = .max
        options.sealBytes = .max
        options.queryCores = 1
        return options
    }

    private static func fill(_ store: EmbeddedStore, _ traffic: Traffic) throws {
        for (index, batch) in traffic.batches.enumerated() {
            try store.append(
                StoredBatch(
                    batch: batch, position: JournalPosition(UInt64(index) + 1), receivedAt: traffic.receivedAt))
        }
        try store.flush()
    }

    /// Calls and the sum of their durations by model: what a table of usage and latency asks for.
    private static func groupBy(_ store: EmbeddedStore, _ traffic: Traffic, _ meter: Meter) throws -> Measurement {
        let model = FieldReference.attribute(.span, key: "gen_ai.request.model")
        let plan = ScanPlan(predicate: .exists(model), fields: [model, .duration])
        var groups: [FieldValue: (calls: Int, nanoseconds: UInt64)] = [:]
        let result = try meter.measure("scan, duration by model", units: traffic.spans) {
            groups = [:]
            try store.scan(plan, context: QueryContext()) { rows in
                add(rows, to: &groups)
                return true
            }
        }
        let expected = traffic.batches.reduce(0) { sum, batch in
            sum + batch.spans.count { batch.attribute("gen_ai.request.model", in: $0.attributes) != nil }
        }
        let counted = groups.values.reduce(0) { $0 + $1.calls }
        guard counted == expected else {
            throw BenchmarkError("the scan counted \(counted) spans with a model, expected \(expected)")
        }
        return result
    }

    private static func add(_ rows: ScanRows, to groups: inout [FieldValue: (calls: Int, nanoseconds: UInt64)]) {
        guard case .dictionary(let codes, let values) = rows.columns[0],
            case .integers(let durations) = rows.columns[1]
        else {
            for row in 0..<rows.count { groups[rows.columns[0][row], default: (0, 0)].calls += 1 }
            return
        }
        var sums = [(calls: Int, nanoseconds: UInt64)](repeating: (0, 0), count: values.count)
        for row in 0..<rows.count {
            sums[Int(codes[row])].calls += 1
            sums[Int(codes[row])].nanoseconds += durations[row]
        }
        for (code, sum) in sums.enumerated() where sum.calls > 0 {
            groups[values[code], default: (0, 0)].calls += sum.calls
            groups[values[code], default: (0, 0)].nanoseconds += sum.nanoseconds
        }
    }
}
