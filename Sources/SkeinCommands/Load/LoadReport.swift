import AgentTraffic
import Foundation
import SpanMetrics

/// What became of one request, all attempts together.
struct LoadResult {
    var rejectedSpans = 0
    /// Why the whole request was lost; nil when it was taken.
    var failure: String?
    /// Why each attempt but the last failed.
    var retries: [String] = []
}

/// What a run came to.
struct LoadReport {
    /// Whether there was an answer of any kind.
    var wasAnswered = false
    var requests = 0
    var acceptedSpans = 0
    var acceptedBytes = 0
    /// Attempts that were repeated, by reason.
    var retries: [String: Int] = [:]
    /// Lost spans, by reason.
    var failures: [String: Int] = [:]
    var elapsed = Duration.zero
    /// What was made, taken or lost.
    var requestsBetweenServices: [AgentTraffic.ServicePair: AgentTraffic.RequestCount] = [:]
    /// Nanoseconds until acknowledged; quantiles are at most 1 % off.
    private var latency = LogLinearHistogram()
    private var latencyMax: UInt64 = 0

    var lostSpans: Int { failures.values.reduce(0, +) }
    var spansPerSecond: Double { elapsed > .zero ? Double(acceptedSpans) / (elapsed / .seconds(1)) : 0 }

    mutating func add(_ result: LoadResult, spans: Int, bytes: Int, _ latency: Duration) {
        requests += 1
        for reason in result.retries { retries[reason, default: 0] += 1 }
        if let failure = result.failure {
            failures[failure, default: 0] += spans
            return
        }
        let rejected = min(result.rejectedSpans, spans)
        if rejected > 0 { failures["rejected", default: 0] += rejected }
        acceptedSpans += spans - rejected
        acceptedBytes += bytes
        let nanoseconds = UInt64(clamping: Int64(max(latency, .zero) / .nanoseconds(1)))
        self.latency.add(nanoseconds)
        latencyMax = max(latencyMax, nanoseconds)
    }

    private func quantile(_ q: Double) -> UInt64 { min(latency.quantile(q), latencyMax) }

    // MARK: writing

    func text() -> String {
        let seconds = Quantity.fixed(elapsed / .seconds(1), 1)
        let megabytes = Quantity.fixed(Double(acceptedBytes) / 1e6, 1)
        var lines = [
            ("spans", "\(Quantity.count(acceptedSpans)) acknowledged in \(seconds) s, \(megabytes) MB"),
            ("rate", "\(Quantity.count(Int(spansPerSecond))) spans/s"),
            ("requests", Quantity.count(requests)),
            (
                "latency",
                [("p50", quantile(0.5)), ("p95", quantile(0.95)), ("p99", quantile(0.99)), ("max", latencyMax)]
                    .map { "\($0) \(Quantity.duration($1))" }.joined(separator: "  ")
            ),
            ("retries", Self.list(retries)),
            ("lost", lostSpans == 0 ? "0 spans" : "\(Self.list(failures)) spans"),
        ]
        if !requestsBetweenServices.isEmpty {
            let counts = requestsBetweenServices.values
            let requests = Quantity.count(counts.reduce(0) { $0 + $1.requests })
            let failed = Quantity.count(counts.reduce(0) { $0 + $1.failed })
            lines.append(("between", "\(requests) requests from service to service, \(failed) failed"))
        }
        if lostSpans > 0 { lines.append(("sent", "\(Quantity.count(acceptedSpans + lostSpans)) spans in all")) }
        return lines.map { "\(TextWidth.pad($0, 10))\($1)\n" }.joined()
    }

    private static func list(_ counts: [String: Int]) -> String {
        guard !counts.isEmpty else { return "0" }
        let total = Quantity.count(counts.values.reduce(0, +))
        let parts = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { "\($0.key): \(Quantity.count($0.value))" }
        return "\(total) (\(parts.joined(separator: ", ")))"
    }

    func json() throws -> String {
        struct Latency: Encodable {
            let p50Ns, p95Ns, p99Ns, maxNs: UInt64
        }
        struct Edge: Encodable {
            let client, server: String
            let requests, failed: Int
        }
        struct Answer: Encodable {
            let spans, requests, bytes: Int
            let elapsedNs: Int64
            let spansPerSecond: Double
            let latency: Latency
            let retries, failures: [String: Int]
            let lostSpans: Int
            let betweenServices: [Edge]?
        }
        let edges = requestsBetweenServices.sorted { ($0.key.client, $0.key.server) < ($1.key.client, $1.key.server) }
            .map {
                Edge(
                    client: $0.key.client, server: $0.key.server, requests: $0.value.requests, failed: $0.value.failed)
            }
        let answer = Answer(
            spans: acceptedSpans, requests: requests, bytes: acceptedBytes,
            elapsedNs: Int64(elapsed / .nanoseconds(1)), spansPerSecond: spansPerSecond,
            latency: Latency(
                p50Ns: quantile(0.5), p95Ns: quantile(0.95), p99Ns: quantile(0.99), maxNs: latencyMax),
            retries: retries, failures: failures, lostSpans: lostSpans, betweenServices: edges.isEmpty ? nil : edges)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(answer), as: UTF8.self) + "\n"
    }
}
