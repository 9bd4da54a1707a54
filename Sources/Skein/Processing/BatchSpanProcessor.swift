/// Hands finished spans to a batch processor, encoded.
struct BatchSpanProcessor: SpanProcessor {
    private let processor: BatchProcessor

    /// - Parameter processor: frames its records with a ``SpanFraming``.
    init(_ processor: BatchProcessor) {
        self.processor = processor
    }

    @inline(__always)
    func onEnd(_ span: borrowing FinishedSpan) {
        let messageSize = span.messageSize
        processor.append(fieldSize(messageSize)) { span.write(messageSize, to: &$0) }
    }

    func forceFlush(timeout: Duration) -> Bool {
        processor.forceFlush(timeout: timeout)
    }

    func finish(timeout: Duration) {
        processor.finish(timeout: timeout)
    }

    func shutdown(timeout: Duration) async {
        await processor.shutdown(timeout: timeout)
    }

    /// Adds what became of the spans; `ended` is the same for all processors.
    func addCounts(to statistics: inout TracingStatistics) {
        let counts = processor.statistics
        statistics.ended = counts.received
        statistics.queued += counts.queued
        statistics.exported += counts.exported
        statistics.retries += counts.retries
        statistics.rejectedByReceiver += counts.rejected
        statistics.spilled += counts.spilled
        statistics.droppedQueueFull += counts.droppedQueueFull
        statistics.droppedExportFailed += counts.droppedExportFailed
        statistics.droppedShutdown += counts.droppedShutdown
    }
}
