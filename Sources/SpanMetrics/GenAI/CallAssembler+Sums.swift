import OTLP

/// Spans that look like calls and repeat the sum of several.
extension CallAssembler {
    /// A span that has the sum of calls which agents below it made is no call, though it looks like one: around an
    /// agent, where nothing says what kind of work it is, or a framework's call around a chain with the call in it.
    mutating func removeSums() {
        sums.begin(count: count)
        var isAny = false
        for cluster in found {
            let tokens = TokenSum(clusters[Int(cluster)])
            var next = Int(ways[Int(clusters[Int(cluster)].top)].ancestor)
            var hops = 0
            while next >= 0, hops < Self.hopsMax {
                if spans[next].role == .call {
                    sums.add(tokens, at: next)
                    isAny = true
                }
                next = Int(ways[next].ancestor)
                hops += 1
            }
        }
        guard isAny else { return }
        merged.removeAll(keepingCapacity: true)
        for number in found {
            if isSumOfOthers(clusters[Int(number)]) {
                markSum(clusters[Int(number)])
            } else {
                merged.append(number)
            }
        }
        swap(&found, &merged)
    }

    private func isSumOfOthers(_ cluster: Cluster) -> Bool {
        let top = Int(cluster.top)
        guard sums.isAny(top), !cluster.usage.isEmpty else { return false }
        // One whose spans say what they are is a sum only if it is the very sum.
        return cluster.members == 1 && spans[top].isOfUnknownKind || sums.isSum(TokenSum(cluster), at: top)
    }

    private mutating func markSum(_ cluster: Cluster) {
        var member = Int(cluster.first)
        while member >= 0 {
            ways[member].isSum = true
            if member == Int(cluster.last) { return }
            member = Int(ways[member].nextMember)
        }
    }

    func isSumOfSiblings(_ outer: Int32) -> Bool {
        var sum = TokenSum()
        for inner in siblings { sum += TokenSum(clusters[Int(inner)]) }
        return sum == TokenSum(clusters[Int(outer)])
    }

    /// A framework's span may be beside the calls that it stands for, as they are where both are made by a library that
    /// knows nothing of the other's spans.
    mutating func removeSumsOfSiblings() {
        guard siblings.count > 2 else { return }
        merged.removeAll(keepingCapacity: true)
        for place in siblings.indices where !isSumOfThoseBeside(place) { merged.append(siblings[place]) }
        swap(&siblings, &merged)
    }

    /// Whether calls of other libraries in the time of one, two or more, have the very tokens that it has.
    private func isSumOfThoseBeside(_ place: Int) -> Bool {
        let whole = clusters[Int(siblings[place])]
        let tokens = TokenSum(whole)
        guard !tokens.isEmpty else { return false }
        var sum = TokenSum()
        var count = 0
        // They are in the order of their starts, and the one around them begins before them or with them.
        let others = max(0, place - Self.overlapsMax)..<min(siblings.count, place + Self.overlapsMax + 1)
        for other in others where other != place {
            let part = clusters[Int(siblings[other])]
            // Of two that are sums of one another both would be gone.
            let partTokens = TokenSum(part)
            guard !partTokens.isEmpty, part.start >= whole.start, part.end <= whole.end,
                haveDistinctOrigins(part, whole)
            else { continue }
            sum += partTokens
            count += 1
        }
        return count > 1 && sum == tokens
    }
}
