/// Exports every span the moment it ends, on the thread that ends it. For tests and development.
final class SimpleSpanProcessor: SpanProcessor {
    private let framing: SpanFraming
    private let exporter: any SpanExporter
    private let counters: TracingCounters

    init(framing: SpanFraming, exporter: any SpanExporter, counters: TracingCounters) {
        self.framing = framing
        self.exporter = exporter
        self.counters = counters
    }

    func onEnd(_ span: FinishedSpan) {
        let chunk = SpanChunk()
        chunk.append(span)
        let result = exporter.export(chunk.batch(framing), within: ExportWindow(.seconds(30)))
        counters.update { counts in
            counts.ended += 1
            switch result {
            case .success(let rejected, _):
                counts.exported += rejected > 0 ? 0 : 1
                counts.rejectedByReceiver += rejected > 0 ? 1 : 0
            case .failure, .retryable: counts.droppedExportFailed += 1
            }
        }
    }

    func forceFlush(timeout: Duration) -> Bool { true }

    func flush() async {}

    func addCounts(to statistics: inout TracingStatistics) {}

    func shutdown(timeout: Duration) async {
        exporter.shutdown()
    }
}
