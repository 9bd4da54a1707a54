import CoreMetrics
import Synchronization

/// Keeps the counts of one exporter, tells the operator what goes wrong, and passes both on to swift-metrics.
///
/// The metrics have the names of OpenTelemetry's conventions for SDKs. They are looked up when the first batch goes
/// out, so that a metrics system that is bootstrapped after tracing is used too.
final class ExportReport: Sendable {
    /// What became of the records of one exporter.
    struct Counts: Sendable {
        var exported: UInt64 = 0
        var rejected: UInt64 = 0
        var droppedExportFailed: UInt64 = 0
        var droppedShutdown: UInt64 = 0
        var retries: UInt64 = 0
        /// The part of the records dropped by a full queue that was told to the metrics.
        fileprivate var toldQueueFull: UInt64 = 0
        /// The same of those that found room, and of the spans that were started.
        fileprivate var toldAccepted: UInt64 = 0
        fileprivate var toldStarted: UInt64 = 0
    }

    private let counts: Mutex<Counts>
    private let diagnostics: Diagnostics
    private let metrics: ExportMetrics
    private let started: StartedSpans?

    /// - Parameter started: told too, but for what was counted before; nil where another report does so.
    init(
        _ diagnostics: Diagnostics, exporterName: String, _ started: StartedSpans?,
        _ factory: @escaping @Sendable () -> any MetricsFactory
    ) {
        self.diagnostics = diagnostics
        self.started = started
        counts = Mutex(Counts(toldStarted: started?.total ?? 0))
        metrics = ExportMetrics(diagnostics.records, exporterName: exporterName, factory: factory)
    }

    private var records: String { diagnostics.records.plural }

    /// The least time between two tellings of the same thing.
    var interval: Duration { diagnostics.interval }

    var snapshot: Counts { counts.withLock { $0 } }

    /// One attempt to export is over.
    func attempted(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        metrics.all.duration.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    func delivered(_ count: Int, rejected: Int, _ message: String, attempts: Int) {
        let rejected = min(max(rejected, 0), count)
        counts.withLock {
            $0.exported += UInt64(count - rejected)
            $0.rejected += UInt64(rejected)
        }
        metrics.all.exported.increment(by: count - rejected)
        if rejected > 0 { metrics.all.rejected.increment(by: rejected) }
        if attempts > 1 { diagnostics.reportRecovery(after: attempts) }
        if tellsLossOnce { diagnostics.forgetReason(.exportFailed) }
        guard rejected > 0 || !message.isEmpty else { return }
        diagnostics.report(
            .partialSuccess, "the receiver rejected \(rejected) of \(count) \(records): \(message)", count: rejected)
    }

    func spillFailed(_ error: SpillError) {
        diagnostics.report(.spill, "\(records) cannot be spilled to disk: \(error)")
    }

    /// - Parameter shutdownWaits: how long a shutdown goes on to try, which may be not at all; nil where there is none.
    func delayed(_ reason: String, shutdownWaits: Duration? = nil) {
        counts.withLock { $0.retries += 1 }
        if shutdownWaits == .zero { return }
        guard let shutdownWaits else {
            return diagnostics.report(
                .delayed, "\(records) cannot be sent and are kept to be sent again: \(reason)")
        }
        let milliseconds = Int(shutdownWaits / .milliseconds(1))
        diagnostics.report(
            .shutdownWaits,
            "\(records) cannot be sent; the shutdown goes on trying for up to \(milliseconds) ms: \(reason)")
    }

    func lost(_ count: Int, _ reason: String) {
        counts.withLock { $0.droppedExportFailed += UInt64(count) }
        metrics.all.failed.increment(by: count)
        diagnostics.report(
            .exportFailed, "\(count) \(records) lost: \(reason)", count: count, onceFor: tellsLossOnce ? reason : nil)
    }

    /// Telling that log records are lost can make another that is lost for the same reason, so it is told once.
    private var tellsLossOnce: Bool { diagnostics.records == .logRecord }

    /// - Parameter reason: why the last attempt before failed; empty where none did.
    func lostByShutdown(_ count: Int, _ reason: String = "") {
        guard count > 0 else { return }
        counts.withLock { $0.droppedShutdown += UInt64(count) }
        metrics.all.shutdown.increment(by: count)
        diagnostics.report(
            .shutdown,
            "\(count) \(records) lost: the time for the shutdown was over\(reason.isEmpty ? "" : "; \(reason)")",
            count: count)
    }

    func exporterIgnoresItsWindow() {
        diagnostics.report(.shutdown, "an exporter still holds \(records) after the time for the shutdown was over")
    }

    /// Nothing more will be told: what was left out for want of patience is told now.
    func finished(_ queue: BatchQueue.Counts, _ options: BatchOptions) {
        observed(queue, options, isLast: true)
        diagnostics.tellRest()
    }

    func noThread() {
        diagnostics.report(.noThread, "no thread for exporting \(records); they wait in the queue")
    }

    /// How the queue stands: told after each attempt to export, and in the pauses between them when records come in or
    /// are dropped.
    func observed(_ queue: BatchQueue.Counts, _ options: BatchOptions, isLast: Bool = false) {
        let instruments = metrics.all
        let startedTotal = started?.total ?? 0
        let news = counts.withLock { counts in
            (
                queueFull: Self.news(queue.droppedFull, &counts.toldQueueFull),
                accepted: Self.news(queue.accepted, &counts.toldAccepted),
                started: Self.news(startedTotal, &counts.toldStarted)
            )
        }
        if news.queueFull > 0 { instruments.queueFull.increment(by: news.queueFull) }
        if news.accepted > 0 { instruments.accepted.increment(by: news.accepted) }
        if news.started > 0 { instruments.started.increment(by: news.started) }
        instruments.queued.record(queue.queued)
        if let max = options.maxQueueSize { instruments.queueCapacity.record(max) }
        instruments.queuedBytes.record(queue.usedBytes)
        instruments.queueCapacityBytes.record(options.maxQueueBytes)
        diagnostics.reportTotal(.queueFull, queue.droppedFull, isLast: isLast) {
            "\($0) \(records) lost: the queue was full"
        }
    }

    /// What of a running total was not told before.
    private static func news(_ total: UInt64, _ told: inout UInt64) -> UInt64 {
        defer { told = max(told, total) }
        return total - min(total, told)
    }
}
