import Journal

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
    /// They waited for longer than `sending_queue.max_age`.
    case queueExpired = "queue_expired"

    /// Those that an exporter counts itself; the journal counts the rest.
    static let ofAttempts: [ExportDropReason] = [.refusedByTarget, .rejectedByTarget, .retriesExhausted]
}

/// What one exporter sent and let go.
package final class ExporterCounters: Sendable {
    let sentSpans: SelfMetrics.Counter
    let sentBytes: SelfMetrics.Counter
    let retries: SelfMetrics.Counter
    private let failedSpans: [ExportDropReason: SelfMetrics.Counter]

    static let sentSpansName = "otelcol_exporter_sent_spans"
    static let sentBytesName = "skein_exporter_sent_bytes"
    static let sentBytesHelp = "Bytes of request bodies, compressed, attempts included."
    static let retriesName = "skein_exporter_retries"
    static let retriesHelp = "Attempts that will be repeated."
    static let failedName = "otelcol_exporter_send_failed_spans"
    private static let queueSizeName = "otelcol_exporter_queue_size"
    private static let queueCapacityName = "otelcol_exporter_queue_capacity"
    /// All that is said of an exporter of spans.
    static let names: Set = [
        sentSpansName, sentBytesName, retriesName, failedName, queueSizeName, queueCapacityName,
    ]
    private static let failedHelp = "Spans that did not reach the target for good, by reason."

    /// - Parameter exporter: The id as configured.
    package init(exporter: String, metrics: SelfMetrics) {
        let labels: SelfMetrics.Labels = ["exporter": exporter]
        sentSpans = metrics.counter(Self.sentSpansName, "Spans that the target has taken.", labels)
        sentBytes = metrics.counter(Self.sentBytesName, Self.sentBytesHelp, labels)
        retries = metrics.counter(Self.retriesName, Self.retriesHelp, labels)
        failedSpans = Dictionary(
            uniqueKeysWithValues: ExportDropReason.ofAttempts.map { reason in
                (
                    reason,
                    metrics.counter(Self.failedName, Self.failedHelp, labels.adding("reason", reason.rawValue))
                )
            })
    }

    package func count(spans: Int, _ reason: ExportDropReason) { failedSpans[reason]?.add(spans) }

    /// What the journal knows of an exporter's sending queue: its size, its limit and what fell off its end.
    static func observeQueue(
        of exporter: String, capacityBytes: Int, journal: Journal, reader: String, metrics: SelfMetrics
    ) {
        let row: @Sendable () -> JournalMetrics.Reader? = { journal.metrics().readers.first { $0.name == reader } }
        let labels: SelfMetrics.Labels = ["exporter": exporter]
        metrics.observe(queueSizeName, "Bytes of journal that wait to be sent.", of: labels) {
            [.init(Double(row()?.lagBytes ?? 0), labels)]
        }
        metrics.observe(
            queueCapacityName, "Bytes of journal that may wait before the oldest are skipped.", of: labels
        ) {
            [.init(Double(capacityBytes), labels)]
        }
        metrics.observe(failedName, failedHelp, .counter, of: labels) {
            let skipped = row()?.skipped ?? [:]
            return [
                .init(
                    Double(skipped[.bytes]?.spans ?? 0), labels.adding("reason", ExportDropReason.queueFull.rawValue)),
                .init(
                    Double(skipped[.age]?.spans ?? 0), labels.adding("reason", ExportDropReason.queueExpired.rawValue)),
            ]
        }
    }
}
