import OTLP

/// The parent of a span that is not about models or agents, and on whose behalf it worked.
struct SpanLink: Hashable, Sendable {
    var span: SpanID
    var parent: SpanID
    var conversation = TextNumber.none
    /// As of ``GenAISpan``.
    var attribution = AttributionValues.none

    /// Links up to which nothing is faster than to insert one after the other.
    private static let insertionMax = 32

    /// Orders links by span.
    static func sort(_ links: inout [SpanLink]) {
        guard links.count <= insertionMax else { return links.sort { $0.span.rawValue < $1.span.rawValue } }
        guard links.count > 1 else { return }
        links.withUnsafeMutableBufferPointer { links in
            for index in links.indices.dropFirst() {
                let link = links[index]
                var place = index
                while place > 0, link.span.rawValue < links[place - 1].span.rawValue {
                    links[place] = links[place - 1]
                    place -= 1
                }
                links[place] = link
            }
        }
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
