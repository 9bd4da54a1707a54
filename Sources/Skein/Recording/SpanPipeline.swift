import CurlTransport
import Synchronization
import Tracing

/// What all spans of one tracer share.
final class SpanPipeline: Sendable {
    let limits: SpanLimits
    /// Users' processors, which see spans first.
    let processors: [any SpanProcessor]
    let sink: SpanSink
    let lateWrites = Atomic<UInt64>(0)
    let started: StartedSpans
    /// Users' processors are told nothing more, and not shut down a second time.
    private let areProcessorsShutDown = Atomic<Bool>(false)
    /// How many of the users' processors are being flushed at the end.
    private let flushes = Monitor(Flushes())

    private struct Flushes {
        var running = 0
    }

    /// Whether errors are recorded with the calls that led to the recording.
    let recordsCallStacks: Bool

    /// - Parameter started: what counts the spans of this tracer.
    init(_ configuration: TracingConfiguration, sink: SpanSink, started: StartedSpans = StartedSpans()) {
        limits = configuration.limits
        processors = configuration.processors
        recordsCallStacks = configuration.recordsCallStacks
        self.sink = sink
        self.started = started
        ForkWatch.add(self)
    }

    deinit { ForkWatch.remove(self) }

    @inline(__always)
    func end(_ span: borrowing FinishedSpan) {
        if !processors.isEmpty { tellProcessors(span) }
        sink.onEnd(span)
    }

    /// Tells users' processors of a span that starts, until they are shut down.
    @inline(__always)
    func tellStart(_ span: SkeinSpan, in parent: ServiceContext) {
        if processors.isEmpty { return }
        tellProcessorsStart(span, parent)
    }

    @inline(never)
    private func tellProcessorsStart(_ span: SkeinSpan, _ parent: ServiceContext) {
        guard !areProcessorsShutDown.load(ordering: .relaxed) else { return }
        for processor in processors { processor.onStart(span, parent: parent) }
    }

    @inline(never)
    private func tellProcessors(_ span: borrowing FinishedSpan) {
        guard !areProcessorsShutDown.load(ordering: .relaxed) else { return }
        for processor in processors { processor.onEnd(span) }
    }

    func countWriteAfterEnd() {
        lateWrites.wrappingAdd(1, ordering: .relaxed)
    }

    var statistics: TracingStatistics {
        var statistics = TracingStatistics()
        sink.addCounts(to: &statistics)
        statistics.started = started.total
        statistics.writesAfterEnd = lateWrites.load(ordering: .relaxed)
        return statistics
    }

    /// Passes on every span that ended before the call; false when `timeout` passed first. Blocks.
    func forceFlush(timeout: Duration) -> Bool {
        let deadline = MonotonicTime.now + timeout
        var isComplete = true
        for processor in processors where !processor.forceFlush(timeout: MonotonicTime.now.duration(to: deadline)) {
            isComplete = false
        }
        return sink.forceFlush(deadline: deadline) && isComplete
    }

    /// Takes no more spans and begins to send what there is; users' processors are flushed at the same time, on threads
    /// of their own. Does not wait.
    func close(deadline: MonotonicTime) {
        sink.close(deadline: deadline)
        for processor in processors {
            flushes.withLock { $0.running += 1 }
            let isStarted = DetachedThread.start { [flushes] in
                _ = processor.forceFlush(timeout: MonotonicTime.now.duration(to: deadline))
                flushes.withLock { $0.running -= 1 }
                flushes.notify()
            }
            if !isStarted { flushes.withLock { $0.running -= 1 } }
        }
    }

    /// Waits for the end that ``close(deadline:)`` has begun, on a thread that may block. A processor that takes longer
    /// than it may is left behind.
    func waitForEnd(deadline: MonotonicTime) {
        sink.waitForEnd(deadline: deadline)
        flushes.wait { flushes in
            flushes.running == 0 || MonotonicTime.now >= deadline ? .done(()) : .again(deadline)
        }
    }

    /// Users' processors and the exporters shut down at the same time: neither takes the others' time.
    func shutdown(timeout: Duration) async {
        let deadline = MonotonicTime.now + timeout
        sink.close(deadline: deadline)
        let isFirst = !areProcessorsShutDown.exchange(true, ordering: .relaxed)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.sink.shutdown(deadline: deadline) }
            for processor in isFirst ? processors : [] {
                group.addTask { await processor.shutdown(timeout: MonotonicTime.now.duration(to: deadline)) }
            }
        }
    }
}

extension SpanPipeline: ForkAware {
    /// The counts are those of the process, as the queue's are.
    func didFork() {
        started.reset()
        lateWrites.store(0, ordering: .relaxed)
        if case .discarding(let processor) = sink { processor.reset() }
    }
}

/// Where finished spans go. An enumeration and not a protocol, so that the usual way costs no indirection.
enum SpanSink: Sendable {
    case discarding(DiscardingSpanProcessor)
    case immediate(SimpleSpanProcessor)
    case batch(BatchProcessor)
    /// One for each exporter.
    case batches([BatchProcessor])

    @inline(__always)
    func onEnd(_ span: borrowing FinishedSpan) {
        switch self {
        case .batch(let processor): processor.append(span)
        case .batches(let processors): for processor in processors { processor.append(span) }
        case .immediate(let processor): processor.onEnd(span)
        case .discarding(let processor): processor.onEnd(span)
        }
    }

    private var batching: [BatchProcessor] {
        switch self {
        case .batch(let processor): [processor]
        case .batches(let processors): processors
        case .immediate, .discarding: []
        }
    }

    func addCounts(to statistics: inout TracingStatistics) {
        switch self {
        case .batch, .batches: for processor in batching { processor.addCounts(to: &statistics) }
        case .immediate(let processor): processor.addCounts(to: &statistics)
        case .discarding(let processor): statistics.ended = processor.count
        }
    }

    func forceFlush(deadline: MonotonicTime) -> Bool {
        batching.forceFlush(until: deadline)
    }

    func close(deadline: MonotonicTime) {
        batching.close(deadline: deadline)
    }

    func waitForEnd(deadline: MonotonicTime) {
        batching.waitForEnd(deadline: deadline)
    }

    func shutdown(deadline: MonotonicTime) async {
        let timeout = MonotonicTime.now.duration(to: deadline)
        if case .immediate(let processor) = self { await processor.shutdown(timeout: timeout) }
        await batching.shutdown(timeout: timeout)
    }
}
