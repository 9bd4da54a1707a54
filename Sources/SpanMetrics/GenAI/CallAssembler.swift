import OTLP

/// Finds the calls of models that the spans of one trace describe, each once.
///
/// Frameworks wrap the libraries of providers, so that one call comes as two or three spans: nested, side by side, or
/// as an agent that repeats the sum of its calls. Spans describe the same call when they are nested or side by side
/// below one parent, overlap in time, agree in provider, model and response id where both say them, and in usage
/// unless one of them says none. Calls that follow one another are attempts and stay apart, and so do spans of one
/// library with one name: that is how a library shows calls made at once.
///
/// The result depends on the spans alone, not on the order of their arrival.
struct CallAssembler {
    /// Spans looked through upwards for an ancestor; more is a loop, or a trace that no agent makes.
    private static let hopsMax = 256
    /// Calls under one parent that are looked at as the same one; they overlap in time.
    private static let overlapsMax = 64

    /// The spans of the trace by their start; of two with one id only the first counts.
    let spans: [GenAISpan]
    /// From a span to the nearest ancestor among `spans`, or -1.
    private var ancestors: [Int] = []
    /// Whether the way from a span to the root, or to its nearest ancestor, is complete.
    private var isAncestryKnown: [Bool] = []
    private var depths: [Int] = []

    /// Spans that describe one call.
    struct Cluster {
        /// The innermost first.
        var members: [Int]
        /// The outermost.
        var top: Int
        var start: UInt64
        var end: UInt64
        var usage: ReportedUsage
        var hasExclusiveInput: Bool
    }

    private(set) var calls: [Cluster] = []
    /// Call spans that turned out to repeat the sum of others.
    private(set) var sums: Set<Int> = []

    /// - Parameter links: The parents of the trace's other spans, as far as they are known, ordered by span.
    init(_ unordered: [GenAISpan], links: [SpanLink]) {
        var sorted = unordered.sorted(by: Self.isBefore)
        var indices = [SpanID: Int](minimumCapacity: sorted.count)
        for (index, span) in sorted.enumerated() where indices.updateValue(index, forKey: span.spanID) != nil {
            // One id twice: the same span sent again. What is left of the trace begins anew.
            var ids = Set<SpanID>(minimumCapacity: sorted.count)
            sorted.removeAll { !ids.insert($0.spanID).inserted }
            indices = Dictionary(uniqueKeysWithValues: sorted.enumerated().map { ($1.spanID, $0) })
            break
        }
        spans = sorted
        findAncestors(links, indices)
        assemble()
    }

    private static func isBefore(_ a: GenAISpan, _ b: GenAISpan) -> Bool {
        if a.start != b.start { return a.start < b.start }
        if a.end != b.end { return a.end > b.end }
        return a.spanID.rawValue < b.spanID.rawValue
    }

    // MARK: ancestry

    private mutating func findAncestors(_ links: [SpanLink], _ indices: [SpanID: Int]) {
        ancestors = Array(repeating: -1, count: spans.count)
        isAncestryKnown = Array(repeating: false, count: spans.count)
        for (index, span) in spans.enumerated() {
            var parent = span.parentSpanID
            var hops = 0
            while parent != .invalid, hops < Self.hopsMax {
                if let known = indices[parent] {
                    ancestors[index] = known == index ? -1 : known
                    break
                }
                guard let next = SpanLink.parent(of: parent, in: links) else { break }
                parent = next
                hops += 1
            }
            isAncestryKnown[index] = ancestors[index] >= 0 || parent == .invalid
        }
        depths = spans.indices.map { index in
            var depth = 0
            var next = ancestors[index]
            while next >= 0, depth < Self.hopsMax {
                depth += 1
                next = ancestors[next]
            }
            return depth
        }
    }

    func depth(of index: Int) -> Int { depths[index] }
    func isPlaceKnown(_ index: Int) -> Bool { isAncestryKnown[index] }

    /// The ancestors of a span, the nearest first.
    func ancestry(of index: Int) -> [Int] {
        var result: [Int] = []
        var next = ancestors[index]
        while next >= 0, result.count < Self.hopsMax {
            result.append(next)
            next = ancestors[next]
        }
        return result
    }

    /// The nearest ancestor that something holds of.
    func ancestor(of index: Int, where condition: (GenAISpan) -> Bool) -> Int? {
        var next = ancestors[index]
        var hops = 0
        while next >= 0, hops < Self.hopsMax {
            if condition(spans[next]) { return next }
            next = ancestors[next]
            hops += 1
        }
        return nil
    }

    /// The nearest ancestor that is more than a step on the way, or -1.
    func blockingContext(of index: Int) -> Int { ancestor(of: index) { $0.role != .step } ?? -1 }

    // MARK: clusters

    private mutating func assemble() {
        let candidates = spans.indices.filter { spans[$0].role == .call }.sorted {
            depths[$0] != depths[$1] ? depths[$0] > depths[$1] : $0 < $1
        }
        // By the call span above them; the deepest come first, so that what is below a call is whole by its turn.
        var inside: [Int: [Cluster]] = [:]
        var open: [Context: [Cluster]] = [:]
        for candidate in candidates {
            let clusters = mergedSiblings(inside.removeValue(forKey: candidate) ?? [])
            guard let cluster = absorb(candidate, clusters) else { continue }
            let context = blockingContext(of: candidate)
            if context >= 0, spans[context].role == .call {
                inside[context, default: []].append(cluster)
            } else {
                let known = context >= 0 || isAncestryKnown[candidate]
                open[known ? .span(context) : .missing, default: []].append(cluster)
            }
        }
        for (_, clusters) in open { calls += mergedSiblings(clusters) }
        // A loop of parents leaves calls that are inside one another.
        for (_, clusters) in inside { calls += clusters }
        mergeOrphans()
        calls.sort { Self.isBefore(spans[$0.top], spans[$1.top]) }
    }

    private enum Context: Hashable {
        case span(Int)
        /// Below a span that did not arrive.
        case missing
    }

    private func cluster(_ index: Int) -> Cluster {
        let span = spans[index]
        return Cluster(
            members: [index], top: index, start: span.start, end: span.end, usage: span.usage,
            hasExclusiveInput: span.isInputExclusive)
    }

    /// Puts a call span together with the one of the clusters inside it that it repeats. Those it does not repeat are
    /// calls of their own. Nil when the span is the sum of them.
    private mutating func absorb(_ candidate: Int, _ clusters: [Cluster]) -> Cluster? {
        let own = cluster(candidate)
        let similar = clusters.indices.filter { isSimilar(own, clusters[$0]) }
        guard !similar.isEmpty else {
            calls += clusters
            return own
        }
        guard let same = similar.last(where: { agree(own, clusters[$0]) }) else {
            calls += clusters
            sums.insert(candidate)
            return nil
        }
        if similar.count > 1, !own.usage.isEmpty, clusters[same].usage.isEmpty, isSum(own, of: clusters) {
            calls += clusters
            sums.insert(candidate)
            return nil
        }
        for index in clusters.indices where index != same { calls.append(clusters[index]) }
        return joined(clusters[same], own)
    }

    private func isSum(_ outer: Cluster, of clusters: [Cluster]) -> Bool {
        var sum = TokenUsage()
        for cluster in clusters { sum += cluster.usage.buckets() }
        let usage = outer.usage.buckets()
        return sum.input == usage.input && sum.output == usage.output
    }

    private func mergedSiblings(_ clusters: [Cluster]) -> [Cluster] {
        guard clusters.count > 1 else { return clusters }
        var result: [Cluster] = []
        for cluster in clusters.sorted(by: { Self.isBefore(spans[$0.top], spans[$1.top]) }) {
            let same = result.indices.suffix(Self.overlapsMax).last { areOne(result[$0], cluster) }
            if let same { result[same] = joined(cluster, result[same]) } else { result.append(cluster) }
        }
        return result
    }

    private func areOne(_ a: Cluster, _ b: Cluster) -> Bool {
        guard overlap(a, b), isSimilar(a, b), agree(a, b) else { return false }
        return haveSameResponse(a, b) || haveDistinctOrigins(a, b)
    }

    /// Calls whose place in the trace is not known: they have to say that they are the same one.
    private mutating func mergeOrphans() {
        let orphans = calls.indices.filter { !calls[$0].members.contains { isAncestryKnown[$0] } }
        var merged: Set<Int> = []
        for orphan in orphans.prefix(Self.overlapsMax) {
            let others = calls.indices.filter { $0 != orphan && !merged.contains($0) }
            let same = others.prefix(Self.hopsMax).first { other in
                let (a, b) = (calls[orphan], calls[other])
                guard overlap(a, b), isSimilar(a, b), agree(a, b) else { return false }
                return haveSameResponse(a, b)
                    || !a.usage.isEmpty && !b.usage.isEmpty && haveDistinctOrigins(a, b) && isInside(a, b)
            }
            guard let same else { continue }
            let isInner = calls[orphan].start >= calls[same].start
            calls[same] = isInner ? joined(calls[orphan], calls[same]) : joined(calls[same], calls[orphan])
            merged.insert(orphan)
        }
        calls = calls.indices.filter { !merged.contains($0) }.map { calls[$0] }
    }

    /// `inner` first: its facts count more, and the outer one's times.
    private func joined(_ inner: Cluster, _ outer: Cluster) -> Cluster {
        var (first, second) = (inner, outer)
        if let a = inner.usage.input, let b = outer.usage.input, a < b {
            // One of them left cached tokens out of its input: the other's is whole.
            (first, second) = (outer, inner)
        } else if inner.usage.isEmpty {
            (first, second) = (outer, inner)
        }
        var result = Cluster(
            members: inner.members + outer.members, top: outer.top, start: min(inner.start, outer.start),
            end: max(inner.end, outer.end), usage: first.usage, hasExclusiveInput: first.hasExclusiveInput)
        result.usage.complete(with: second.usage)
        return result
    }

    // MARK: sameness

    private func overlap(_ a: Cluster, _ b: Cluster) -> Bool {
        a.start < b.end && b.start < a.end || a.start == b.start && a.end == b.end
    }

    private func isInside(_ a: Cluster, _ b: Cluster) -> Bool {
        a.start >= b.start && a.end <= b.end || b.start >= a.start && b.end <= a.end
    }

    private func isSimilar(_ a: Cluster, _ b: Cluster) -> Bool {
        for a in a.members {
            for b in b.members {
                let (a, b) = (spans[a], spans[b])
                guard ModelIdentity.isSameProvider(a.provider, b.provider), ModelIdentity.isSameModel(a, b) else {
                    return false
                }
                guard (a.operation == "embeddings") == (b.operation == "embeddings") else { return false }
                if a.responseID != 0, b.responseID != 0, a.responseID != b.responseID { return false }
            }
        }
        return true
    }

    private func agree(_ a: Cluster, _ b: Cluster) -> Bool {
        a.usage.isEmpty || b.usage.isEmpty || a.usage.agrees(with: b.usage)
    }

    private func haveSameResponse(_ a: Cluster, _ b: Cluster) -> Bool {
        a.members.contains { a in
            spans[a].responseID != 0 && b.members.contains { spans[$0].responseID == spans[a].responseID }
        }
    }

    private func haveDistinctOrigins(_ a: Cluster, _ b: Cluster) -> Bool {
        !a.members.contains { a in b.members.contains { spans[$0].origin == spans[a].origin } }
    }
}
