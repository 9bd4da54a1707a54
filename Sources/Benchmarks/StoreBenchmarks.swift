import Benchmarking
import EmbeddedStore
import OTLP
import TraceStorage

/// From decoded spans to sealed blocks, and questions to those.
enum StoreBenchmarks {
    static func measure(_ traffic: Traffic, _ meter: Meter) throws -> [Measurement] {
        let rows = try ReadBenchmarks.insert(traffic, meter)
        var diskBytes = 0
        var both = try meter.measure(
            "store append and seal", units: traffic.spans, baseline: ReadBenchmarks.insert, prepare: newStore,
            body: { try fill($0.1, traffic) },
            cleanUp: {
                diskBytes = $0.1.statistics().diskBytes
                $0.0.remove()
            })
        both.bytes = Double(diskBytes) / Double(traffic.spans)
        let append = try meter.measure(
            "  append", units: traffic.spans, prepare: newStore, body: { try Self.append($0.1, traffic) },
            cleanUp: { $0.0.remove() })
        let seal = try meter.measure(
            "  seal", units: traffic.spans, baseline: Baselines.zstd,
            prepare: {
                let made = try newStore()
                try Self.append(made.1, traffic)
                return made
            }, body: { try $0.1.flush() }, cleanUp: { $0.0.remove() })

        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let store = try EmbeddedStore(directory: directory.path, options: options)
        try fill(store, traffic)
        let reads = ReadBenchmarks(store: store, traffic: traffic, meter: meter)
        return [rows, both, append, seal, try merge(traffic, meter), try groupBy(store, traffic, meter)]
            + (try reads.measure())
    }

    private static func newStore() throws -> (TemporaryDirectory, EmbeddedStore) {
        let directory = try TemporaryDirectory()
        return (directory, try EmbeddedStore(directory: directory.path, options: options))
    }

    /// Blocks of a sixteenth of the traffic each into one, sorted by trace.
    private static func merge(_ traffic: Traffic, _ meter: Meter) throws -> Measurement {
        var diskBytes = 0
        var merge = try meter.measure(
            "merge of 16 blocks", units: traffic.spans,
            prepare: {
                let directory = try TemporaryDirectory()
                var options = StoreOptions()
                options.sealSpans = (traffic.spans + 15) / 16
                let small = try EmbeddedStore(directory: directory.path, options: options)
                try fill(small, traffic)
                return (directory, try EmbeddedStore(directory: directory.path))
            },
            body: {
                guard try $0.1.merge() else { throw BenchmarkError("the store does not join its blocks") }
            },
            cleanUp: {
                diskBytes = $0.1.statistics().diskBytes
                $0.0.remove()
            })
        merge.bytes = Double(diskBytes) / Double(traffic.spans)
        return merge
    }

    /// The ten columns that take most, bytes a span.
    static func columns(_ traffic: Traffic) throws -> String {
        let (directory, store) = try newStore()
        defer { directory.remove() }
        try fill(store, traffic)
        let spans = Double(traffic.spans)
        return try StoreInspection(directory: directory.path).columns().prefix(10).map { column in
            let bytes = Double(Int((Double(column.storedBytes) / spans * 100).rounded())) / 100
            return
                "\(bytes) bytes a span: \(column.table) \(column.name) \(column.type) (\(column.encodings.sorted().joined(separator: ", ")))\n"
        }.joined()
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
        try append(store, traffic)
        try store.flush()
    }

    private static func append(_ store: EmbeddedStore, _ traffic: Traffic) throws {
        for (index, batch) in traffic.batches.enumerated() {
            try store.append(
                StoredBatch(
                    batch: batch, position: JournalPosition(UInt64(index) + 1), receivedAt: traffic.receivedAt))
        }
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
