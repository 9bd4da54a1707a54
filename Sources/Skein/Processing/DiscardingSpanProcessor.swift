/// Counts spans and throws them away: for an exporter of `none`.
final class DiscardingSpanProcessor: SpanProcessor {
    private let counters: TracingCounters

    init(_ counters: TracingCounters) {
        self.counters = counters
    }

    func onEnd(_ span: FinishedSpan) {
        counters.update { $0.ended += 1 }
    }

    func forceFlush(timeout: Duration) -> Bool { true }

    func shutdown(timeout: Duration) async {}

    func flush() async {}

    func addCounts(to statistics: inout TracingStatistics) {}
}
