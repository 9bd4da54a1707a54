import Skein
import Synchronization

/// Keeps the spans it is given, read back from their OTLP bytes.
///
/// ```swift
/// let exporter = InMemorySpanExporter()
/// let tracer = exporter.tracer()
/// tracer.withSpan("answer") { $0.attributes["length"] = 42 }
/// #expect(exporter.spans(named: "answer").first?.attributes["length"] == .int(42))
/// ```
public final class InMemorySpanExporter: SpanExporter {
    private struct State {
        var spans: [RecordedSpan] = []
        var batchSizes: [Int] = []
        var isShutDown = false
    }

    private let state = Mutex(State())

    /// An exporter without spans.
    public init() {}

    /// A tracer that brings every span here the moment it ends. It reads nothing from the environment.
    ///
    /// - Parameter configure: changes OpenTelemetry's defaults.
    public func tracer(configure: (inout TracingConfiguration) -> Void = { _ in }) -> SkeinTracer {
        var configuration = TracingConfiguration(environment: { _ in nil })
        configure(&configuration)
        return SkeinTracing.immediate(self, configuration)
    }

    /// All spans, in the order in which they ended.
    public var spans: [RecordedSpan] { state.withLock { $0.spans } }

    /// How many spans each batch had, in order.
    public var batchSizes: [Int] { state.withLock { $0.batchSizes } }

    /// Whether the exporter was shut down.
    public var isShutDown: Bool { state.withLock { $0.isShutDown } }

    /// The spans with that name, in the order in which they ended.
    public func spans(named name: String) -> [RecordedSpan] {
        spans.filter { $0.name == name }
    }

    /// Forgets all spans.
    public func removeAll() {
        state.withLock { state in
            state.spans = []
            state.batchSizes = []
        }
    }

    /// Reads the batch and keeps its spans.
    public func export(_ batch: ExportBatch, within window: ExportWindow) -> ExportResult {
        let spans = RecordedSpan.spans(inRequest: batch.request)
        state.withLock { state in
            state.spans += spans
            state.batchSizes.append(batch.spanCount)
        }
        return spans.count == batch.spanCount ? .success() : .failure("batch cannot be read back")
    }

    /// Notes that no more batches come.
    public func shutdown() {
        state.withLock { $0.isShutDown = true }
    }
}
