import OTLP
import SpanMetrics

extension AgentGraph {
    /// The answer of `/agents/graph`; nodes and edges in the order of their ids.
    var json: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.array("nodes") { json in
                for (node, sum) in nodes.sorted(by: { $0.key.order < $1.key.order }) {
                    json.object { json in
                        json.string("id", node.id)
                        json.string("kind", node.kind.rawValue)
                        json.key("name")
                        if node.name.isEmpty { json.null() } else { json.string(node.name) }
                        sum.write(to: &json)
                        if node.kind != .tool { json.object("usage") { sum.usage.write(to: &$0) } }
                    }
                }
            }
            json.array("edges") { json in
                for (link, sum) in links.sorted(by: { $0.key.order < $1.key.order }) {
                    json.object { json in
                        json.string("from", link.from.id)
                        json.string("to", link.to.id)
                        json.string("kind", link.kind.rawValue)
                        sum.write(to: &json)
                        if link.kind == .model { json.object("usage") { sum.usage.write(to: &$0) } }
                    }
                }
            }
            json.object("total") { total.write(to: &$0) }
            json.int("traces", traces)
            json.int("orphans", orphans)
            json.partial(partialReasons)
        }
        return json.takeBytes()
    }
}

extension AgentGraphNode {
    fileprivate var order: (Int, String) { (Kind.allCases.firstIndex(of: kind) ?? 0, name) }
}

extension AgentGraphLink {
    fileprivate var order: (Int, String, Int, String, String) {
        (from.order.0, from.order.1, to.order.0, to.order.1, kind.rawValue)
    }
}

extension AgentGraph.Sum {
    fileprivate func write(to json: inout JSONWriter) {
        json.int("count", count)
        json.int("errors", errors)
        json.double("errorRate", errorRate)
        json.int("p50Ns", quantileNanoseconds(0.5))
        json.int("p95Ns", quantileNanoseconds(0.95))
    }
}
