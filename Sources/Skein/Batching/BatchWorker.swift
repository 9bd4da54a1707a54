import CurlTransport

/// The thread that takes batches out of a queue and exports them, one after the other.
///
/// It sleeps while there is nothing to do. A batch that was not taken but may be later is sent again unchanged, so that
/// a receiver can tell that it has it already; meanwhile the queue fills up to its bounds, or goes to disk.
///
/// Unchecked because everything that changes belongs to the thread.
final class BatchWorker: @unchecked Sendable {
    /// A batch that has to be sent again.
    private struct Pending {
        let batch: ExportBatch
        /// The file it came from.
        var spillID: SpillFiles.ID?
        var attempts = 0
        /// Past it the batch is given up.
        let giveUpAt: MonotonicTime
    }

    private enum Step {
        case collect
        case send
        case giveUp
        case spill
        case observe
        case stop
    }

    /// Long enough not to burn a core, short enough for a shortage that passes.
    private static let diskRest: Duration = .seconds(1)

    private let queue: BatchQueue
    private let framing: any RecordFraming
    private let exporter: any SpanExporter
    private let backoff: Backoff
    private let spill: SpillFiles?
    private let report: ExportReport
    private var pending: Pending?
    /// The receiver is left alone until then: as long as it asked for, or for a growing pause.
    private var notBefore = MonotonicTime.distantPast
    /// The part of that time that the receiver asked for.
    private var askedUntil = MonotonicTime.distantPast
    /// Whether a shutdown may cut the pause short: it began before the shutdown did.
    private var mayCutPause = false
    /// When it was last told how the queue stands.
    private var observedAt = MonotonicTime.distantPast
    /// What the last failed attempt came to.
    private var lastReason = ""
    /// A batch that left the queue for the disk and found no room there; it is sent next.
    private var heldBack: ExportBatch?
    /// A file could not be read, for want of descriptors or memory: it is tried again then.
    private var diskRestsUntil = MonotonicTime.distantPast
    /// Nothing more goes to disk until something was sent.
    private var isSpillFull = false

    /// Starts the thread; false when there is none to be had.
    static func start(
        _ queue: BatchQueue, _ framing: any RecordFraming, _ exporter: any SpanExporter, _ backoff: Backoff,
        _ spill: SpillFiles?, _ report: ExportReport
    ) -> Bool {
        let worker = BatchWorker(queue, framing, exporter, backoff, spill, report)
        return DetachedThread.start { worker.run() }
    }

    private init(
        _ queue: BatchQueue, _ framing: any RecordFraming, _ exporter: any SpanExporter, _ backoff: Backoff,
        _ spill: SpillFiles?, _ report: ExportReport
    ) {
        self.queue = queue
        self.framing = framing
        self.exporter = exporter
        self.backoff = backoff
        self.spill = spill
        self.report = report
    }

    private func run() {
        queue.beginExporting()
        while true {
            switch queue.monitor.wait({ nextStep(&$0) }) {
            case .collect: queue.collect()
            case .send: send()
            case .giveUp: giveUp()
            case .spill: spillBatch()
            case .observe: observe()
            case .stop: return stop()
            }
        }
    }

    // MARK: what to do next

    private func nextStep(_ shared: inout BatchQueue.Shared) -> Wait<Step> {
        let now = MonotonicTime.now
        let deadline = shared.shutdownDeadline
        if let deadline, now >= deadline, shared.isClosed { return .done(.stop) }
        if let deadline, mayCutPause { cutPause(now, deadline) }
        if let pending, pending.spillID == nil, now >= pending.giveUpAt { return .done(.giveUp) }
        if now < notBefore {
            // The shutdown leaves no time for another attempt.
            if let deadline, notBefore >= deadline, shared.isClosed, shared.inPassing == 0 { return .done(.stop) }
            if isShort(shared), spill != nil, !isSpillFull, shared.ready.first != nil { return .done(.spill) }
            if shared.isClosed, pending == nil, heldBack == nil, shared.ready.first == nil, shared.inPassing == 0 {
                return .done(.stop)
            }
            // What the stripes hold may be needed as room, and counts as waiting.
            let giveUpAt = pending.flatMap { $0.spillID == nil ? $0.giveUpAt : nil }
            // Drops must be told, and gauges move, while nothing is sent; where nothing happens nobody wakes for it.
            let tellAt = queue.hasNews.load(ordering: .relaxed) ? observedAt + report.interval : nil
            if let tellAt, now >= tellAt { return .done(.observe) }
            return sleep(until: [notBefore, giveUpAt, deadline, tellAt].compactMap(\.self).min(), &shared)
        }
        if pending != nil || heldBack != nil { return .done(.send) }
        let delay = queue.options.scheduleDelay
        if let first = shared.ready.first {
            if isWanted(first, now, shared) { return .done(.send) }
        } else if hasFiles, now >= diskRestsUntil {
            return .done(.send)
        } else if shared.isClosed, shared.inPassing == 0 {
            return .done(.stop)
        }
        let readyDue = shared.ready.first.map { $0.openedAt + delay }
        let openDue = shared.oldestOpen.map { $0 + delay }
        if let openDue, now >= openDue { return .done(.collect) }
        let diskDue = hasFiles && now < diskRestsUntil ? diskRestsUntil : nil
        let due = [readyDue, openDue, diskDue].compactMap(\.self).min()
        return sleep(until: due ?? (now < shared.warmUntil ? shared.warmUntil : nil), &shared)
    }

    /// A shutdown does not sit out a pause of our own, nor one that ends after it: that gets one more attempt at once.
    private func cutPause(_ now: MonotonicTime, _ deadline: MonotonicTime) {
        mayCutPause = false
        notBefore = askedUntil < deadline ? max(askedUntil, now) : now
    }

    /// Whether what the queue holds goes out now: a full batch, or a part of one that somebody waits for.
    private func isWanted(_ first: RecordChunk, _ now: MonotonicTime, _ shared: BatchQueue.Shared) -> Bool {
        shared.ready.holdsBatch(of: queue.options.maxExportBatchSize)
            || now >= first.openedAt + queue.options.scheduleDelay || shared.shutdownDeadline != nil
            || shared.flushThrough >= first.sequence || shared.blockedThreads > 0 || isShort(shared)
    }

    private var hasFiles: Bool { spill?.counts.files ?? 0 > 0 }

    /// Half of the memory is used: time to make room.
    private func isShort(_ shared: BatchQueue.Shared) -> Bool {
        shared.usedBytes > queue.options.maxQueueBytes / 2
    }

    private func sleep(until moment: MonotonicTime?, _ shared: inout BatchQueue.Shared) -> Wait<Step> {
        shared.sleepsUntil = moment ?? .distantFuture
        return .again(moment)
    }

    // MARK: sending

    private func send() {
        guard let current = pending ?? nextBatch() else {
            diskRestsUntil = .now + Self.diskRest
            return
        }
        pending = current
        let window = ExportWindow(queue.options.exportTimeout)
        let shutdownDeadline = queue.monitor.withLock { shared in
            if let deadline = shared.shutdownDeadline { window.close(at: deadline) }
            shared.window = window
            return shared.shutdownDeadline
        }
        let start = MonotonicTime.now
        let result = exporter.export(current.batch, within: window)
        queue.monitor.withLock { $0.window = nil }
        report.attempted(start.duration(to: .now))
        let spans = current.batch.recordCount
        switch result {
        case .success(let rejected, let message):
            lastReason = ""
            report.delivered(spans, rejected: rejected, message, attempts: current.attempts + 1)
            isSpillFull = false
            settle(current)
        case .failure(let reason):
            report.lost(spans, reason)
            isSpillFull = false
            settle(current)
        case .retryable(let reason, let after):
            retry(current, reason, after, shutdownDeadline)
        }
        observe()
    }

    /// Tells how the queue stands.
    private func observe() {
        queue.hasNews.store(false, ordering: .relaxed)
        observedAt = .now
        report.observed(queue.counts, queue.options)
    }

    /// From the queue, and from the disk when the queue has nothing urgent.
    private func nextBatch() -> Pending? {
        let giveUpAt = MonotonicTime.now + queue.options.retryTimeout
        if let batch = heldBack {
            heldBack = nil
            queue.sendHeldBack()
            return Pending(batch: batch, giveUpAt: giveUpAt)
        }
        if let batch = queue.takeBatch(framing) { return Pending(batch: batch, giveUpAt: giveUpAt) }
        guard let stored = spill?.oldest() else { return nil }
        let batch = ExportBatch(recordCount: stored.recordCount, request: stored.request)
        return Pending(batch: batch, spillID: stored.id, giveUpAt: giveUpAt)
    }

    /// The fate of the batch is decided.
    private func settle(_ batch: Pending) {
        pending = nil
        if let id = batch.spillID, let error = spill?.remove(id) { report.spillFailed(error) }
        queue.settle()
    }

    /// Keeps the batch for another attempt.
    private func retry(_ batch: Pending, _ reason: String, _ after: Duration?, _ shutdownDeadline: MonotonicTime?) {
        pending?.attempts += 1
        // Pauses do not grow while a shutdown waits: a receiver that restarts must be found in the time that is left.
        let own = backoff.delay(afterAttempts: shutdownDeadline == nil ? batch.attempts + 1 : 1)
        let pause = RetryPause(asked: after, own: own)
        let now = MonotonicTime.now
        (notBefore, askedUntil) = (now + pause.length, now + pause.askedLength)
        mayCutPause = shutdownDeadline == nil
        lastReason = reason
        report.delayed(reason, shutdownWaits: shutdownDeadline.map { notBefore < $0 ? now.duration(to: $0) : .zero })
    }

    /// The batch's time is over. What is on disk keeps, and has no such time.
    private func giveUp() {
        guard let pending else { return }
        if !store(pending.batch) {
            report.lost(pending.batch.recordCount, "gave up after \(pending.attempts) attempts: \(lastReason)")
        }
        settle(pending)
    }

    // MARK: the disk

    /// Moves the oldest batch of the queue to disk.
    private func spillBatch() {
        guard let batch = queue.takeBatch(framing, isForSending: false) else { return }
        if store(batch) { queue.settleHeldBack() } else { heldBack = batch }
    }

    private func store(_ batch: ExportBatch) -> Bool {
        guard let spill, !isSpillFull else { return false }
        switch spill.append(batch.request, recordCount: batch.recordCount) {
        case .stored: return true
        case .full:
            isSpillFull = true
            return false
        case .failed(let error):
            isSpillFull = true
            report.spillFailed(error)
            return false
        }
    }

    // MARK: the end

    /// In time or not; what is still queued goes to disk or is lost.
    private func stop() {
        exporter.shutdown()
        var lost = 0
        func keep(_ batch: ExportBatch) {
            if !store(batch) { lost += batch.recordCount }
        }
        if let pending, pending.spillID == nil { keep(pending.batch) }
        if let heldBack { keep(heldBack) }
        (pending, heldBack) = (nil, nil)
        while let batch = queue.takeBatch(framing) { keep(batch) }
        spill?.close()
        queue.monitor.withLock { shared in
            shared.isStopped = true
            // What came in between the last batch and here.
            while let chunk = shared.ready.popFirst() { shared.lostInPassing += UInt64(chunk.recordCount) }
            (shared.inFlightFrom, shared.heldBackFrom) = (nil, nil)
            (shared.inFlightRecords, shared.heldBackRecords) = (0, 0)
        }
        report.lostByShutdown(lost, lastReason)
        report.finished(queue.counts, queue.options)
        let waiters = queue.monitor.withLock { shared in
            shared.hasEnded = true
            defer { shared.stopWaiters = [] }
            return shared.stopWaiters
        }
        queue.monitor.notify()
        for waiter in waiters { waiter() }
    }
}
