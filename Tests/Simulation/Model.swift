import OTLP
import TraceStorage
import TraceStorageConformance

/// What a collector promised: every acknowledged span once, and nothing that was never sent.
struct Model {
    /// One request that was sent, however often.
    struct Request {
        let batch: SpanBatch
        let spans: [SpanDescription]
        /// When it was first sent, in unix nanoseconds.
        let receivedAt: UInt64
        var isAcknowledged = false
    }

    private(set) var requests: [Request] = []
    /// The latest time for which retention was asked for.
    private(set) var now: UInt64 = 0
    let retentionAge: UInt64

    init(retentionAge: UInt64) {
        self.retentionAge = retentionAge
    }

    /// Notes a request that is about to be sent for the first time, and gives its number.
    mutating func send(_ batch: SpanBatch, at receivedAt: UInt64) -> Int {
        let spans = batch.spans.indices.map { SpanDescription(batch, row: $0) }
        requests.append(Request(batch: batch, spans: spans, receivedAt: receivedAt))
        return requests.count - 1
    }

    mutating func acknowledge(_ request: Int) { requests[request].isAcknowledged = true }

    mutating func maintain(now: UInt64) { self.now = max(self.now, now) }

    /// Whether retention may not have deleted the request yet.
    private func mustBeKept(_ request: Request) -> Bool {
        request.isAcknowledged && request.receivedAt &+ retentionAge >= now
    }

    var traces: Set<TraceID> { Set(requests.flatMap { $0.spans.map(\.traceID) }) }

    /// Spans that must be there, and those that may; by trace.
    func spans() -> (must: [TraceID: Set<SpanDescription>], may: [TraceID: Set<SpanDescription>]) {
        var must: [TraceID: Set<SpanDescription>] = [:]
        var may: [TraceID: Set<SpanDescription>] = [:]
        for request in requests {
            let isKept = mustBeKept(request)
            for span in request.spans {
                may[span.traceID, default: []].insert(span)
                if isKept { must[span.traceID, default: []].insert(span) }
            }
        }
        return (must, may)
    }

    /// Stores that look at every span: of what must be there, and of what may.
    func stores() throws -> (must: InMemoryStore, may: InMemoryStore) {
        let must = InMemoryStore()
        let may = InMemoryStore()
        for (index, request) in requests.enumerated() {
            let stored = StoredBatch(
                batch: request.batch, position: JournalPosition(UInt64(index + 1)), receivedAt: request.receivedAt)
            try may.append(stored)
            if mustBeKept(request) { try must.append(stored) }
        }
        return (must, may)
    }
}
