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

    /// Whether errors are recorded with the calls that led to the recording.
    let recordsCallStacks: Bool

    /// - Parameter started: what counts the spans of this tracer.
    init(_ configuration: TracingConfiguration, sink: SpanSink, started: StartedSpans = StartedSpans()) {
        limits = configuration.limits
        processors = configuration.processors
        recordsCallStacks = configuration.recordsCallStacks
        self.sink = sink
        self.started = started
    }

    @inline(__always)
    func end(_ span: borrowing FinishedSpan) {
        if !processors.isEmpty { tellProcessors(span) }
        sink.onEnd(span)
    }

    @inline(never)
    private func tellProcessors(_ span: borrowing FinishedSpan) {
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

    /// The same as a shutdown, for a thread that may block; users' processors are flushed alone.
    func finish(timeout: Duration) {
        let deadline = MonotonicTime.now + timeout
        for processor in processors { _ = processor.forceFlush(timeout: MonotonicTime.now.duration(to: deadline)) }
        sink.finish(deadline: deadline)
    }

    func shutdown(timeout: Duration) async {
        let deadline = MonotonicTime.now + timeout
        for processor in processors { await processor.shutdown(timeout: MonotonicTime.now.duration(to: deadline)) }
        await sink.shutdown(deadline: deadline)
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

    func finish(deadline: MonotonicTime) {
        batching.finish(until: deadline)
    }

    func shutdown(deadline: MonotonicTime) async {
        let timeout = MonotonicTime.now.duration(to: deadline)
        if case .immediate(let processor) = self { await processor.shutdown(timeout: timeout) }
        await batching.shutdown(timeout: timeout)
    }
}
