import OTLP

/// What tells whether spans describe the same call.
extension CallAssembler {
    func overlap(_ a: Cluster, _ b: Cluster) -> Bool {
        a.start < b.end && b.start < a.end || a.start == b.start && a.end == b.end
    }

    func isInside(_ a: Cluster, _ b: Cluster) -> Bool {
        a.start >= b.start && a.end <= b.end || b.start >= a.start && b.end <= a.end
    }

    func isSimilar(_ a: Cluster, _ b: Cluster) -> Bool {
        !hasMember(a) { a in hasMember(b) { b in !isSimilar(a, b) } }
    }

    func isSimilar(_ a: Int, _ b: Int) -> Bool {
        guard isSimilar(spans[names: a], spans[names: b]) else { return false }
        let (response, other) = (spans[a].responseID, spans[b].responseID)
        return response == 0 || other == 0 || response == other
    }

    func isSimilar(_ a: SpanNames, _ b: SpanNames) -> Bool {
        guard ModelIdentity.isSameProvider(a, b), ModelIdentity.isSameModel(a, b) else { return false }
        return (a.operation == TextTable.embeddings) == (b.operation == TextTable.embeddings)
    }

    func agree(_ a: Cluster, _ b: Cluster) -> Bool {
        a.usage.isEmpty || b.usage.isEmpty || a.usage.agrees(with: b.usage)
    }

    func haveSameResponse(_ a: Cluster, _ b: Cluster) -> Bool {
        hasMember(a) { a in
            spans[a].responseID != 0 && hasMember(b) { spans[$0].responseID == spans[a].responseID }
        }
    }

    func haveDistinctOrigins(_ a: Cluster, _ b: Cluster) -> Bool {
        !hasMember(a) { a in hasMember(b) { spans[names: $0].origin == spans[names: a].origin } }
    }

    /// Whether something holds of one of the spans of a call; asked from the innermost on.
    @inline(__always)
    func hasMember(_ cluster: Cluster, where condition: (Int) -> Bool) -> Bool {
        var member = Int(cluster.first)
        while member >= 0 {
            if condition(member) { return true }
            if member == Int(cluster.last) { return false }
            member = Int(ways[member].nextMember)
        }
        return false
    }
}
