import Synchronization

/// How the spans of a tracer fared, as counts since its start.
public struct TracingStatistics: Sendable, Equatable {
    /// Spans that ended and were sampled.
    public var ended: UInt64 = 0
    /// Spans that the receiver accepted.
    public var exported: UInt64 = 0
    /// Spans dropped because the queue was full.
    public var droppedQueueFull: UInt64 = 0
    /// Spans dropped because the export failed for good or did not succeed in time.
    public var droppedExportFailed: UInt64 = 0
    /// Spans dropped because they ended after the shutdown or did not fit into its time.
    public var droppedShutdown: UInt64 = 0
    /// Spans that the receiver refused in an answer of partial success.
    public var rejectedByReceiver: UInt64 = 0
    /// Changes to a span that came after its end and were ignored.
    public var writesAfterEnd: UInt64 = 0

    /// All counts zero.
    public init() {}
}

/// The counters behind ``TracingStatistics``.
final class TracingCounters: Sendable {
    private let lateWrites = Atomic<UInt64>(0)
    private let counts = Mutex(TracingStatistics())

    func countWriteAfterEnd() {
        lateWrites.wrappingAdd(1, ordering: .relaxed)
    }

    /// Adds to the counts of a batch; called for batches and drops, not for each span.
    func update(_ body: (inout TracingStatistics) -> Void) {
        counts.withLock { body(&$0) }
    }

    var snapshot: TracingStatistics {
        var snapshot = counts.withLock { $0 }
        snapshot.writesAfterEnd = lateWrites.load(ordering: .relaxed)
        return snapshot
    }
}
