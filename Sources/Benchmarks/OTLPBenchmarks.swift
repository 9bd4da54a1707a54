import Benchmarking
import OTLP
import SpanMetrics
import TraceStorage

/// Decoding, encoding and counting, in memory.
enum OTLPBenchmarks {
    static func measure(_ traffic: Traffic, _ meter: Meter) throws -> [Measurement] {
        var rows: [Measurement] = []
        rows.append(
            try meter.measure("OTLP decode", units: traffic.spans, baseline: Baselines.decode) {
                for body in traffic.bodies { keep(try SpanBatch(decoding: body)) }
            })
        rows[0].bytes = Double(traffic.bytes) / Double(traffic.spans)
        var encode = try meter.measure("OTLP encode", units: traffic.spans, baseline: Baselines.encode) {
            for batch in traffic.batches { keep(batch.encoded()) }
        }
        encode.bytes = Double(traffic.batches.reduce(0) { $0 + $1.encoded().count }) / Double(traffic.spans)
        rows.append(encode)
        rows += try json(traffic, meter)
        rows.append(try red(traffic, meter))
        rows.append(try serviceGraph(traffic, meter))
        rows.append(try serviceGraphCheckpoint(traffic, meter))
        rows.append(try modelCalls(traffic, meter))
        rows.append(try everything(traffic, meter))
        return rows
    }

    /// An eighth of the traffic: the text is three times as long.
    private static func json(_ traffic: Traffic, _ meter: Meter) throws -> [Measurement] {
        let batches = traffic.batches.prefix(traffic.batches.count / 8)
        let spans = batches.reduce(0) { $0 + $1.spans.count }
        let texts = batches.map { OTLPJSON.encode($0) }
        var out = try meter.measure("OTLP/JSON encode", units: spans, baseline: Baselines.encode) {
            for batch in batches { keep(OTLPJSON.encode(batch)) }
        }
        out.bytes = Double(texts.reduce(0) { $0 + $1.count }) / Double(spans)
        let back = try meter.measure("OTLP/JSON decode", units: spans, baseline: Baselines.decode) {
            for text in texts { keep(try SpanBatch(decoding: OTLPJSON.decode(text))) }
        }
        return [out, back]
    }

    private static func red(_ traffic: Traffic, _ meter: Meter) throws -> Measurement {
        let metrics = try REDMetrics(seed: 1)
        var position: UInt64 = 0
        return try meter.measure("RED record", units: traffic.spans, baseline: "OTLP decode") {
            for batch in traffic.batches {
                position += 1
                metrics.record(
                    StoredBatch(batch: batch, position: JournalPosition(position), receivedAt: traffic.receivedAt))
            }
        }
    }

    private static func serviceGraph(_ traffic: Traffic, _ meter: Meter) throws -> Measurement {
        let graph = try ServiceGraph(seed: 1)
        var journal = MovingJournal(traffic)
        return try meter.measure("service graph", units: traffic.spans, baseline: "RED record") {
            journal.forEach { graph.record($0) }
        }
    }

    /// What each checkpoint has to write while as many spans wait as may.
    private static func serviceGraphCheckpoint(_ traffic: Traffic, _ meter: Meter) throws -> Measurement {
        let graph = try ServiceGraph(seed: 1)
        var position: UInt64 = 0
        for number in 0..<64 where graph.statistics.waitingSpans < graph.configuration.itemsMax {
            guard let tenant = TenantID("tenant \(number)") else { continue }
            for batch in traffic.batches {
                position += 1
                graph.record(
                    StoredBatch(
                        batch: batch, position: JournalPosition(position), receivedAt: traffic.receivedAt,
                        tenant: tenant))
            }
        }
        let waiting = graph.statistics.waitingSpans
        var row = try meter.measure("service graph checkpoint", unit: "waiting", units: waiting) {
            keep(graph.checkpointSection())
        }
        row.bytes = Double(graph.checkpointSection().payload.count) / Double(waiting)
        return row
    }

    private static func genAI(in directory: TemporaryDirectory) throws -> GenAIMetrics {
        let metrics = GenAIMetrics(
            GenAIConfiguration(), costs: CostModel(), log: UsageLog(directory: directory.path), seed: 1)
        try metrics.open()
        return metrics
    }

    /// One batch after the other by every derivation, as in the collector.
    private static func everything(_ traffic: Traffic, _ meter: Meter) throws -> Measurement {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let (red, graph, genAI) = (try REDMetrics(seed: 1), try ServiceGraph(seed: 1), try genAI(in: directory))
        var journal = MovingJournal(traffic)
        return try meter.measure("RED, graph, model calls", units: traffic.spans, baseline: "RED record") {
            journal.forEach {
                red.record($0)
                graph.record($0)
                genAI.record($0)
            }
            try genAI.prepareCheckpoint()
        }
    }

    /// Calls found, priced and counted as they leave the wait.
    private static func modelCalls(_ traffic: Traffic, _ meter: Meter) throws -> Measurement {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let metrics = try genAI(in: directory)
        var journal = MovingJournal(traffic)
        return try meter.measure("model calls, tokens, cost", units: traffic.spans, baseline: "RED record") {
            journal.forEach { metrics.record($0) }
            try metrics.prepareCheckpoint()
        }
    }
}

/// The traffic again and again, each batch half a second after the one before: what waits for time to pass settles.
private struct MovingJournal {
    private let traffic: Traffic
    private var position: UInt64 = 0

    init(_ traffic: Traffic) { self.traffic = traffic }

    mutating func forEach(_ body: (StoredBatch) -> Void) {
        for batch in traffic.batches {
            position += 1
            body(
                StoredBatch(
                    batch: batch, position: JournalPosition(position),
                    receivedAt: traffic.receivedAt + position * 500_000_000))
        }
    }
}
