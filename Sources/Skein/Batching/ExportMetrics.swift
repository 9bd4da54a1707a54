import CoreMetrics
import Synchronization

/// What one exporter tells swift-metrics, under the names of OpenTelemetry's conventions for SDKs.
final class ExportMetrics: Sendable {
    struct Instruments: Sendable {
        /// Spans that the receiver took.
        let exported: Counter
        /// Spans that the receiver took out of a request and refused.
        let rejected: Counter
        /// Spans given up because their export failed.
        let failed: Counter
        /// Spans that a shutdown had no time for.
        let shutdown: Counter
        /// Spans dropped because the queue was full.
        let queueFull: Counter
        /// One attempt to export.
        let duration: CoreMetrics.Timer

        fileprivate init(_ exporterName: String) {
            let component = [("otel.component.type", exporterName)]
            func exported(_ errorType: String) -> Counter {
                Counter(
                    label: "otel.sdk.exporter.span.exported", dimensions: component + [("error.type", errorType)])
            }
            self.exported = Counter(label: "otel.sdk.exporter.span.exported", dimensions: component)
            rejected = exported("rejected")
            failed = exported("export_failed")
            shutdown = exported("shutdown")
            queueFull = Counter(
                label: "otel.sdk.processor.span.processed",
                dimensions: [("otel.component.type", "batching_span_processor"), ("error.type", "queue_full")])
            duration = CoreMetrics.Timer(label: "otel.sdk.exporter.operation.duration", dimensions: component)
        }
    }

    private let exporterName: String
    private let instruments = Mutex<Instruments?>(nil)

    init(exporterName: String) {
        self.exporterName = exporterName
    }

    /// Made at first use, so that a metrics system that is bootstrapped after tracing is used too.
    var all: Instruments {
        instruments.withLock { instruments in
            if let instruments { return instruments }
            let made = Instruments(exporterName)
            instruments = made
            return made
        }
    }
}
