import OTLP

/// The parent of a span about which nothing else is of interest.
struct SpanLink: Hashable, Sendable {
    var span: SpanID
    var parent: SpanID

    /// The parent of a span in links that are ordered by span; nil when it is not among them.
    ///
    /// - Complexity: O(log links).
    static func parent(of span: SpanID, in links: [SpanLink]) -> SpanID? {
        var low = 0
        var high = links.count
        while low < high {
            let middle = (low + high) / 2
            if links[middle].span.rawValue < span.rawValue { low = middle + 1 } else { high = middle }
        }
        guard low < links.count, links[low].span == span else { return nil }
        return links[low].parent
    }
}
