import SpanMetrics
import TraceStorage

/// Everything that is derived from spans, as those see it who show it.
struct DerivedMetrics: Sendable {
    let red: REDMetrics
    let genAI: GenAIMetrics
    let feeder: DerivationFeeder
    /// Where the journal ended when it was opened.
    let replayEnd: JournalPosition

    /// Whether what the journal held at the start is counted; before it counters would be seen to fall.
    var isReady: Bool { feeder.hasPassed(replayEnd) }

    /// When counting began, unix nanoseconds; 0 before the first span. It survives restarts.
    var startTime: UInt64 { red.snapshot().startTime }

    /// Writes all families.
    func write(to writer: inout some MetricWriter) {
        let now = feeder.countedUntil
        red.snapshot(now: now).write(to: &writer)
        genAI.snapshot(now: now).write(to: &writer)
    }
}
