/// Why an exporter let spans go.
package enum ExportDropReason: String, CaseIterable, Sendable {
    /// The target answered that it will never take the request.
    case refusedByTarget = "refused_by_target"
    /// The target took the request but for these spans.
    case rejectedByTarget = "rejected_by_target"
    /// `retry_on_failure` said to stop trying.
    case retriesExhausted = "retries_exhausted"
    /// They were the oldest when the sending queue was full.
    case queueFull = "queue_full"

    /// Those that an exporter counts itself; the journal knows of the rest.
    static let ofAttempts: [ExportDropReason] = [.refusedByTarget, .rejectedByTarget, .retriesExhausted]
}

/// What one exporter sent and let go.
package final class ExporterCounters: Sendable {
    let sentSpans: SelfMetrics.Counter
    let sentBytes: SelfMetrics.Counter
    let retries: SelfMetrics.Counter
    private let failedSpans: [ExportDropReason: SelfMetrics.Counter]

    package init(exporter: String, metrics: SelfMetrics) {
        let labels: SelfMetrics.Labels = ["exporter": exporter]
        sentSpans = metrics.counter("otelcol_exporter_sent_spans", "Spans that the target has taken.", labels)
        sentBytes = metrics.counter(
            "skein_exporter_sent_bytes", "Bytes of request bodies, compressed, attempts included.", labels)
        retries = metrics.counter("skein_exporter_retries", "Attempts that will be repeated.", labels)
        failedSpans = Dictionary(
            uniqueKeysWithValues: ExportDropReason.ofAttempts.map { reason in
                let counter = metrics.counter(
                    "otelcol_exporter_send_failed_spans", "Spans that did not reach the target for good, by reason.",
                    labels.adding("reason", reason.rawValue))
                return (reason, counter)
            })
    }

    package func count(spans: Int, _ reason: ExportDropReason) { failedSpans[reason]?.add(spans) }
}
