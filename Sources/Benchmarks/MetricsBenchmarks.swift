import Benchmarking
import OTLP
import SpanMetrics
import TraceStorage

/// What a scrape and a push of many series cost.
enum MetricsBenchmarks {
    /// Operations; each is 20 series of Prometheus: calls, 17 buckets, sum and count.
    private static let operations = 20_000
    private static let series = operations * 20

    static func measure(_ meter: Meter) throws -> [Measurement] {
        let metrics = try REDMetrics(seed: 1)
        for start in stride(from: 0, to: operations, by: 1000) {
            let batch = try SpanBatch(decoding: request(start..<start + 1000))
            metrics.record(
                StoredBatch(batch: batch, position: JournalPosition(UInt64(start) + 1), receivedAt: UInt64(start) + 1))
        }
        let snapshot = metrics.snapshot()
        return [
            try text(snapshot, .prometheusText, "scrape, Prometheus text", meter),
            try text(snapshot, .openMetrics, "scrape, OpenMetrics", meter),
            try push("push, OTLP", meter) { sink in
                var writer = OTLPMetricWriter(resource: [], startTime: 1, time: 2) { sink($0.body) }
                snapshot.write(to: &writer)
                writer.finish()
            },
            try push("push, remote write with Snappy", meter) { sink in
                var writer = RemoteWriteWriter(time: 2, labels: []) { sink(SnappyBlock.compress($0.body)) }
                snapshot.write(to: &writer)
                _ = writer.finish()
            },
        ]
    }

    private static func text(
        _ snapshot: REDSnapshot, _ format: ExpositionFormat, _ name: String, _ meter: Meter
    ) throws -> Measurement {
        try push(name, meter) { sink in
            var writer = PrometheusTextWriter(format: format, sink: sink)
            snapshot.write(to: &writer)
            writer.finish()
        }
    }

    private static func push(
        _ name: String, _ meter: Meter, _ body: (@escaping ([UInt8]) -> Void) -> Void
    ) throws -> Measurement {
        var bytes = 0
        var result = try meter.measure(name, unit: "series", units: series) {
            bytes = 0
            body { bytes += $0.count }
        }
        result.bytes = Double(bytes) / Double(series)
        return result
    }

    /// A request with one span of each operation.
    private static func request(_ operations: Range<Int>) -> [UInt8] {
        var writer = WireWriter()
        writer.message(1) { writer in
            writer.message(1) { $0.keyValue(1, KeyValue("service.name", .string("checkout"))) }
            writer.message(2) { writer in
                for operation in operations {
                    writer.message(2) { span in
                        span.traceID(1, TraceID(high: 1, low: UInt64(operation) + 1))
                        span.spanID(2, SpanID(UInt64(operation) + 1))
                        span.string(5, "GET /api/v1/resources/\(operation)")
                        span.varint(6, 2)
                        span.fixed64(7, 1_000)
                        span.fixed64(8, 1_000 + UInt64(operation) * 1_000_003)
                    }
                }
            }
        }
        return writer.bytes
    }
}
