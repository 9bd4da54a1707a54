import CurlTransport

/// The thread that takes batches out of a queue and exports them, one after the other.
///
/// It sleeps while there is nothing to do. A batch that was not taken but may be later is sent again unchanged, so that
/// a receiver can tell that it has it already; meanwhile the queue fills up to its bounds.
///
/// Unchecked because everything that changes belongs to the thread.
final class BatchWorker: @unchecked Sendable {
    /// A batch that has to be sent again.
    private struct Pending {
        let batch: ExportBatch
        var attempts: Int
        /// Past it the batch is given up.
        let giveUpAt: MonotonicTime
        var sendAt: MonotonicTime
    }

    private enum Step {
        case collect
        case send
        case stop
    }

    private let queue: BatchQueue
    private let framing: SpanFraming
    private let exporter: any SpanExporter
    private let backoff: Backoff
    private let report: ExportReport
    private var pending: Pending?

    /// Starts the thread; false when there is none to be had.
    static func start(
        _ queue: BatchQueue, _ framing: SpanFraming, _ exporter: any SpanExporter, _ backoff: Backoff,
        _ report: ExportReport
    ) -> Bool {
        let worker = BatchWorker(queue, framing, exporter, backoff, report)
        return DetachedThread.start { worker.run() }
    }

    private init(
        _ queue: BatchQueue, _ framing: SpanFraming, _ exporter: any SpanExporter, _ backoff: Backoff,
        _ report: ExportReport
    ) {
        self.queue = queue
        self.framing = framing
        self.exporter = exporter
        self.backoff = backoff
        self.report = report
    }

    private func run() {
        queue.monitor.withLock { $0.exportingThread = ThreadStripe.identity }
        while true {
            switch queue.monitor.wait({ nextStep(&$0) }) {
            case .collect: queue.collect()
            case .send: send()
            case .stop: return stop()
            }
        }
    }

    private func nextStep(_ shared: inout BatchQueue.Shared) -> Wait<Step> {
        let now = MonotonicTime.now
        let deadline = shared.shutdownDeadline
        if let deadline, now >= deadline { return .done(.stop) }
        if let pending {
            guard now < pending.sendAt else { return .done(.send) }
            return sleep(until: min(pending.sendAt, deadline ?? pending.sendAt), &shared)
        }
        let options = queue.options
        let readyDue = shared.ready.first.map { $0.openedAt + options.scheduleDelay }
        if let first = shared.ready.first, let readyDue {
            let isWanted =
                shared.ready.holdsBatch(of: options.maxExportBatchSize) || now >= readyDue || deadline != nil
                || shared.flushThrough >= first.sequence || shared.blockedThreads > 0
                || shared.usedBytes > options.maxQueueBytes / 2
            if isWanted { return .done(.send) }
        } else if deadline != nil {
            return .done(.stop)
        }
        let openDue = shared.oldestOpen.map { $0 + options.scheduleDelay }
        if let openDue, now >= openDue { return .done(.collect) }
        let due = [readyDue, openDue].compactMap(\.self).min()
        return sleep(until: due ?? (now < shared.warmUntil ? shared.warmUntil : nil), &shared)
    }

    private func sleep(until moment: MonotonicTime?, _ shared: inout BatchQueue.Shared) -> Wait<Step> {
        shared.sleepsUntil = moment ?? .distantFuture
        return .again(moment)
    }

    private func send() {
        guard let (batch, giveUpAt) = nextBatch() else { return }
        let window = ExportWindow(queue.options.exportTimeout)
        queue.monitor.withLock { shared in
            if let deadline = shared.shutdownDeadline { window.close(at: deadline) }
            shared.window = window
        }
        let start = MonotonicTime.now
        let result = exporter.export(batch, within: window)
        queue.monitor.withLock { $0.window = nil }
        report.attempted(start.duration(to: .now))
        switch result {
        case .success(let rejected, let message):
            report.delivered(batch.spanCount, rejected: rejected, message, attempts: (pending?.attempts ?? 0) + 1)
            settle()
        case .failure(let reason):
            report.lost(batch.spanCount, reason)
            settle()
        case .retryable(let reason, let after):
            retry(batch, giveUpAt, reason, after)
        }
        report.dropped(queue.counts.droppedFull)
    }

    private func nextBatch() -> (ExportBatch, giveUpAt: MonotonicTime)? {
        if let pending { return (pending.batch, pending.giveUpAt) }
        guard let batch = queue.takeBatch(framing) else { return nil }
        return (batch, .now + queue.options.retryTimeout)
    }

    private func settle() {
        pending = nil
        queue.settle()
    }

    /// Keeps the batch for another attempt, unless its time would be over by then.
    private func retry(_ batch: ExportBatch, _ giveUpAt: MonotonicTime, _ reason: String, _ after: Duration?) {
        let attempts = (pending?.attempts ?? 0) + 1
        let sendAt = MonotonicTime.now + (after ?? backoff.delay(afterAttempts: attempts))
        guard sendAt < giveUpAt else {
            report.lost(batch.spanCount, "gave up after \(attempts) attempts: \(reason)")
            return settle()
        }
        report.delayed(attempts, reason)
        pending = Pending(batch: batch, attempts: attempts, giveUpAt: giveUpAt, sendAt: sendAt)
    }

    /// The end, in time or not; what is still queued is lost.
    private func stop() {
        exporter.shutdown()
        let (lost, waiters) = queue.monitor.withLock { shared in
            shared.isStopped = true
            let lost = shared.ready.recordCount + (pending?.batch.spanCount ?? 0)
            shared.ready = ChunkList()
            defer { shared.stopWaiters = [] }
            return (lost, shared.stopWaiters)
        }
        pending = nil
        report.lostByShutdown(lost)
        queue.monitor.notify()
        for waiter in waiters { waiter() }
    }
}
