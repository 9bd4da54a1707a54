/// How the spans of a tracer fared, as counts since its start. With several exporters each counts a span of its own;
/// only `started` and `ended` count it once.
public struct TracingStatistics: Sendable, Equatable {
    /// Spans that were started and sampled, in this process: a child of `fork` begins at zero. The difference to
    /// ``ended`` is those that are open or will never end.
    public var started: UInt64 = 0
    /// Spans that ended and were sampled.
    public var ended: UInt64 = 0
    /// Spans that wait to be sent.
    public var queued = 0
    /// Spans of the batch that is being sent, or was not taken and is sent again. Those of an exporter that ignores its
    /// time at a shutdown stay here: nobody knows what became of them.
    public var inFlight = 0
    /// Spans that wait on disk, those of earlier processes included.
    public var spilled = 0
    /// Spans that the receiver accepted.
    public var exported: UInt64 = 0
    /// Spans dropped because the queue was full.
    public var droppedQueueFull: UInt64 = 0
    /// Spans dropped because the export failed for good or did not succeed in time.
    public var droppedExportFailed: UInt64 = 0
    /// Spans dropped because they ended after the shutdown or did not fit into its time.
    public var droppedShutdown: UInt64 = 0
    /// Attempts to send a batch that were repeated later.
    public var retries: UInt64 = 0
    /// Spans that the receiver refused in an answer of partial success.
    public var rejectedByReceiver: UInt64 = 0
    /// Changes to a span that came after its end and were ignored.
    public var writesAfterEnd: UInt64 = 0

    /// All counts zero.
    public init() {}
}
