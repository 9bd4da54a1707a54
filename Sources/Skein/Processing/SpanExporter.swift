/// Spans, or log records, ready to be sent.
public struct ExportBatch: Sendable {
    /// How many spans, or log records, there are.
    public let recordCount: Int
    /// A complete OTLP `ExportTraceServiceRequest`, or `ExportLogsServiceRequest`, in protobuf.
    public let request: [UInt8]
}

/// How an export ended.
public enum ExportResult: Sendable, Equatable {
    /// The receiver took the batch, but for `rejected` of it, and said why in `message`.
    case success(rejected: Int = 0, message: String = "")
    /// The batch was not taken, but may be when it is sent again: after the pause the receiver asked for, where it
    /// asked for one. The processor keeps it and decides when.
    case retryable(String, after: Duration? = nil)
    /// The batch is lost for good, for the reason given.
    case failure(String)
}

/// Sends batches of spans somewhere.
public protocol SpanExporter: Sendable {
    /// Tries once to send a batch and waits for the outcome, no longer than `window` is open. Called on a thread of its
    /// own, one batch after the other: it may block.
    func export(_ batch: ExportBatch, within window: ExportWindow) -> ExportResult

    /// Called once, after the last export.
    func shutdown()

    /// Called in the child process of a `fork`, before the child does anything else. What is shared with the parent,
    /// such as connections, is the parent's and may not be touched again.
    func didFork()
}

extension SpanExporter {
    /// Does nothing.
    public func didFork() {}
}
