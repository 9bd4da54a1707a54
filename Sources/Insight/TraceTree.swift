import OTLP

/// The spans of one trace as a forest: usually one tree, more when spans are missing.
///
/// Every span has a node, whatever is wrong with its ids, so that nothing stored is hidden.
package struct TraceTree: Sendable {
    package struct Node: Sendable {
        /// Row in ``SpanBatch/spans``.
        package var span: Int
        /// Index in ``TraceTree/nodes``; nil for roots.
        package var parent: Int?
        /// Indices in ``TraceTree/nodes``, by start time, then by arrival.
        package var children: [Int] = []
        /// 0 for roots.
        package var depth = 0
        package var anomaly: Anomaly?
        /// Unix nanoseconds, the span's own; `end` is never before `start`.
        package var start: UInt64
        package var end: UInt64
        /// The span's duration less the times in which at least one child ran.
        package var selfTimeNanoseconds: UInt64 = 0
        /// On the critical path for some time.
        package var isOnCriticalPath = false

        package var durationNanoseconds: UInt64 { end - start }
    }

    /// What kept a span from having its place.
    package enum Anomaly: String, Sendable {
        /// Its parent is not among the spans; it is a root here.
        case orphan
        /// It is its own ancestor; the earliest span of the circle is a root here.
        case cycle
        /// Another span has the same id and came first; children went to that one.
        case duplicateID = "duplicate_id"
    }

    package let batch: SpanBatch
    /// In tree order: every node stands before its children, roots by start time.
    package private(set) var nodes: [Node]
    /// Indices of the nodes without a parent, by start time.
    package private(set) var roots: [Int]
    /// What the trace's duration is made of, from the main root's start to its end; see ``CriticalPath``.
    package private(set) var criticalPath: [CriticalPath.Segment] = []

    /// Builds the tree of a trace.
    ///
    /// - Complexity: O(n log n) of the spans; it needs little stack however deep the tree.
    package init(_ batch: SpanBatch) {
        self.batch = batch
        var links = SpanLinks(batch)
        links.resolveParents()
        links.breakCycles()
        (nodes, roots) = links.ordered()
        computeSelfTimes()
        if let mainRoot {
            criticalPath = CriticalPath.segments(of: nodes, root: mainRoot)
            for segment in criticalPath { nodes[segment.node].isOnCriticalPath = true }
        }
    }

    package func span(_ node: Int) -> SpanRow { batch.spans[nodes[node].span] }

    /// The root that stands for the trace: the longest one without a parent id, else the longest of all, the earliest
    /// of equal ones. Nil without spans.
    package var mainRoot: Int? {
        let real = roots.filter { nodes[$0].anomaly == nil }
        return (real.isEmpty ? roots : real).max { a, b in
            (nodes[a].durationNanoseconds, nodes[b].start) < (nodes[b].durationNanoseconds, nodes[a].start)
        }
    }

    // MARK: what is added up

    private mutating func computeSelfTimes() {
        for index in nodes.indices {
            let node = nodes[index]
            var covered: UInt64 = 0
            var until = node.start
            // Children come by start time, so that one pass joins their times.
            for child in node.children {
                let start = max(nodes[child].start, until)
                let end = min(nodes[child].end, node.end)
                if end > start {
                    covered += end - start
                    until = end
                }
            }
            nodes[index].selfTimeNanoseconds = node.durationNanoseconds - covered
        }
    }
}
