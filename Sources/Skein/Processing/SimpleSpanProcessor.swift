import Synchronization

/// Exports every span the moment it ends, on the thread that ends it. For tests and development.
final class SimpleSpanProcessor: SpanProcessor {
    private let framing: SpanFraming
    private let exporter: any SpanExporter
    private let counts = Mutex(TracingStatistics())

    init(framing: SpanFraming, exporter: any SpanExporter) {
        self.framing = framing
        self.exporter = exporter
    }

    func onEnd(_ span: borrowing FinishedSpan) {
        let result = exporter.export(span.batch(framing), within: ExportWindow(.seconds(30)))
        counts.withLock { counts in
            counts.ended += 1
            switch result {
            case .success(let rejected, _):
                counts.exported += rejected > 0 ? 0 : 1
                counts.rejectedByReceiver += rejected > 0 ? 1 : 0
            case .failure, .retryable: counts.droppedExportFailed += 1
            }
        }
    }

    func addCounts(to statistics: inout TracingStatistics) {
        statistics = counts.withLock { $0 }
    }

    func shutdown(timeout: Duration) async {
        exporter.shutdown()
    }
}
