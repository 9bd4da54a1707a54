/// What all spans of one tracer share.
final class SpanPipeline: Sendable {
    let processor: any SpanProcessor
    let limits: SpanLimits
    let counters: TracingCounters

    init(processor: any SpanProcessor, limits: SpanLimits, counters: TracingCounters) {
        self.processor = processor
        self.limits = limits
        self.counters = counters
    }

    var statistics: TracingStatistics {
        var statistics = counters.snapshot
        processor.addCounts(to: &statistics)
        return statistics
    }
}

/// Takes spans as they end.
protocol SpanProcessor: AnyObject, Sendable {
    /// Called on the thread that ends the span, under the span's lock: must be quick and must not touch the span.
    func onEnd(_ span: FinishedSpan)

    /// Exports every span that ended before the call; false when `timeout` passed first. Blocks.
    func forceFlush(timeout: Duration) -> Bool

    /// Exports what it can within `timeout`, counts the rest, and takes no more spans.
    func shutdown(timeout: Duration) async

    /// Exports every span that ended before the call, without blocking a thread.
    func flush() async

    /// Adds the counts that the processor keeps itself.
    func addCounts(to statistics: inout TracingStatistics)
}
