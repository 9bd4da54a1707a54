import Benchmarking

/// What a row may not exceed. Time is not among it: it depends on the machine.
struct Threshold {
    let name: String
    /// Calls of malloc and its kin a unit; nil where they are no concern.
    var allocations: Double?
    /// Bytes a unit; nil where nothing comes out.
    var bytes: Double?

    /// By row. Set some percent above what is measured, so that a change that adds an allocation to a span, or a few
    /// bytes to a block, fails the check.
    static let all: [Threshold] = [
        Threshold(name: "OTLP decode", allocations: 0.04),
        Threshold(name: "OTLP encode", allocations: 0.12, bytes: 535),
        Threshold(name: "OTLP/JSON encode", allocations: 2.2, bytes: 1_060),
        Threshold(name: "OTLP/JSON decode", allocations: 0.06),
        Threshold(name: "RED record", allocations: 0.04),
        Threshold(name: "service graph", allocations: 0.05),
        Threshold(name: "model calls, tokens, cost", allocations: 0.35),
        Threshold(name: "RED, graph, model calls", allocations: 0.4),
        Threshold(name: "scrape, Prometheus text", allocations: 0.01, bytes: 190),
        Threshold(name: "scrape, OpenMetrics", allocations: 0.01, bytes: 190),
        Threshold(name: "push, OTLP", allocations: 1.3, bytes: 33),
        Threshold(name: "push, remote write with Snappy", allocations: 3, bytes: 15),
        Threshold(name: "ingest: decode, digest, journal", allocations: 0.07, bytes: 536),
        Threshold(name: "journal read back", allocations: 0.06),
        Threshold(name: "store append and seal", allocations: 0.085, bytes: 34.5),
        Threshold(name: "trace by id, one block", allocations: 400),
        Threshold(name: "trace by id, in no block", allocations: 10),
        Threshold(name: "scan, duration by model", allocations: 0.03),
        Threshold(name: "scan, service and duration", allocations: 0.02),
        Threshold(name: "p95 by model", allocations: 0.02),
        Threshold(name: "p95 by service and operation", allocations: 0.02),
        Threshold(name: "agent graph", allocations: 2.2),
        Threshold(name: "span, 5 native attributes", allocations: 2.1),
        Threshold(name: "any Span, 5 native attributes", allocations: 2.1),
        Threshold(name: "span, 5 dictionary attributes", allocations: 7.1),
        Threshold(name: "withSpan", allocations: 2.1),
        Threshold(name: "withSpan, 5 native attributes", allocations: 3.1),
        Threshold(name: "withSpan, unsampled", allocations: 2.1),
        Threshold(name: "span, unsampled, 5 native", allocations: 1.1),
    ]

    /// What the rows exceed, one line each.
    ///
    /// - Parameter isComplete: everything was measured, so that a threshold without a row is a mistake and said too.
    static func violations(_ rows: [Measurement], isComplete: Bool) -> [String] {
        var result: [String] = []
        for threshold in all {
            guard let row = rows.first(where: { $0.name == threshold.name }) else {
                if isComplete { result.append("\(threshold.name): has a threshold, but was not measured") }
                continue
            }
            if let limit = threshold.allocations, row.allocations > limit {
                result.append("\(row.name): \(row.allocations) allocations a \(row.unit), at most \(limit)")
            }
            if let limit = threshold.bytes, let bytes = row.bytes, bytes > limit {
                result.append("\(row.name): \(bytes) bytes a \(row.unit), at most \(limit)")
            }
        }
        return result
    }
}
