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
        var waiters: [Int: Waiter] = [:]
        var lastWaiter = 0
        /// Waiters that were given up before they began to wait.
        var cancelled: Set<Int> = []
    }

    private struct Waiter {
        let count: Int
        let continuation: CheckedContinuation<Bool, Never>
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

    /// The spans that are as expected, in the order in which they ended.
    public func spans(matching expectation: SpanExpectation) -> [RecordedSpan] {
        spans.filter { expectation.matches($0) }
    }

    /// The spans as trees.
    public var tree: SpanTree { SpanTree(spans) }

    /// Waits until at least `count` spans have arrived and returns all of them, for spans that come through a batch
    /// processor or from another task. Nothing is polled.
    ///
    /// - Throws: ``SpanWaitError`` when `timeout` passes first or the task is cancelled; its text shows what is there.
    @discardableResult
    public func waitForSpans(count: Int, timeout: Duration = .seconds(10)) async throws -> [RecordedSpan] {
        let (id, enough) = state.withLock { state in
            state.lastWaiter += 1
            return (state.lastWaiter, state.spans.count >= count)
        }
        if enough { return spans }
        let clock = Task {
            try await Task.sleep(for: timeout)
            giveUp(id)
        }
        defer { clock.cancel() }
        let isThere = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in wait(id, count, continuation) }
        } onCancel: {
            giveUp(id)
        }
        let spans = spans
        guard isThere || spans.count >= count else { throw SpanWaitError(expectedCount: count, spans: spans) }
        return spans
    }

    private func wait(_ id: Int, _ count: Int, _ continuation: CheckedContinuation<Bool, Never>) {
        let decided: Bool? = state.withLock { state in
            if state.spans.count >= count { return true }
            if state.cancelled.remove(id) != nil { return false }
            state.waiters[id] = Waiter(count: count, continuation: continuation)
            return nil
        }
        if let decided { continuation.resume(returning: decided) }
    }

    private func giveUp(_ id: Int) {
        let waiter = state.withLock { state in
            let waiter = state.waiters.removeValue(forKey: id)
            if waiter == nil { state.cancelled.insert(id) }
            return waiter
        }
        waiter?.continuation.resume(returning: false)
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
        let ready = state.withLock { state in
            state.spans += spans
            state.batchSizes.append(batch.recordCount)
            let count = state.spans.count
            let ready = state.waiters.filter { $0.value.count <= count }
            for id in ready.keys { state.waiters[id] = nil }
            return ready
        }
        for waiter in ready.values { waiter.continuation.resume(returning: true) }
        return spans.count == batch.recordCount ? .success() : .failure("batch cannot be read back")
    }

    /// Notes that no more batches come.
    public func shutdown() {
        state.withLock { $0.isShutDown = true }
    }
}

/// The spans that a test waited for did not come.
public struct SpanWaitError: Error, Sendable, CustomStringConvertible {
    /// How many were waited for.
    public let expectedCount: Int
    /// Those that did come.
    public let spans: [RecordedSpan]

    /// How many came, and which.
    public var description: String {
        let outline = spans.isEmpty ? "" : ":\n\(SpanTree(spans).outline)"
        return "\(spans.count) spans arrived, expected \(expectedCount)\(outline)"
    }
}
