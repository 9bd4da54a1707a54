import Skein
import SkeinTesting
import Synchronization

/// An exporter that holds every batch until the test lets it go.
final class GatedExporter: SpanExporter {
    private struct State {
        var batches: [ExportBatch] = []
        var isShutDown = false
        var waiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())
    private let isOpen = Mutex(false)
    private let result: @Sendable (Int) -> ExportResult

    init(isOpen: Bool = true, result: @autoclosure @escaping @Sendable () -> ExportResult = .success()) {
        self.result = { _ in result() }
        self.isOpen.withLock { $0 = isOpen }
    }

    /// - Parameter answer: the outcome of each batch, by its number from 0.
    init(answering answer: @escaping @Sendable (Int) -> ExportResult) {
        result = answer
        isOpen.withLock { $0 = true }
    }

    var spanCount: Int { state.withLock { $0.batches.reduce(0) { $0 + $1.recordCount } } }
    var spans: [RecordedSpan] { state.withLock { $0.batches.flatMap { RecordedSpan.spans(inRequest: $0.request) } } }
    /// Those of the batches from that number on.
    func spans(from batch: Int) -> [RecordedSpan] {
        requests.dropFirst(batch).flatMap { RecordedSpan.spans(inRequest: $0) }
    }

    var requests: [[UInt8]] { state.withLock { $0.batches.map(\.request) } }
    var batchSizes: [Int] { state.withLock { $0.batches.map(\.recordCount) } }
    var isShutDown: Bool { state.withLock { $0.isShutDown } }

    func open() { isOpen.withLock { $0 = true } }

    func arrived(batches count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.batches.count >= count { return true }
                state.waiters.append((count, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    func export(_ batch: ExportBatch, within window: ExportWindow) -> ExportResult {
        let (count, ready) = state.withLock { state in
            state.batches.append(batch)
            let count = state.batches.count
            defer { state.waiters.removeAll { $0.count <= count } }
            return (count, state.waiters.filter { $0.count <= count })
        }
        for waiter in ready { waiter.continuation.resume() }
        while !isOpen.withLock({ $0 }) {
            guard window.pause(for: .milliseconds(1)) else { return .failure("the window closed") }
        }
        return result(count - 1)
    }

    func shutdown() { state.withLock { $0.isShutDown = true } }
}
