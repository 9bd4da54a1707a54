import OTLP

/// The parents of a trace's spans while its tree is built; indices are rows of ``SpanBatch/spans``.
struct SpanLinks {
    private let batch: SpanBatch
    private var parents: [Int?]
    private var anomalies: [TraceTree.Anomaly?]

    init(_ batch: SpanBatch) {
        self.batch = batch
        parents = Array(repeating: nil, count: batch.spans.count)
        anomalies = Array(repeating: nil, count: batch.spans.count)
    }

    private static let serverKind: Int32 = 2
    private static let clientKind: Int32 = 3

    /// Finds the span that each parent id means. Where a client and a server share one id (Zipkin's way), the server
    /// is the client's child and the parent of what names the id; otherwise the first span with an id is the parent.
    mutating func resolveParents() {
        var owners: [SpanID: Int] = [:]
        for (index, span) in batch.spans.enumerated() {
            guard let other = owners[span.spanID] else {
                owners[span.spanID] = index
                continue
            }
            let kinds = (batch.spans[other].kind, span.kind)
            if kinds == (Self.clientKind, Self.serverKind) {
                parents[index] = other
                owners[span.spanID] = index
            } else if kinds == (Self.serverKind, Self.clientKind), parents[other] == nil {
                parents[other] = index
            } else {
                anomalies[index] = .duplicateID
            }
        }
        for (index, span) in batch.spans.enumerated() where parents[index] == nil && span.parentSpanID.isValid {
            parents[index] = owners[span.parentSpanID]
            if parents[index] == nil { anomalies[index] = .orphan }
        }
    }

    /// Makes the earliest span of every circle a root.
    mutating func breakCycles() {
        // 0 not seen, 1 on the way up that is walked, 2 known to lead to a root.
        var marks = [UInt8](repeating: 0, count: parents.count)
        for first in parents.indices where marks[first] == 0 {
            var way: [Int] = []
            var next: Int? = first
            while let index = next, marks[index] == 0 {
                marks[index] = 1
                way.append(index)
                next = parents[index]
            }
            if let meeting = next, marks[meeting] == 1, let start = way.firstIndex(of: meeting) {
                let circle = way[start...]
                let earliest = circle.min { (batch.spans[$0].startTime, $0) < (batch.spans[$1].startTime, $1) }
                if let earliest {
                    parents[earliest] = nil
                    anomalies[earliest] = .cycle
                }
            }
            for index in way { marks[index] = 2 }
        }
    }

    /// The nodes in tree order, and the roots among them.
    func ordered() -> (nodes: [TraceTree.Node], roots: [Int]) {
        let byStart = parents.indices.sorted { (batch.spans[$0].startTime, $0) < (batch.spans[$1].startTime, $1) }
        var children: [[Int]] = Array(repeating: [], count: parents.count)
        for index in byStart { if let parent = parents[index] { children[parent].append(index) } }

        var nodes: [TraceTree.Node] = []
        nodes.reserveCapacity(parents.count)
        var roots: [Int] = []
        for root in byStart where parents[root] == nil {
            roots.append(nodes.count)
            var waiting: [(span: Int, parent: Int?, depth: Int)] = [(root, nil, 0)]
            while let next = waiting.popLast() {
                let row = batch.spans[next.span]
                let node = nodes.count
                nodes.append(
                    TraceTree.Node(
                        span: next.span, parent: next.parent, depth: next.depth, anomaly: anomalies[next.span],
                        start: row.startTime, end: max(row.startTime, row.endTime)))
                if let parent = next.parent { nodes[parent].children.append(node) }
                waiting += children[next.span].reversed().map { ($0, node, next.depth + 1) }
            }
        }
        return (nodes, roots)
    }
}
