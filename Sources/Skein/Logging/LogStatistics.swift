/// How the lines that reached ``OTLPLogHandler``s fared, as counts since their start. With several exporters each counts
/// a record of its own; only `recorded` counts it once.
public struct LogStatistics: Sendable, Equatable {
    /// Lines that became log records.
    public var recorded: UInt64 = 0
    /// Records that wait to be sent.
    public var queued = 0
    /// Records of the batch that is being sent, or was not taken and is sent again.
    public var inFlight = 0
    /// Records that wait on disk, those of earlier processes included.
    public var spilled = 0
    /// Records that the receiver accepted.
    public var exported: UInt64 = 0
    /// Records dropped because the queue was full.
    public var droppedQueueFull: UInt64 = 0
    /// Records dropped because the export failed for good or did not succeed in time.
    public var droppedExportFailed: UInt64 = 0
    /// Records dropped because they came after the shutdown or did not fit into its time.
    public var droppedShutdown: UInt64 = 0
    /// Lines dropped, before they became records, because the thread that exports log records logged them.
    public var droppedWhileExporting: UInt64 = 0
    /// Lines thrown away because there is no exporter.
    public var discarded: UInt64 = 0
    /// Attempts to send a batch that were repeated later.
    public var retries: UInt64 = 0
    /// Records that the receiver refused in an answer of partial success.
    public var rejectedByReceiver: UInt64 = 0

    /// All counts zero.
    public init() {}
}
