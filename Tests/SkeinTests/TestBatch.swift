import CurlTransport
import Skein
import Synchronization
import Tracing

/// Batches as the batch processor hands them to an exporter.
enum TestBatch {
    private final class Catcher: SpanExporter {
        let batch = Mutex<ExportBatch?>(nil)
        func export(_ batch: ExportBatch, within window: ExportWindow) -> ExportResult {
            self.batch.withLock { $0 = batch }
            return .success()
        }
        func shutdown() {}
    }

    struct NoBatch: Error {}

    /// The spans that `body` ends, as one batch.
    static func make(
        configure: (inout TracingConfiguration) -> Void = { _ in }, _ body: (SkeinTracer) -> Void
    ) async throws -> ExportBatch {
        let catcher = Catcher()
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.exporters = [.custom(catcher)]
        configure(&configuration)
        let tracing = try SkeinTracing(configuration)
        body(tracing.tracer)
        await tracing.shutdown()
        guard let batch = catcher.batch.withLock({ $0 }) else { throw NoBatch() }
        return batch
    }
}

extension SpanExporter {
    /// Exports on a thread of its own: an exporter blocks, and a task must not.
    func exportOnThread(_ batch: ExportBatch, window: Duration = .seconds(30)) async -> ExportResult {
        await withCheckedContinuation { continuation in
            let isStarted = DetachedThread.start {
                continuation.resume(returning: export(batch, within: ExportWindow(window)))
            }
            if !isStarted { continuation.resume(returning: .failure("no thread")) }
        }
    }
}
