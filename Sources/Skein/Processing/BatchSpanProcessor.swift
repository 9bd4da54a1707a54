import CurlTransport

/// Collects finished spans and exports them in batches, on a thread of its own that sleeps while there is nothing to
/// do.
///
/// A batch goes out when it is full or `scheduleDelay` after its first span, whichever comes first. The queue is
/// bounded; spans that find it full are dropped and counted.
final class BatchSpanProcessor: SpanProcessor {
    /// Chunks kept for reuse: one to fill, one to send and one between.
    private static let spareChunksMax = 3

    private struct State {
        var filling: SpanChunk?
        var full: [SpanChunk] = []
        var spare: [SpanChunk] = []
        /// Spans in `filling` and `full`.
        var queuedSpans = 0
        /// Spans ever taken into the queue, and of those the ones whose fate is decided. Spans leave in order.
        var acceptedSpans: UInt64 = 0
        var settledSpans: UInt64 = 0
        /// Everything up to this count of accepted spans goes out without waiting for a full batch.
        var flushTarget: UInt64 = 0
        var droppedQueueFull: UInt64 = 0
        /// Spans that ended after the shutdown began, and spans that it had no time for.
        var endedLate: UInt64 = 0
        var droppedShutdown: UInt64 = 0
        var window: ExportWindow?
        var isThreadStarted = false
        var shutdownDeadline: ContinuousClock.Instant?
        var isStopped = false
        var waiters: [(target: UInt64, resume: @Sendable () -> Void)] = []
    }

    private let options: BatchOptions
    private let framing: SpanFraming
    private let exporter: any SpanExporter
    private let counters: TracingCounters
    private let diagnostics: Diagnostics
    private let monitor = Monitor(State())

    init(
        options: BatchOptions, framing: SpanFraming, exporter: any SpanExporter, counters: TracingCounters,
        diagnostics: Diagnostics
    ) {
        self.options = options.validated
        self.framing = framing
        self.exporter = exporter
        self.counters = counters
        self.diagnostics = diagnostics
    }

    // MARK: any thread

    func onEnd(_ span: FinishedSpan) {
        enum Step { case none, wake, start }
        let step: Step = monitor.withLock { state in
            guard state.shutdownDeadline == nil else {
                state.endedLate += 1
                return .none
            }
            guard state.queuedSpans < options.maxQueueSize ?? 100_000 else {
                state.droppedQueueFull += 1
                return .none
            }
            let chunk = state.filling ?? state.spare.popLast() ?? SpanChunk()
            chunk.append(span)
            state.queuedSpans += 1
            state.acceptedSpans += 1
            let isComplete = chunk.spanCount >= options.maxExportBatchSize || chunk.isFull
            state.filling = isComplete ? nil : chunk
            if isComplete { state.full.append(chunk) }
            if !state.isThreadStarted {
                state.isThreadStarted = true
                return .start
            }
            return isComplete || chunk.spanCount == 1 ? .wake : .none
        }
        switch step {
        case .none: break
        case .wake: monitor.notify()
        case .start: startThread()
        }
    }

    func forceFlush(timeout: Duration) -> Bool {
        let deadline = ContinuousClock.now + timeout
        let target = requestFlush()
        return monitor.wait { state in
            if state.settledSpans >= target || state.isStopped { return .done(true) }
            return ContinuousClock.now >= deadline ? .done(false) : .again(deadline)
        }
    }

    /// The same for a task: waits for the spans that ended before the call, as long as their export may take.
    func flush() async {
        let target = requestFlush()
        await withCheckedContinuation { continuation in
            resumeWhenSettled(target) { continuation.resume() }
        }
    }

    func shutdown(timeout: Duration) async {
        let isFirst: Bool = monitor.withLock { state in
            guard state.shutdownDeadline == nil else { return false }
            let deadline = ContinuousClock.now + timeout
            state.shutdownDeadline = deadline
            state.window?.close(at: deadline)
            return true
        }
        monitor.notify()
        if isFirst { startThreadIfNeeded() }
        await withCheckedContinuation { continuation in
            resumeWhenSettled(.max) { continuation.resume() }
        }
    }

    /// The counts that are kept under the queue's lock.
    func addCounts(to statistics: inout TracingStatistics) {
        let counts = monitor.withLock {
            (accepted: $0.acceptedSpans, queueFull: $0.droppedQueueFull, late: $0.endedLate, lost: $0.droppedShutdown)
        }
        statistics.ended += counts.accepted + counts.queueFull + counts.late
        statistics.droppedQueueFull += counts.queueFull
        statistics.droppedShutdown += counts.late + counts.lost
    }

    private func requestFlush() -> UInt64 {
        let target = monitor.withLock { state in
            state.flushTarget = state.acceptedSpans
            return state.acceptedSpans
        }
        monitor.notify()
        return target
    }

    private func resumeWhenSettled(_ target: UInt64, _ resume: @escaping @Sendable () -> Void) {
        let isSettled = monitor.withLock { state in
            if state.isStopped || state.settledSpans >= target { return true }
            state.waiters.append((target, resume))
            return false
        }
        if isSettled { resume() }
    }

    /// A processor that never saw a span still has an exporter to shut down.
    private func startThreadIfNeeded() {
        let isNeeded = monitor.withLock { state in
            defer { state.isThreadStarted = true }
            return !state.isThreadStarted
        }
        if isNeeded { startThread() }
    }

    private func startThread() {
        guard !DetachedThread.start({ [self] in run() }) else { return }
        diagnostics.report(.noThread, "no thread for exporting spans; they are kept until the queue is full")
        let lost: Int? = monitor.withLock { state in
            state.isThreadStarted = false
            return state.shutdownDeadline == nil ? nil : state.queuedSpans
        }
        if let lost { stop(lostSpans: lost) }
    }

    // MARK: the exporting thread

    private enum Work {
        case export(SpanChunk, ExportWindow)
        case stop(lostSpans: Int)
    }

    private func run() {
        while true {
            switch monitor.wait({ nextWork(&$0) }) {
            case .export(let chunk, let window):
                settle(chunk, exporter.export(chunk.batch(framing), within: window))
            case .stop(let lost):
                return stop(lostSpans: lost)
            }
        }
    }

    /// The end, in time or not; what is still queued is lost.
    private func stop(lostSpans: Int) {
        exporter.shutdown()
        let waiters = monitor.withLock { state in
            state.isStopped = true
            state.droppedShutdown += UInt64(lostSpans)
            state.queuedSpans = 0
            state.full = []
            state.filling = nil
            defer { state.waiters = [] }
            return state.waiters
        }
        if lostSpans > 0 {
            diagnostics.report(.shutdown, "\(lostSpans) spans lost: the time for the shutdown was over")
        }
        monitor.notify()
        for waiter in waiters { waiter.resume() }
    }

    private func nextWork(_ state: inout State) -> Wait<Work> {
        let now = ContinuousClock.now
        if let deadline = state.shutdownDeadline, now >= deadline {
            return .done(.stop(lostSpans: state.queuedSpans))
        }
        if !state.full.isEmpty { return .done(export(state.full.removeFirst(), &state)) }
        guard let chunk = state.filling else {
            return state.shutdownDeadline == nil ? .again(nil) : .done(.stop(lostSpans: 0))
        }
        let dueAt = chunk.openedAt + options.scheduleDelay
        let isWanted = state.flushTarget > state.settledSpans || state.shutdownDeadline != nil
        guard isWanted || now >= dueAt else { return .again(dueAt) }
        state.filling = nil
        return .done(export(chunk, &state))
    }

    private func export(_ chunk: SpanChunk, _ state: inout State) -> Work {
        state.queuedSpans -= chunk.spanCount
        let window = ExportWindow(options.exportTimeout)
        if let deadline = state.shutdownDeadline { window.close(at: deadline) }
        state.window = window
        return .export(chunk, window)
    }

    private func settle(_ chunk: SpanChunk, _ result: ExportResult) {
        let spans = chunk.spanCount
        count(result, spans)
        chunk.removeAll()
        let (resumable, lost) = monitor.withLock { state in
            state.window = nil
            state.settledSpans += UInt64(spans)
            if chunk.isReusable, state.spare.count < Self.spareChunksMax { state.spare.append(chunk) }
            let settled = state.settledSpans
            let resumable = state.waiters.filter { $0.target <= settled }
            state.waiters.removeAll { $0.target <= settled }
            return (resumable, state.droppedQueueFull)
        }
        monitor.notify()
        for waiter in resumable { waiter.resume() }
        diagnostics.reportTotal(.queueFull, lost) { "\($0) spans lost: the queue was full" }
    }

    private func count(_ result: ExportResult, _ spans: Int) {
        switch result {
        case .success(let rejected, let message):
            let rejected = min(max(rejected, 0), spans)
            counters.update {
                $0.exported += UInt64(spans - rejected)
                $0.rejectedByReceiver += UInt64(rejected)
            }
            if rejected > 0 || !message.isEmpty {
                diagnostics.report(
                    .partialSuccess, "the receiver rejected \(rejected) of \(spans) spans: \(message)",
                    spans: rejected)
            }
        case .failure(let reason), .retryable(let reason, _):
            counters.update { $0.droppedExportFailed += UInt64(spans) }
            diagnostics.report(.exportFailed, "\(spans) spans lost: \(reason)", spans: spans)
        }
    }
}
