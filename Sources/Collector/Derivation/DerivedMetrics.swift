import SpanMetrics
import TraceStorage

/// Everything that is derived from spans, as those see it who show it.
struct DerivedMetrics: Sendable {
    let red: REDMetrics
    let serviceGraph: ServiceGraph
    let genAI: GenAIMetrics
    let feeder: DerivationFeeder
    /// Where the journal ended when it was opened.
    let replayEnd: JournalPosition
    /// When that was, unix nanoseconds: everything received by then is counted once the replay is over.
    let openedAt: UInt64

    /// Whether what the journal held at the start is counted; before it counters would be seen to fall.
    var isReady: Bool { feeder.hasPassed(replayEnd) }

    /// When counting began, unix nanoseconds; 0 before the first span. It survives restarts.
    var startTime: UInt64 { red.snapshot().startTime }

    /// Writes all families.
    func write(to writer: inout some MetricWriter) {
        // Not before the start: what was shown before a crash may have been settled by time alone.
        let now = max(openedAt, feeder.countedUntil)
        red.snapshot(now: now).write(to: &writer)
        serviceGraph.snapshot(now: now).write(to: &writer)
        genAI.snapshot(now: now).write(to: &writer)
    }
}
