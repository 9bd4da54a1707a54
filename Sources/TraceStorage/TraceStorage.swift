import OTLP

/// One accepted request on its way into a store.
package struct StoredBatch: Sendable {
    package let batch: SpanBatch
    /// Its record in the journal.
    package let position: JournalPosition
    /// When the collector took it, in unix nanoseconds.
    package let receivedAt: UInt64
    package let tenant: TenantID

    package init(batch: SpanBatch, position: JournalPosition, receivedAt: UInt64, tenant: TenantID = .default) {
        self.batch = batch
        self.position = position
        self.receivedAt = receivedAt
        self.tenant = tenant
    }
}

/// Why a store could not do what was asked.
package enum StorageError: Error, Sendable, Hashable {
    /// The directory, a file or the disk refused; `message` names the path and the reason.
    case io(message: String)
    /// The disk is full; nothing was lost, the same call may succeed later.
    case full(message: String)
    /// Stored data does not check; `message` names the file and what was expected.
    case corrupt(message: String)
    /// A query ran into one of its limits, or has a condition that cannot be evaluated, such as a regular expression
    /// that is none.
    case limitExceeded(message: String)
    /// The query's client went away, or its time ran out.
    case cancelled
}

extension StorageError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .io(let message), .full(let message), .corrupt(let message), .limitExceeded(let message): message
        case .cancelled: "the query was stopped: its client went away or its time ran out"
        }
    }
}

/// The side of a store that the journal's reader feeds. Calls come from one thread, in the order of positions.
package protocol TraceWriter: AnyObject, Sendable {
    /// Everything up to this position is durable in the store itself, so that the journal may forget it.
    var durablePosition: JournalPosition { get }

    /// Makes spans searchable. A batch at or before a position that was taken already is passed over, so that a replay
    /// doubles nothing.
    func append(_ batch: StoredBatch) throws(StorageError)

    /// Does what is due at `now` (unix nanoseconds): seals what is old or large enough, deletes what is past retention.
    func maintain(now: UInt64) throws(StorageError)

    /// Makes all that was appended durable.
    func flush() throws(StorageError)
}

/// An operation of a service.
package struct Operation: Hashable, Sendable {
    package let name: String
    /// `SpanKind` as sent.
    package let kind: Int32

    package init(name: String, kind: Int32) {
        self.name = name
        self.kind = kind
    }
}

/// The side of a store that queries use.
///
/// Calls block on file reads and run on a thread made for that, never on an event loop or the cooperative pool; any
/// number may run at once, while a writer writes. Answers contain every span appended before the call and each only
/// once, also across the moment at which it moves from memory to a block. Spans equal in every byte, resource and scope
/// included, count as one: always in a trace; in the other answers where the second came within a number of spans that
/// the store remembers, which its documentation names.
package protocol TraceReader: AnyObject, Sendable {
    /// All spans of a trace as one batch, in the order of arrival; nil when there is none.
    func trace(_ id: TraceID, tenant: TenantID, context: QueryContext) throws(StorageError) -> SpanBatch?

    /// Hands each of some traces to `body`, in their order, until it returns false: as ``trace(_:tenant:context:)``, and
    /// less work where spans of several lie together.
    ///
    /// - Parameter parts: what is wanted of the spans, nil for all. Spans whose wanted parts are equal may count as one.
    func traces(
        _ ids: [TraceID], tenant: TenantID, parts: SpanParts?, context: QueryContext,
        _ body: (TraceID, SpanBatch?) throws(StorageError) -> Bool
    ) throws(StorageError)

    /// Evaluates a plan over all spans and hands the rows that match to `body`, some at a time and in no particular
    /// order, until it returns false. The calls of `body` come one after the other, on the calling thread; a store that
    /// has the newest spans at hand first says so in ``ScanRows/laterStartMax``.
    func scan(_ plan: ScanPlan, context: QueryContext, _ body: (ScanRows) -> Bool) throws(StorageError)

    /// Groups the spans that a plan selects and sums up numbers of each group. Spans looked at are no rows of an answer:
    /// only the context's memory and time bound how many they are.
    func aggregate(_ plan: AggregationPlan, context: QueryContext) throws(StorageError) -> AggregationResult

    /// The names of all services with a span in the range, sorted.
    func services(in range: TimeRange, tenant: TenantID, context: QueryContext) throws(StorageError) -> [String]

    /// The operations of a service with a span in the range, sorted by name, then kind.
    func operations(
        of service: String, in range: TimeRange, tenant: TenantID, context: QueryContext
    ) throws(StorageError) -> [Operation]

    /// How much is stored.
    func statistics() -> StorageStatistics
}

extension TraceReader {
    /// All of each trace; see ``traces(_:tenant:parts:context:_:)``.
    package func traces(
        _ ids: [TraceID], tenant: TenantID, context: QueryContext,
        _ body: (TraceID, SpanBatch?) throws(StorageError) -> Bool
    ) throws(StorageError) {
        try traces(ids, tenant: tenant, parts: nil, context: context, body)
    }

    /// One trace after the other and all of each, for readers that know no better way.
    package func traces(
        _ ids: [TraceID], tenant: TenantID, parts: SpanParts?, context: QueryContext,
        _ body: (TraceID, SpanBatch?) throws(StorageError) -> Bool
    ) throws(StorageError) {
        for id in ids {
            guard try body(id, try trace(id, tenant: tenant, context: context)) else { return }
        }
    }

    /// The answer by way of ``scan(_:context:_:)``, for readers that know no better one; the spans then count as rows.
    package func aggregate(_ plan: AggregationPlan, context: QueryContext) throws(StorageError) -> AggregationResult {
        var aggregator = try Aggregator(plan, context: context)
        var failure: StorageError?
        try scan(plan.scan, context: context) { rows in
            do throws(StorageError) {
                try aggregator.add(rows: rows)
                return true
            } catch {
                failure = error
                return false
            }
        }
        if let failure { throw failure }
        return aggregator.finish()
    }
}

/// How much a store holds.
package struct StorageStatistics: Sendable, Hashable {
    package var spans = 0
    package var liveSpans = 0
    package var blocks = 0
    package var diskBytes = 0
    /// Received-at of the oldest span still stored, in unix nanoseconds; nil for an empty store.
    package var oldestReceivedAt: UInt64?
    /// Received-at of the oldest span still stored when older ones were deleted, in unix nanoseconds; nil when nothing
    /// ever was.
    package var deletedBefore: UInt64?
    /// What was stored and cannot be read.
    package var gaps: [StorageGap] = []

    package init() {}

    /// Why an answer about spans that start in a range is not whole, one line each: parts that cannot be read.
    package func gapReasons(in range: TimeRange, tenant: TenantID) -> [String] {
        gaps.filter { ($0.tenant ?? tenant) == tenant && range.intersects(first: $0.startMin, last: $0.startMax) }
            .map(\.reason)
    }
}

/// Spans that were stored and cannot be read any more, as those of a damaged file.
package struct StorageGap: Sendable, Hashable {
    /// Nil where it is not known whose spans they are.
    package var tenant: TenantID?
    /// Between which times the spans start, both included, in unix nanoseconds.
    package var startMin: UInt64
    package var startMax: UInt64
    /// One line that names what is missing and why.
    package var reason: String

    package init(tenant: TenantID?, startMin: UInt64, startMax: UInt64, reason: String) {
        self.tenant = tenant
        self.startMin = startMin
        self.startMax = startMax
        self.reason = reason
    }
}
