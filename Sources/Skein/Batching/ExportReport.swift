import Synchronization

/// Keeps the counts of one exporter, tells the operator what goes wrong, and passes both on to swift-metrics.
///
/// The metrics have the names of OpenTelemetry's conventions for SDKs. They are looked up when the first batch goes
/// out, so that a metrics system that is bootstrapped after tracing is used too.
final class ExportReport: Sendable {
    /// What became of the spans of one exporter.
    struct Counts: Sendable {
        var exported: UInt64 = 0
        var rejected: UInt64 = 0
        var droppedExportFailed: UInt64 = 0
        var droppedShutdown: UInt64 = 0
        var retries: UInt64 = 0
        /// The part of the spans dropped by a full queue that was told to the metrics.
        fileprivate var toldQueueFull: UInt64 = 0
    }

    private let counts = Mutex(Counts())
    private let diagnostics: Diagnostics
    private let metrics: ExportMetrics

    init(_ diagnostics: Diagnostics, exporterName: String) {
        self.diagnostics = diagnostics
        metrics = ExportMetrics(exporterName: exporterName)
    }

    var snapshot: Counts { counts.withLock { $0 } }

    /// One attempt to export is over.
    func attempted(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        metrics.all.duration.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    func delivered(_ spans: Int, rejected: Int, _ message: String, attempts: Int) {
        let rejected = min(max(rejected, 0), spans)
        counts.withLock {
            $0.exported += UInt64(spans - rejected)
            $0.rejected += UInt64(rejected)
        }
        metrics.all.exported.increment(by: spans - rejected)
        if rejected > 0 { metrics.all.rejected.increment(by: rejected) }
        if attempts > 1 { diagnostics.reportRecovery(after: attempts) }
        guard rejected > 0 || !message.isEmpty else { return }
        diagnostics.report(
            .partialSuccess, "the receiver rejected \(rejected) of \(spans) spans: \(message)", spans: rejected)
    }

    func spillFailed(_ error: SpillError) {
        diagnostics.report(.spill, "spans cannot be spilled to disk: \(error)")
    }

    func delayed(_ reason: String) {
        counts.withLock { $0.retries += 1 }
        diagnostics.report(.delayed, "spans cannot be sent and are kept to be sent again: \(reason)")
    }

    func lost(_ spans: Int, _ reason: String) {
        counts.withLock { $0.droppedExportFailed += UInt64(spans) }
        metrics.all.failed.increment(by: spans)
        diagnostics.report(.exportFailed, "\(spans) spans lost: \(reason)", spans: spans)
    }

    func lostByShutdown(_ spans: Int) {
        guard spans > 0 else { return }
        counts.withLock { $0.droppedShutdown += UInt64(spans) }
        metrics.all.shutdown.increment(by: spans)
        diagnostics.report(.shutdown, "\(spans) spans lost: the time for the shutdown was over", spans: spans)
    }

    func noThread() {
        diagnostics.report(.noThread, "no thread for exporting spans; they wait in the queue")
    }

    /// The running total of spans that a full queue dropped.
    func dropped(_ total: UInt64) {
        let news: UInt64 = counts.withLock { counts in
            defer { counts.toldQueueFull = max(counts.toldQueueFull, total) }
            return total - min(total, counts.toldQueueFull)
        }
        if news > 0 { metrics.all.queueFull.increment(by: news) }
        diagnostics.reportTotal(.queueFull, total) { "\($0) spans lost: the queue was full" }
    }
}
