import CoreMetrics
import CurlTransport

/// Collects encoded records and exports them in batches, on a thread of its own that sleeps while there is nothing to
/// do.
///
/// A batch goes out when it is full or `scheduleDelay` after its first record, whichever comes first. The memory for
/// records that wait is bounded; what happens past the bound is the options' choice, and every record dropped is
/// counted. In a child of `fork` it begins anew, with an empty queue: what was queued is the parent's to send.
///
/// Unchecked because what changes does so only right after a fork, when there is one thread.
final class BatchProcessor: @unchecked Sendable {
    /// What became of the records.
    struct Statistics {
        /// Records that came in, dropped ones included.
        var received: UInt64 = 0
        var queued = 0
        var inFlight = 0
        var spilled = 0
        var exported: UInt64 = 0
        var rejected: UInt64 = 0
        var retries: UInt64 = 0
        var droppedQueueFull: UInt64 = 0
        var droppedExportFailed: UInt64 = 0
        var droppedShutdown: UInt64 = 0
    }

    private let exporter: any SpanExporter
    private let exporterName: String
    private var diagnostics: Diagnostics
    private var report: ExportReport
    private let backoff: Backoff
    private let options: BatchOptions
    private var framing: any RecordFraming
    private var spill: SpillFiles?
    private let started: StartedSpans?
    private let metrics: @Sendable () -> any MetricsFactory
    @exclusivity(unchecked) private var queue: BatchQueue

    /// - Parameter started: told to the metrics; nil where another processor of the same spans does so.
    init(
        options: BatchOptions, framing: any RecordFraming, exporter: any SpanExporter, exporterName: String,
        diagnostics: Diagnostics, backoff: Backoff, metrics: @escaping @Sendable () -> any MetricsFactory,
        started: StartedSpans? = nil
    ) {
        self.options = options.validated
        self.framing = framing
        self.exporter = exporter
        self.diagnostics = diagnostics
        self.backoff = backoff
        self.exporterName = exporterName
        self.started = started
        self.metrics = metrics
        report = ExportReport(diagnostics, exporterName: exporterName, started, metrics)
        if let spill = options.spill {
            do {
                self.spill = try SpillFiles(directory: spill.directory, bytesMax: spill.bytesMax)
            } catch {
                diagnostics.report(.spill, "\(diagnostics.records.plural) are not spilled to disk: \(error)")
            }
        }
        queue = Self.queue(self.options, framing, exporter, backoff, spill, report)
        ForkWatch.add(self)
    }

    deinit { ForkWatch.remove(self) }

    /// Adds a record of `size` bytes, which `write` writes: one length-delimited field with a one-byte tag.
    @inline(__always)
    func append(_ size: Int, _ write: (inout WireCursor) -> Void) {
        queue.append(size, write)
    }

    /// Whether the thread that asks is the one that exports.
    var isOnExportingThread: Bool { queue.isOnExportingThread }

    /// Exports every record that was added before the call; false when `timeout` passed first. Blocks.
    func forceFlush(timeout: Duration) -> Bool {
        let deadline = MonotonicTime.now + timeout
        let queue = queue
        queue.collect()
        // Another thread may have taken records out of a stripe that ended before the call.
        let target: UInt64? = queue.monitor.wait { shared in
            shared.isPassageAwaited = shared.inPassing > 0
            if shared.isPassageAwaited { return MonotonicTime.now >= deadline ? .done(nil) : .again(deadline) }
            shared.flushThrough = shared.nextSequence - 1
            return .done(shared.flushThrough)
        }
        guard let target else { return false }
        queue.monitor.notify()
        return queue.monitor.wait { shared in
            if shared.lowestUnsettled > target || shared.isStopped { return .done(true) }
            return MonotonicTime.now >= deadline ? .done(false) : .again(deadline)
        }
    }

    /// Takes no more records and begins to export what there is; what is left at the deadline is counted. May be called
    /// twice. Does not wait.
    func close(deadline: MonotonicTime) {
        let queue = queue
        _ = queue.close(deadline: deadline)
        // Also where no record was ever seen: the exporter is shut down all the same.
        if !queue.startIfNeeded() { report.lostByShutdown(queue.abandon()) }
    }

    /// Waits for the end that ``close(deadline:)`` has begun, on a thread that may block.
    func waitForEnd(deadline: MonotonicTime) {
        let queue = queue
        // The thread ends at the deadline; a second more is for what it has on its hands.
        let limit = deadline + .seconds(1)
        let hasEnded = queue.monitor.wait { shared in
            if shared.hasEnded { return Wait.done(true) }
            return MonotonicTime.now >= limit ? .done(false) : .again(limit)
        }
        if !hasEnded { report.exporterIgnoresItsWindow() }
    }

    /// Exports what it can within `timeout`, counts the rest, and takes no more records. May be called twice.
    func shutdown(timeout: Duration) async {
        let deadline = MonotonicTime.now + timeout
        close(deadline: deadline)
        await withCheckedContinuation { continuation in
            // Waiting blocks, which a task may not do; and an exporter that never returns must not hold the task.
            let isStarted = DetachedThread.start { [self] in
                waitForEnd(deadline: deadline)
                continuation.resume()
            }
            if isStarted { return }
            let queue = queue
            let hasEnded = queue.monitor.withLock { shared in
                if !shared.hasEnded { shared.stopWaiters.append { continuation.resume() } }
                return shared.hasEnded
            }
            if hasEnded { continuation.resume() }
        }
    }

    var statistics: Statistics {
        let counts = queue.counts
        let exports = report.snapshot
        return Statistics(
            received: counts.accepted + counts.droppedFull + counts.droppedLate - counts.droppedOldest,
            queued: counts.queued, inFlight: counts.inFlight, spilled: spill?.counts.spans ?? 0,
            exported: exports.exported, rejected: exports.rejected, retries: exports.retries,
            droppedQueueFull: counts.droppedFull,
            droppedExportFailed: exports.droppedExportFailed,
            droppedShutdown: exports.droppedShutdown + counts.droppedLate + counts.lost)
    }

    private static func queue(
        _ options: BatchOptions, _ framing: any RecordFraming, _ exporter: any SpanExporter, _ backoff: Backoff,
        _ spill: SpillFiles?, _ report: ExportReport
    ) -> BatchQueue {
        BatchQueue(options) { queue in
            guard !BatchWorker.start(queue, framing, exporter, backoff, spill, report) else { return true }
            report.noThread()
            return false
        }
    }
}

extension BatchProcessor: ForkAware {
    func didFork() {
        exporter.didFork()
        // The directory stays with the parent.
        spill?.abandonAfterFork()
        spill = nil
        framing = framing.ofChildProcess()
        // Another thread may have held their locks.
        diagnostics = diagnostics.ofChildProcess()
        started?.reset()
        report = ExportReport(diagnostics, exporterName: exporterName, started, metrics)
        queue = Self.queue(options, framing, exporter, backoff, spill, report)
    }
}
