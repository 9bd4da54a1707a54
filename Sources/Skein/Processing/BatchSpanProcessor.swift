/// Collects finished spans and exports them in batches, on a thread of its own that sleeps while there is nothing to
/// do.
///
/// A batch goes out when it is full or `scheduleDelay` after its first span, whichever comes first. The memory for
/// spans that wait is bounded; what happens past the bound is the options' choice, and every span dropped is counted.
/// In a child of `fork` it begins anew, with an empty queue: what was queued is the parent's to send.
final class BatchSpanProcessor: SpanProcessor, @unchecked Sendable {
    private let exporter: any SpanExporter
    private let diagnostics: Diagnostics
    private let report: ExportReport
    private let backoff: Backoff
    private let options: BatchOptions
    // These are replaced only right after a fork, when there is one thread.
    private var framing: SpanFraming
    private var spill: SpillFiles?
    @exclusivity(unchecked) private var queue: BatchQueue

    init(
        options: BatchOptions, framing: SpanFraming, exporter: any SpanExporter, exporterName: String,
        diagnostics: Diagnostics, backoff: Backoff = Backoff()
    ) {
        self.options = options.validated
        self.framing = framing
        self.exporter = exporter
        self.diagnostics = diagnostics
        self.backoff = backoff
        report = ExportReport(diagnostics, exporterName: exporterName)
        if let spill = options.spill {
            do {
                self.spill = try SpillFiles(directory: spill.directory, bytesMax: spill.bytesMax)
            } catch {
                diagnostics.report(.spill, "spans are not spilled to disk: \(error)")
            }
        }
        queue = Self.queue(self.options, framing, exporter, backoff, spill, report)
        ForkWatch.add(self)
    }

    @inline(__always)
    func onEnd(_ span: borrowing FinishedSpan) {
        let messageSize = span.messageSize
        queue.append(fieldSize(messageSize)) { span.write(messageSize, to: &$0) }
    }

    func forceFlush(timeout: Duration) -> Bool {
        let deadline = MonotonicTime.now + timeout
        let queue = queue
        queue.collect()
        let target = queue.monitor.withLock { shared in
            shared.flushThrough = shared.nextSequence - 1
            return shared.flushThrough
        }
        queue.monitor.notify()
        return queue.monitor.wait { shared in
            if shared.lowestUnsettled > target || shared.isStopped { return .done(true) }
            return MonotonicTime.now >= deadline ? .done(false) : .again(deadline)
        }
    }

    func shutdown(timeout: Duration) async {
        let queue = queue
        _ = queue.close(deadline: .now + timeout)
        // Also where no span was ever seen: the exporter is shut down all the same.
        guard queue.startIfNeeded() else {
            report.lostByShutdown(queue.counts.queued)
            return
        }
        await withCheckedContinuation { continuation in
            let isStopped = queue.monitor.withLock { shared in
                if !shared.isStopped { shared.stopWaiters.append { continuation.resume() } }
                return shared.isStopped
            }
            if isStopped { continuation.resume() }
        }
    }

    /// Adds what became of the spans; `ended` is the same for all processors.
    func addCounts(to statistics: inout TracingStatistics) {
        let counts = queue.counts
        let exports = report.snapshot
        statistics.ended =
            counts.accepted + counts.droppedFull + counts.droppedLate - counts.droppedOldest
        statistics.queued += counts.queued
        statistics.exported += exports.exported
        statistics.retries += exports.retries
        statistics.rejectedByReceiver += exports.rejected
        statistics.spilled += spill?.counts.spans ?? 0
        statistics.droppedQueueFull += counts.droppedFull
        statistics.droppedExportFailed += exports.droppedExportFailed
        statistics.droppedShutdown += exports.droppedShutdown + counts.droppedLate + counts.lost
    }

    private static func queue(
        _ options: BatchOptions, _ framing: SpanFraming, _ exporter: any SpanExporter, _ backoff: Backoff,
        _ spill: SpillFiles?, _ report: ExportReport
    ) -> BatchQueue {
        BatchQueue(options) { queue in
            guard !BatchWorker.start(queue, framing, exporter, backoff, spill, report) else { return true }
            report.noThread()
            return false
        }
    }
}

extension BatchSpanProcessor: ForkAware {
    func didFork() {
        exporter.didFork()
        // The directory stays with the parent.
        spill?.abandonAfterFork()
        spill = nil
        framing = framing.ofChildProcess()
        queue = Self.queue(options, framing, exporter, backoff, spill, report)
    }
}
