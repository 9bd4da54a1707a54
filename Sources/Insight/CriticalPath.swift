/// The chain of spans that a trace's duration is made of.
///
/// Walked backwards from the root's end: at every moment the path is in the child that finished last before it, and
/// between children in the span itself. A child counts only within its parent's time, so clock skew and work that
/// outlives its parent cannot make the path longer than the root; a child that ends after the moment at hand ran
/// beside what is on the path already and is passed over.
package enum CriticalPath {
    /// A stretch of time that the path spends in one span itself.
    package struct Segment: Hashable, Sendable {
        /// Index in ``TraceTree/nodes``.
        package var node: Int
        /// Unix nanoseconds; `end` is after `start`.
        package var start: UInt64
        package var end: UInt64

        package var durationNanoseconds: UInt64 { end - start }
    }

    /// A span on the way, with its time as far as it lies within its parent's.
    private struct Visit {
        var node: Int
        var start: UInt64
        /// The moment the walk has come back to.
        var moment: UInt64
        /// The children within that time, the last to finish at the end.
        var children: [(node: Int, start: UInt64, end: UInt64)]
    }

    /// The segments from the root's start to its end, ascending; each begins where the one before ends, so their
    /// durations add up to the root's.
    static func segments(of nodes: [TraceTree.Node], root: Int) -> [Segment] {
        var result: [Segment] = []
        var stack = [visit(root, from: nodes[root].start, to: nodes[root].end, nodes)]
        while var visit = stack.popLast() {
            // A child that ends after the moment ran beside the path.
            while let last = visit.children.last, last.end > visit.moment { visit.children.removeLast() }
            guard let child = visit.children.popLast() else {
                append(visit.node, visit.start, visit.moment, to: &result)
                continue
            }
            append(visit.node, child.end, visit.moment, to: &result)
            visit.moment = child.start
            stack.append(visit)
            stack.append(self.visit(child.node, from: child.start, to: child.end, nodes))
        }
        return result.reversed()
    }

    private static func visit(_ node: Int, from start: UInt64, to end: UInt64, _ nodes: [TraceTree.Node]) -> Visit {
        let children = nodes[node].children.compactMap { child -> (node: Int, start: UInt64, end: UInt64)? in
            let (from, to) = (max(nodes[child].start, start), min(nodes[child].end, end))
            return to > from ? (child, from, to) : nil
        }
        // Of children that finish at once the one that began first is walked.
        let sorted = children.sorted { ($0.end, $1.start, $1.node) < ($1.end, $0.start, $0.node) }
        return Visit(node: node, start: start, moment: end, children: sorted)
    }

    private static func append(_ node: Int, _ start: UInt64, _ end: UInt64, to segments: inout [Segment]) {
        if end > start { segments.append(Segment(node: node, start: start, end: end)) }
    }
}
