import CoreMetrics
import Synchronization

/// What one exporter tells swift-metrics, under the names of OpenTelemetry's conventions for SDKs.
final class ExportMetrics: Sendable {
    struct Instruments: Sendable {
        /// Records that the receiver took.
        let exported: Counter
        /// Records that the receiver took out of a request and refused.
        let rejected: Counter
        /// Records given up because their export failed.
        let failed: Counter
        /// Records that a shutdown had no time for.
        let shutdown: Counter
        /// Records dropped because the queue was full.
        let queueFull: Counter
        /// One attempt to export.
        let duration: CoreMetrics.Timer

        fileprivate init(_ records: RecordKind, _ exporterName: String) {
            let kind = records.metricName
            let component = [("otel.component.type", exporterName)]
            func exported(_ errorType: String) -> Counter {
                Counter(
                    label: "otel.sdk.exporter.\(kind).exported", dimensions: component + [("error.type", errorType)])
            }
            self.exported = Counter(label: "otel.sdk.exporter.\(kind).exported", dimensions: component)
            rejected = exported("rejected")
            failed = exported("export_failed")
            shutdown = exported("shutdown")
            queueFull = Counter(
                label: "otel.sdk.processor.\(kind).processed",
                dimensions: [("otel.component.type", "batching_\(kind)_processor"), ("error.type", "queue_full")])
            duration = CoreMetrics.Timer(label: "otel.sdk.exporter.operation.duration", dimensions: component)
        }
    }

    private let records: RecordKind
    private let exporterName: String
    private let instruments = Mutex<Instruments?>(nil)

    init(_ records: RecordKind, exporterName: String) {
        self.records = records
        self.exporterName = exporterName
    }

    /// Made at first use, so that a metrics system that is bootstrapped after tracing is used too.
    var all: Instruments {
        instruments.withLock { instruments in
            if let instruments { return instruments }
            let made = Instruments(records, exporterName)
            instruments = made
            return made
        }
    }
}
