/// How spans are collected before they are sent.
public struct BatchOptions: Sendable, Equatable {
    /// What happens to a span that ends while the queue is full.
    public enum Overflow: String, Sendable {
        /// It is dropped and counted.
        case dropNewest = "drop_newest"
        /// The spans that have waited longest are dropped and counted.
        case dropOldest = "drop_oldest"
        /// Whoever ends it waits for room. Nothing is lost while the receiver keeps up; a service may come to wait for
        /// its telemetry.
        case block
    }

    /// Memory for spans that wait, in bytes, at least 64 KiB; a span of five attributes takes 200 to 260. The default of
    /// 28 MiB holds some 110,000 of them, and a process that fills it stays under 64 MiB.
    public var maxQueueBytes = 28 << 20
    /// Spans that may wait; nil leaves ``maxQueueBytes`` as the only bound.
    public var maxQueueSize: Int?
    /// What happens when a bound is reached.
    public var overflow = Overflow.dropNewest
    /// Spans of one request; a batch of this size is sent at once.
    public var maxExportBatchSize = 512
    /// The longest a span waits for its batch to fill.
    public var scheduleDelay: Duration = .seconds(5)
    /// The longest one attempt to send a batch may take.
    public var exportTimeout: Duration = .seconds(30)
    /// How long a batch is sent again, as long as the receiver cannot be reached or asks for patience, from its first
    /// attempt on; past it the batch is dropped and counted, or goes to disk where there is a place for it. Meanwhile
    /// the others wait in the queue, within its bounds. What is on disk has no such time.
    public var retryTimeout: Duration = .seconds(300)
    /// Where batches wait on disk while the receiver is away and the queue is full; nil means nowhere.
    public var spill: SpillOptions?

    /// OpenTelemetry's defaults, but for the queue, which is bounded by its bytes.
    public init() {}

    /// One of the smallest chunks for each group of threads.
    static let maxQueueBytesMin = 64 << 10

    /// The same with sizes of at least 1 and a batch no larger than the queue.
    var validated: BatchOptions {
        var options = self
        options.maxQueueBytes = max(Self.maxQueueBytesMin, maxQueueBytes)
        options.maxQueueSize = maxQueueSize.map { max(1, $0) }
        options.maxExportBatchSize = min(max(1, maxExportBatchSize), options.maxQueueSize ?? .max)
        options.scheduleDelay = max(.zero, scheduleDelay)
        options.exportTimeout = max(.milliseconds(1), exportTimeout)
        return options
    }
}
