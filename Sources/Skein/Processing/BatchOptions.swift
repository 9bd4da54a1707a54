/// How spans are collected before they are sent.
public struct BatchOptions: Sendable, Equatable {
    /// Spans that may wait; further ones are dropped and counted. The batch that is being sent does not count.
    public var maxQueueSize = 2048
    /// Spans of one request; a batch of this size is sent at once.
    public var maxExportBatchSize = 512
    /// The longest a span waits for its batch to fill.
    public var scheduleDelay: Duration = .seconds(5)
    /// The longest the sending of one batch may take, retries included; past it the batch is dropped and counted.
    public var exportTimeout: Duration = .seconds(30)

    /// OpenTelemetry's defaults.
    public init() {}

    /// The same with sizes of at least 1 and a batch no larger than the queue.
    var validated: BatchOptions {
        var options = self
        options.maxQueueSize = max(1, maxQueueSize)
        options.maxExportBatchSize = min(max(1, maxExportBatchSize), options.maxQueueSize)
        options.scheduleDelay = max(.zero, scheduleDelay)
        options.exportTimeout = max(.milliseconds(1), exportTimeout)
        return options
    }
}
