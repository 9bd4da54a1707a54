import OTLP

/// Finds the calls of models that the spans of one trace describe, each once.
///
/// Frameworks wrap the libraries of providers, so that one call comes as two or three spans: nested, side by side, or
/// as an agent that repeats the sum of its calls. Spans describe the same call when they are nested or side by side
/// below one parent, overlap in time, agree in provider, model and response id where both say them, and in usage
/// unless one of them says none. Calls that follow one another are attempts and stay apart, and so do spans of one
/// library with one name: that is how a library shows calls made at once.
///
/// The result depends on the spans alone, not on the order of their arrival. Used for one trace after another, so that
/// a trace allocates nothing: every array keeps its room.
struct CallAssembler: Sendable {
    /// Spans looked through upwards for an ancestor; more is a loop, or a trace that no agent makes.
    static let hopsMax = 256
    /// Spans that describe one call; frameworks wrap one another three or four deep. Further ones are another call,
    /// which keeps the work for a trace of many spans at once within bounds.
    private static let membersMax = 16
    /// Calls under one parent that are looked at as the same one; they overlap in time.
    static let overlapsMax = 64

    /// The spans of the trace by their start, and then those whose id came before.
    var spans = OrderedSpans()
    /// How many of them count.
    private(set) var count = 0
    /// By span: where it is in the trace.
    var ways: [Way] = []
    private(set) var links: [SpanLink] = []
    private var order = SpanOrder()
    private var ids = SpanIDTable()

    /// The way up from a span.
    struct Way {
        /// The nearest ancestor among `spans`, or -1.
        var ancestor: Int32 = -1
        /// The next span of the same call, or -1.
        var nextMember: Int32 = -1
        /// Where the way up is not complete: the span that did not arrive.
        var missing = SpanID.invalid
        /// The way to the root, or to the nearest ancestor, is complete.
        var isKnown = false
        /// Spans that are of no interest themselves stand between the span and its nearest ancestor.
        var isLinked = false
        /// A call span that turned out to repeat the sum of others.
        var isSum = false
    }

    /// Spans that describe one call.
    struct Cluster {
        /// The innermost span; the others follow by ``Way/nextMember``.
        var first: Int32
        var last: Int32
        /// The outermost.
        var top: Int32
        var start: UInt64
        var end: UInt64
        var usage: ReportedUsage
        var hasExclusiveInput: Bool
        /// Attempts at it before; those that have spans are calls themselves, each with one before it.
        var retries: UInt8 = 0
        /// Spans of it.
        var members = 1
    }

    /// The calls, by the start of their outermost spans.
    private(set) var calls: [Cluster] = []
    /// By context + 1: the clusters in it, which ``ClusterList`` links. The last one is of spans whose context did not
    /// arrive.
    private var groups: [ClusterList] = []
    var clusters: [Cluster] = []
    private var nextInGroup: [Int32] = []
    private var candidates: [UInt64] = []
    var siblings: [Int32] = []
    var merged: [Int32] = []
    var found: [Int32] = []
    private var orphans: [Int32] = []
    private var ends: [UInt64] = []
    private var failures: [(call: Int, end: UInt64)] = []
    /// Scratch of what reads the result.
    var context = InheritedTexts()
    /// Scratch of what reads the result.
    var sums = SumScratch()

    private struct ClusterList {
        var first: Int32 = -1
        var last: Int32 = -1
    }

    /// Takes the spans of a trace that are in ``spans``.
    ///
    /// - Parameter links: The parents of the trace's other spans, as far as they are known, ordered by span.
    mutating func assemble(links: [SpanLink]) {
        order.sort(&spans)
        self.links = links
        findIDs()
        findAncestors()
        context = InheritedTexts()
        if !findSeparateCalls() {
            findClusters()
            mergeOrphans()
            calls.removeAll(keepingCapacity: true)
            for cluster in found { calls.append(clusters[Int(cluster)]) }
        }
        findRetries()
    }

    /// Finds the calls of most traces: each is one span, with no other call above it, and below one parent they follow
    /// one another.
    ///
    /// - Returns: False where spans may describe the same call, or something is missing or in a loop.
    private mutating func findSeparateCalls() -> Bool {
        calls.removeAll(keepingCapacity: true)
        // By context + 1: the time after the end of the last call in it, 0 for none.
        ends.fill(0, count: count + 1)
        for index in 0..<count where spans[index].role == .call {
            guard ways[index].isKnown, spans[index].end < .max else { return false }
            var context = -1
            var next = Int(ways[index].ancestor)
            var hops = 0
            while next >= 0 {
                guard hops < Self.hopsMax, spans[next].role != .call else { return false }
                if context < 0, spans[next].role != .step { context = next }
                next = Int(ways[next].ancestor)
                hops += 1
            }
            // One may begin as the one before ends, unless both take no time: then they are at the same one.
            let isAfter = spans[index].start >= ends[context + 1]
            guard isAfter || spans[index].start + 1 == ends[context + 1] && spans[index].end > spans[index].start
            else { return false }
            ends[context + 1] = spans[index].end + 1
            let call = call(of: index)
            calls.append(call)
        }
        return true
    }

    private mutating func call(of index: Int) -> Cluster {
        let number = Int32(index)
        return Cluster(
            first: number, last: number, top: number, start: spans[index].start, end: spans[index].end,
            usage: spans[index].usage, hasExclusiveInput: spans[index].isInputExclusive)
    }

    // MARK: ancestry

    /// One id twice is the same span sent again: the later ones go to the end.
    private mutating func findIDs() {
        count = spans.count
        ids.reset(count: count)
        for index in spans.indices where ids.insert(spans[index].spanID, index, spans) != nil {
            moveDuplicates(from: index)
            return
        }
    }

    func firstIndex(of id: SpanID) -> Int? { ids.index(of: id, spans) }

    private mutating func moveDuplicates(from first: Int) {
        var unique = first
        var duplicates: [Int32] = []
        for index in first..<spans.count {
            let id = spans[index].spanID
            if let known = ids.index(of: id, spans) {
                if spans[known].counted == nil { spans[known].counted = spans[index].counted }
                duplicates.append(spans.places[index])
                continue
            }
            spans.places[unique] = spans.places[index]
            _ = ids.insert(id, unique, spans)
            unique += 1
        }
        spans.places.replaceSubrange(unique..., with: duplicates)
        count = unique
    }

    /// To be called when nothing is asked any more, so that the links are not shared.
    mutating func forgetLinks() { links = [] }

    private mutating func findAncestors() {
        ways.removeAll(keepingCapacity: true)
        for index in 0..<count {
            var way = Way()
            var parent = spans[index].parentSpanID
            var hops = 0
            while parent != .invalid, hops < Self.hopsMax {
                if let known = ids.index(of: parent, spans) {
                    way.ancestor = known == index ? -1 : Int32(known)
                    break
                }
                guard !links.isEmpty, let next = SpanLink.find(parent, in: links) else { break }
                parent = next.parent
                way.isLinked = true
                hops += 1
            }
            way.isKnown = way.ancestor >= 0 || parent == .invalid
            if !way.isKnown { way.missing = parent }
            ways.append(way)
        }
    }

    /// How many ancestors a span has.
    mutating func depth(of index: Int) -> Int {
        var depth = 0
        var next = Int(ways[index].ancestor)
        while next >= 0, depth < Self.hopsMax {
            depth += 1
            next = Int(ways[next].ancestor)
        }
        return depth
    }

    /// The nearest ancestor that something holds of, or -1.
    @inline(__always)
    func ancestor(of index: Int, where condition: (Int) -> Bool) -> Int {
        var next = Int(ways[index].ancestor)
        var hops = 0
        while next >= 0, hops < Self.hopsMax {
            if condition(next) { return next }
            next = Int(ways[next].ancestor)
            hops += 1
        }
        return -1
    }

    /// The nearest ancestor that is more than a step on the way, or -1.
    mutating func blockingContext(of index: Int) -> Int { ancestor(of: index) { spans[$0].role != .step } }

    // MARK: clusters

    private mutating func findClusters() {
        groups.fill(ClusterList(), count: count + 2)
        clusters.removeAll(keepingCapacity: true)
        nextInGroup.removeAll(keepingCapacity: true)
        found.removeAll(keepingCapacity: true)
        // The deepest come first, so that what is below a call is whole by its turn.
        candidates.removeAll(keepingCapacity: true)
        for index in 0..<count where spans[index].role == .call {
            candidates.append(UInt64(Self.hopsMax - depth(of: index)) << 32 | UInt64(index))
        }
        if !candidates.isAscending { candidates.sort() }
        for candidate in candidates {
            let index = Int(candidate & 0xFFFF_FFFF)
            takeGroup(index + 1)
            mergeSiblings()
            guard let cluster = absorb(index) else { continue }
            let context = blockingContext(of: index)
            append(cluster, to: context >= 0 || ways[index].isKnown ? context + 1 : count + 1)
        }
        for group in groups.indices where groups[group].first >= 0 {
            takeGroup(group)
            // A loop of parents leaves calls that are inside one another.
            if group == 0 || group > count || spans[group - 1].role != .call { mergeSiblings() }
            found += siblings
        }
        removeSums()
        sortFound()
    }

    private mutating func sortFound() {
        if !isSorted(found) { found.sort { [clusters] in clusters[Int($0)].top < clusters[Int($1)].top } }
    }

    private func isSorted(_ list: [Int32]) -> Bool {
        var last: Int32 = -1
        for cluster in list {
            let top = clusters[Int(cluster)].top
            if top < last { return false }
            last = top
        }
        return true
    }

    private mutating func append(_ cluster: Int32, to group: Int) {
        let last = groups[group].last
        if last < 0 { groups[group].first = cluster } else { nextInGroup[Int(last)] = cluster }
        groups[group].last = cluster
    }

    /// Moves a group to `siblings`.
    private mutating func takeGroup(_ group: Int) {
        siblings.removeAll(keepingCapacity: true)
        var next = groups[group].first
        groups[group] = ClusterList()
        while next >= 0 {
            siblings.append(next)
            next = nextInGroup[Int(next)]
        }
    }

    private mutating func cluster(_ index: Int) -> Int32 {
        let call = call(of: index)
        clusters.append(call)
        nextInGroup.append(-1)
        return Int32(clusters.count - 1)
    }

    /// Puts a call span together with the one of the clusters inside it, the siblings, that it repeats. Those it does
    /// not repeat are calls of their own. Nil when the span is the sum of them.
    private mutating func absorb(_ candidate: Int) -> Int32? {
        let own = cluster(candidate)
        guard !siblings.isEmpty else { return own }
        var similar = 0
        var same: Int32 = -1
        for inner in siblings {
            let (a, b) = (clusters[Int(own)], clusters[Int(inner)])
            guard a.members + b.members <= Self.membersMax else { continue }
            if isSimilar(a, b) {
                similar += 1
                if agree(a, b) { same = inner }
            } else if isRepeated(a, b) {
                // Another model answered than was asked: a router chose it, or the first one failed.
                similar += 1
                same = inner
            }
        }
        guard similar > 0 else {
            found += siblings
            return own
        }
        let isEmpty = same < 0 || clusters[Int(same)].usage.isEmpty
        if same < 0 || similar > 1 && isEmpty && !clusters[Int(own)].usage.isEmpty && isSumOfSiblings(own) {
            found += siblings
            ways[candidate].isSum = true
            return nil
        }
        for inner in siblings where inner != same { found.append(inner) }
        clusters[Int(own)] = joined(clusters[Int(same)], clusters[Int(own)])
        return own
    }

    /// Of two calls, one in the other, both say how many tokens there were, and the same.
    private func isRepeated(_ a: Cluster, _ b: Cluster) -> Bool {
        let isSaid = [a.usage, b.usage].allSatisfy { ($0.input ?? 0) > 0 && ($0.output ?? 0) > 0 }
        return isSaid && isInside(a, b) && agree(a, b)
    }

    /// How much two clusters side by side are alike.
    private enum Likeness: Comparable {
        /// Nothing but their time and model says that they are one call.
        case possible
        /// They had the same tokens, or the same response.
        case certain
    }

    private mutating func mergeSiblings() {
        guard siblings.count > 1 else { return }
        if !isSorted(siblings) { siblings.sort { [clusters] in clusters[Int($0)].top < clusters[Int($1)].top } }
        // Those that only may be one come after, lest a span joins another attempt than the one it tells of.
        mergeSiblings(atLeast: .certain)
        removeSumsOfSiblings()
        mergeSiblings(atLeast: .possible)
    }

    private mutating func mergeSiblings(atLeast least: Likeness) {
        merged.removeAll(keepingCapacity: true)
        for cluster in siblings {
            var same: Int32 = -1
            var back = merged.count - 1
            while back >= 0, back >= merged.count - Self.overlapsMax {
                let likeness = likeness(clusters[Int(merged[back])], clusters[Int(cluster)])
                if let likeness, likeness >= least {
                    same = merged[back]
                    break
                }
                back -= 1
            }
            if same >= 0 {
                clusters[Int(same)] = joined(clusters[Int(cluster)], clusters[Int(same)])
            } else {
                merged.append(cluster)
            }
        }
        swap(&siblings, &merged)
    }

    /// Nil for those that are two calls.
    private mutating func likeness(_ a: Cluster, _ b: Cluster) -> Likeness? {
        guard a.members + b.members <= Self.membersMax, ways[Int(a.top)].missing == ways[Int(b.top)].missing,
            overlap(a, b), isSimilar(a, b), agree(a, b)
        else { return nil }
        if haveSameResponse(a, b) { return .certain }
        guard haveDistinctOrigins(a, b) else { return nil }
        if !a.usage.isEmpty, !b.usage.isEmpty { return .certain }
        // A failed attempt beside a call that succeeded is a call of its own.
        return spans[Int(a.top)].isError == spans[Int(b.top)].isError ? .possible : nil
    }

    /// Calls whose place in the trace is not known: they have to say that they are the same one.
    private mutating func mergeOrphans() {
        guard found.count > 1 else { return }
        orphans.removeAll(keepingCapacity: true)
        for cluster in found where isOrphan(clusters[Int(cluster)]) { orphans.append(cluster) }
        guard !orphans.isEmpty else { return }
        var gone: Set<Int32> = []
        for orphan in orphans.prefix(Self.overlapsMax) {
            let a = clusters[Int(orphan)]
            var others = 0
            for other in found where other != orphan && !gone.contains(other) {
                others += 1
                if others > Self.hopsMax { break }
                let b = clusters[Int(other)]
                guard a.members + b.members <= Self.membersMax, overlap(a, b), isSimilar(a, b), agree(a, b) else {
                    continue
                }
                let areBothSaid = !a.usage.isEmpty && !b.usage.isEmpty
                guard haveSameResponse(a, b) || areBothSaid && haveDistinctOrigins(a, b) && isInside(a, b) else {
                    continue
                }
                clusters[Int(other)] = a.start >= b.start ? joined(a, b) : joined(b, a)
                gone.insert(orphan)
                break
            }
        }
        guard !gone.isEmpty else { return }
        found.removeAll { gone.contains($0) }
        sortFound()
    }

    /// Whether all spans above a call have arrived.
    func isPlaceKnown(_ cluster: Cluster) -> Bool { isPlaceKnown(Int(cluster.top)) }

    func isPlaceKnown(_ span: Int) -> Bool {
        var index = span
        var hops = 0
        while ways[index].ancestor >= 0, hops < Self.hopsMax {
            index = Int(ways[index].ancestor)
            hops += 1
        }
        return ways[index].ancestor < 0 && ways[index].isKnown
    }

    private func isOrphan(_ cluster: Cluster) -> Bool { !hasMember(cluster) { ways[$0].isKnown } }

    /// `inner` first: its facts count more, and the outer one's times.
    private mutating func joined(_ inner: Cluster, _ outer: Cluster) -> Cluster {
        ways[Int(inner.last)].nextMember = outer.first
        var result = inner
        (result.last, result.top) = (outer.last, outer.top)
        result.members = inner.members + outer.members
        (result.start, result.end) = (min(inner.start, outer.start), max(inner.end, outer.end))
        var isOuterFirst = inner.usage.isEmpty
        // One of them left cached tokens out of its input: the other's is whole.
        if let a = inner.usage.input, let b = outer.usage.input, a < b { isOuterFirst = true }
        let (first, second) = isOuterFirst ? (outer, inner) : (inner, outer)
        (result.usage, result.hasExclusiveInput) = (first.usage, first.hasExclusiveInput)
        result.usage.complete(with: second.usage)
        return result
    }

    /// Marks the calls that follow a failed one of the same parent to the same model.
    private mutating func findRetries() {
        if Self.isAny(calls, spans, { $0.isError }) { findRepeated() }
        if Self.isAny(calls, spans, { $0.attempts > 1 }) { countSaidAttempts() }
    }

    private mutating func findRepeated() {
        // A library's attempts are below or beside a framework's span around all of them, and those that a framework
        // makes each have a span around them: a call is where its innermost span is, and where its outermost one is.
        candidates.removeAll(keepingCapacity: true)
        for number in calls.indices {
            let (first, top) = (Int(calls[number].first), Int(calls[number].top))
            candidates.append(UInt64(first) << 32 | UInt64(number) << 1)
            if first != top, blockingContext(of: first) != blockingContext(of: top) {
                candidates.append(UInt64(top) << 32 | UInt64(number) << 1 | 1)
            }
        }
        if !candidates.isAscending { candidates.sort() }
        // By context + 1: the call that failed last, and when it ended.
        failures.fill((-1, 0), count: count + 1)
        for candidate in candidates {
            let (span, number, isTop) = (Int(candidate >> 32), Int(candidate & 0xFFFF_FFFF) >> 1, candidate & 1 == 1)
            let context = blockingContext(of: span)
            let before = failures[context + 1]
            let start = isTop ? calls[number].start : spans[span].start
            if before.call >= 0, before.end <= start, Self.isSameModel(calls[before.call], calls[number], spans) {
                calls[number].retries = 1
            }
            let end = isTop ? calls[number].end : spans[span].end
            failures[context + 1] = spans[span].isError ? (number, end) : (-1, 0)
        }
    }

    /// Where a span says how many attempts there were, and no calls right below its own spans show them.
    private mutating func countSaidAttempts() {
        // By context + 1: the calls whose innermost span is right below it.
        merged.fill(0, count: count + 1)
        for call in calls { merged[blockingContext(of: Int(call.first)) + 1] += 1 }
        for number in calls.indices {
            let own = blockingContext(of: Int(calls[number].first))
            var attempts = 0
            let isAround = hasMember(calls[number]) { member in
                attempts = max(attempts, Int(spans[member].attempts))
                return merged[member + 1] > (member == own ? 1 : 0)
            }
            guard attempts > 1, !isAround else { continue }
            calls[number].retries = max(calls[number].retries, UInt8(clamping: attempts - 1))
        }
    }

    // Of what they look at alone: the assembler would be copied otherwise.

    /// Whether something holds of the innermost or outermost span of a call.
    private static func isAny(
        _ calls: [Cluster], _ spans: OrderedSpans, _ condition: (borrowing GenAISpan) -> Bool
    ) -> Bool {
        for number in calls.indices {
            if condition(spans[Int(calls[number].top)]) || condition(spans[Int(calls[number].first)]) { return true }
        }
        return false
    }

    private static func isSameModel(_ a: borrowing Cluster, _ b: borrowing Cluster, _ spans: OrderedSpans) -> Bool {
        ModelIdentity.isSameModel(spans[names: Int(a.first)], spans[names: Int(b.first)])
    }
}

extension [UInt64] {
    fileprivate var isAscending: Bool {
        for index in indices.dropFirst() where self[index - 1] > self[index] { return false }
        return true
    }
}

extension Array {
    /// Makes it `count` times the same element, in the room that it has.
    mutating func fill(_ element: Element, count: Int) {
        removeAll(keepingCapacity: true)
        append(contentsOf: repeatElement(element, count: count))
    }
}
