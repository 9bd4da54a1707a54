import OTLP

/// Puts spans of any batches together into one batch, in the order of the calls, each span once.
///
/// A span is passed over when one with the same canonical bytes, resource and scope was taken before; two spans with
/// one id and different content both stay.
package struct SpanCollector {
    private struct Taken {
        let span: [UInt8]
        let scope: Int
    }

    private var writer = WireWriter()
    /// Spans since the last change of scope, as fields of a `ScopeSpans`.
    private var run = WireWriter()
    private var runScope = -1
    private var scopes = ScopeNumbers()
    private var taken: [SpanID: [Taken]] = [:]
    /// Spans taken so far.
    package private(set) var count = 0
    /// About how many bytes of memory they take, the batch that they become included: each span is kept to be compared
    /// with, written, and indexed again.
    package private(set) var memoryBytes = 0

    package init() {}

    /// The number of a batch's scope for ``append(span:id:scope:)``; scopes with equal headers have one number.
    package mutating func number(of scope: ScopeRow, in batch: SpanBatch) -> Int {
        scopes.number(of: batch.header(with: scope))
    }

    /// Takes one span, given in its canonical form.
    package mutating func append(span: [UInt8], id: SpanID, scope: Int) {
        if let same = taken[id], same.contains(where: { $0.scope == scope && $0.span == span }) { return }
        taken[id, default: []].append(Taken(span: span, scope: scope))
        if scope != runScope {
            endRun()
            runScope = scope
        }
        run.bytes(2, span)
        count += 1
        memoryBytes += 3 * span.count + 256
    }

    /// Takes some spans of a batch.
    package mutating func append(_ batch: SpanBatch, rows: some Sequence<Int>) {
        var last: (row: UInt32, scope: Int)?
        for row in rows {
            let span = batch.spans[row]
            if last?.row != span.scope { last = (span.scope, number(of: batch.scope(of: span), in: batch)) }
            guard let last else { continue }
            append(span: batch.canonicalSpan(row), id: span.spanID, scope: last.scope)
        }
    }

    /// The batch; nil when no span was taken.
    package mutating func finish() throws(WireError) -> SpanBatch? {
        endRun()
        guard count > 0 else { return nil }
        return try StoredSpans.decode(writer.takeBytes())
    }

    private mutating func endRun() {
        guard runScope >= 0, !run.bytes.isEmpty else { return }
        let spans = run.takeBytes()
        scopes.headers[runScope].write(to: &writer) { $0.raw(spans) }
    }
}

extension SpanBatch {
    /// All spans of some batches as one batch, each once; see ``SpanCollector``.
    package static func combining(_ batches: [SpanBatch]) throws(WireError) -> SpanBatch {
        var collector = SpanCollector()
        for batch in batches { collector.append(batch, rows: batch.spans.indices) }
        return try collector.finish() ?? .empty
    }
}
