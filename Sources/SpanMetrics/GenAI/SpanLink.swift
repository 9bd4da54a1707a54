import OTLP

/// The parent of a span that is not about models or agents, and on whose behalf it worked.
struct SpanLink: Hashable, Sendable {
    var span: SpanID
    var parent: SpanID
    var conversation = TextNumber.none
    /// As of ``GenAISpan``.
    var attribution = AttributionValues.none

    /// Orders links by span.
    static func sort(_ links: inout [SpanLink]) {
        guard links.count > 1 else { return }
        links.withUnsafeMutableBufferPointer { $0.sortNearlySorted { $0.span.rawValue < $1.span.rawValue } }
    }

    /// A span's link in links that are ordered by span; nil when it is not among them.
    ///
    /// - Complexity: O(log links).
    static func find(_ span: SpanID, in links: [SpanLink]) -> SpanLink? {
        var low = 0
        var high = links.count
        while low < high {
            let middle = (low + high) / 2
            if links[middle].span.rawValue < span.rawValue { low = middle + 1 } else { high = middle }
        }
        guard low < links.count, links[low].span == span else { return nil }
        return links[low]
    }
}
