import Synchronization

/// Counts spans and throws them away: where there is no exporter.
final class DiscardingSpanProcessor: SpanProcessor {
    private let ended = Atomic<UInt64>(0)

    func onEnd(_ span: borrowing FinishedSpan) {
        ended.wrappingAdd(1, ordering: .relaxed)
    }

    /// Begins anew, in a child of `fork`.
    func reset() { ended.store(0, ordering: .relaxed) }

    var count: UInt64 { ended.load(ordering: .relaxed) }
}
