import OTLP

/// The ids of the spans of a trace and of their parents, by row of the batch.
struct SpanIdentities {
    private(set) var ids: [SpanID]
    private(set) var parents: [SpanID]

    /// As they were sent.
    init(of batch: SpanBatch) {
        ids = batch.spans.map(\.spanID)
        parents = batch.spans.map(\.parentSpanID)
    }

    /// With an id of its own for each server span that shares the id of its client, as Zipkin's do: the client becomes
    /// its parent, and children of the shared id become its children.
    init(separating batch: SpanBatch) {
        self.init(of: batch)
        let clients = Set(batch.spans.lazy.filter { $0.kind == JaegerKind.client.number }.map(\.spanID))
        var used = Set<SpanID>()
        var replacements: [SpanID: SpanID] = [:]
        for (row, span) in batch.spans.enumerated()
        where span.kind == JaegerKind.server.number && clients.contains(span.spanID) {
            if used.isEmpty { used = Set(ids) }
            let id = Self.unused(in: used, after: replacements.count)
            used.insert(id)
            replacements[span.spanID] = id
            ids[row] = id
            parents[row] = span.spanID
        }
        guard !replacements.isEmpty else { return }
        for row in ids.indices {
            if let id = replacements[parents[row]], id != ids[row], batch.spans[row].parentSpanID == parents[row] {
                parents[row] = id
            }
        }
    }

    /// The smallest id that is free, so that an answer given twice is the same.
    private static func unused(in used: Set<SpanID>, after count: Int) -> SpanID {
        var candidate = UInt64(count) + 1
        while used.contains(SpanID(candidate)) { candidate += 1 }
        return SpanID(candidate)
    }
}
