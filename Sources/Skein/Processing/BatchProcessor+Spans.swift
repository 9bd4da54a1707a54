extension BatchProcessor {
    /// Adds a finished span, encoded. The processor frames its records with a ``SpanFraming``.
    @inline(__always)
    func append(_ span: borrowing FinishedSpan) {
        let messageSize = span.messageSize
        append(fieldSize(messageSize)) { span.write(messageSize, to: &$0) }
    }

    /// Adds what became of the spans; `ended` is the same for all processors.
    func addCounts(to statistics: inout TracingStatistics) {
        let counts = self.statistics
        statistics.ended = counts.received
        statistics.queued += counts.queued
        statistics.inFlight += counts.inFlight
        statistics.exported += counts.exported
        statistics.retries += counts.retries
        statistics.rejectedByReceiver += counts.rejected
        statistics.spilled += counts.spilled
        statistics.droppedQueueFull += counts.droppedQueueFull
        statistics.droppedExportFailed += counts.droppedExportFailed
        statistics.droppedShutdown += counts.droppedShutdown
    }
}
