import Skein
import Tracing

private func otlp() throws {
    let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway") { configuration in
        configuration.otlp.endpoint = "https://collector.example.com/v1/traces"
        configuration.otlp.headers = [OTLPOptions.Header("authorization", "Bearer \(token)")]
        configuration.otlp.compression = .gzip
        configuration.otlp.certificateFile = "/etc/gateway/ca.pem"
        configuration.otlp.proxy = "http://proxy:3128"
    }
    _ = telemetry
}

private let token = ""

private func console() throws {
    let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway") { configuration in
        configuration.exporters = [.otlp, .console]
    }
    _ = telemetry
}

/// Puts every batch into a bucket, as the OTLP request it is.
struct BucketExporter: SpanExporter {
    func export(_ batch: ExportBatch, within window: ExportWindow) -> ExportResult {
        bucket.upload(batch.request) ? .success() : .retryable("the bucket does not answer")
    }

    func shutdown() {}
}

private func useOwnExporter() throws {
    let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway") { configuration in
        configuration.exporters = [.otlp, .custom(BucketExporter())]
    }
    _ = telemetry
}

private func batches() throws {
    let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway") { configuration in
        configuration.batch.overflow = .dropOldest
        configuration.batch.maxQueueBytes = 64 << 20
        configuration.batch.retryTimeout = .seconds(600)
        configuration.batch.spill = SpillOptions(directory: "/var/spool/gateway/spans", bytesMax: 1 << 30)
        configuration.shutdownTimeout = .seconds(5)
    }
    _ = telemetry
}

private func freeze(telemetry: SkeinTracing) async {
    let isComplete = await telemetry.flush(timeout: .seconds(2))
    _ = isComplete
}

private func statistics(telemetry: SkeinTracing) {
    let spans = telemetry.statistics
    let lost = spans.droppedQueueFull + spans.droppedExportFailed + spans.droppedShutdown
    print("\(spans.ended) ended, \(spans.exported) sent, \(spans.queued + spans.inFlight) wait, \(lost) lost")
}

/// Marks spans with the build they come from, and reports slow ones.
struct BuildProcessor: SpanProcessor {
    func onStart(_ span: SkeinSpan, parent: ServiceContext) {
        span.record("build.revision", "4f1c9d")
    }

    func onEnd(_ span: borrowing FinishedSpan) {
        let nanoseconds = span.endNanoseconds - span.startNanoseconds
        if nanoseconds > 5_000_000_000 { print("\(span.name) took \(nanoseconds / 1_000_000) ms") }
    }
}

private func useProcessor() throws {
    let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway") { configuration in
        configuration.processors.append(BuildProcessor())
    }
    _ = telemetry
}
