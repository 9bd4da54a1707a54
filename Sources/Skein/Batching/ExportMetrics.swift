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
        /// Records that came in and found room; those dropped later for newer ones are among them.
        let accepted: Counter
        /// Recorded spans as they start.
        let started: Counter
        /// Records that wait in memory.
        let queued: Gauge
        /// How many may wait, where their number is bounded.
        let queueCapacity: Gauge
        /// Memory of the records that wait, and how much it may be. OpenTelemetry has no name for these.
        let queuedBytes: Gauge
        let queueCapacityBytes: Gauge
        /// One attempt to export.
        let duration: CoreMetrics.Timer

        fileprivate init(_ records: RecordKind, _ exporterName: String, _ factory: any MetricsFactory) {
            let kind = records.metricName
            let component = [("otel.component.type", exporterName)]
            func exported(_ errorType: String) -> Counter {
                Counter(
                    label: "otel.sdk.exporter.\(kind).exported", dimensions: component + [("error.type", errorType)],
                    factory: factory)
            }
            self.exported = Counter(
                label: "otel.sdk.exporter.\(kind).exported", dimensions: component, factory: factory)
            rejected = exported("rejected")
            failed = exported("export_failed")
            shutdown = exported("shutdown")
            let processor = [("otel.component.type", "batching_\(kind)_processor")]
            accepted = Counter(label: "otel.sdk.processor.\(kind).processed", dimensions: processor, factory: factory)
            queueFull = Counter(
                label: "otel.sdk.processor.\(kind).processed",
                dimensions: processor + [("error.type", "queue_full")], factory: factory)
            started = Counter(
                label: "otel.sdk.span.started", dimensions: [("otel.span.sampling_result", "RECORD_AND_SAMPLE")],
                factory: factory)
            queued = Gauge(label: "otel.sdk.processor.\(kind).queue.size", dimensions: processor, factory: factory)
            queueCapacity = Gauge(
                label: "otel.sdk.processor.\(kind).queue.capacity", dimensions: processor, factory: factory)
            queuedBytes = Gauge(
                label: "skein.sdk.processor.\(kind).queue.bytes", dimensions: processor, factory: factory)
            queueCapacityBytes = Gauge(
                label: "skein.sdk.processor.\(kind).queue.capacity_bytes", dimensions: processor, factory: factory)
            duration = CoreMetrics.Timer(
                label: "otel.sdk.exporter.operation.duration", dimensions: component, factory: factory)
        }
    }

    private let records: RecordKind
    private let exporterName: String
    private let factory: @Sendable () -> any MetricsFactory
    private let instruments = Mutex<Instruments?>(nil)

    init(_ records: RecordKind, exporterName: String, factory: @escaping @Sendable () -> any MetricsFactory) {
        self.records = records
        self.exporterName = exporterName
        self.factory = factory
    }

    /// Made at first use, so that a metrics system that is bootstrapped after tracing is used too.
    var all: Instruments {
        instruments.withLock { instruments in
            if let instruments { return instruments }
            let made = Instruments(records, exporterName, factory())
            instruments = made
            return made
        }
    }
}
