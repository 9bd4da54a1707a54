import OTLP

extension CallAssembler {
    // MARK: calls

    mutating func foundCall(_ cluster: Cluster, _ texts: FoundCall.Texts, traceID: TraceID) -> FoundCall {
        let hasUsage = !cluster.usage.isEmpty
        // The provider's own library knows the provider; one that only calls itself by its name does not.
        let inner = Int(cluster.first)
        return FoundCall(
            traceID: traceID, spanID: spans[inner].spanID, start: cluster.start, end: cluster.end,
            weight: UInt64(spans[inner].weight), texts: texts,
            timeToFirstToken: number(cluster) { $0.timeToFirstToken },
            hasUsage: hasUsage,
            usage: hasUsage ? cluster.usage.buckets(isInputExclusive: cluster.hasExclusiveInput) : TokenUsage(),
            reportedCost: number(cluster) { $0.reportedCost }, retries: UInt64(cluster.retries))
    }

    /// What the calls of one parent have of it, so that it is looked up for the first of them.
    struct InheritedTexts: Sendable {
        /// The parent, -2 where there is none yet; agent and attribution as the last call had them, and its own values.
        fileprivate var ancestor: Int32 = -2
        fileprivate var agent = TextNumber.none
        fileprivate var own = AttributionValues.none
        fileprivate var attribution = AttributionValues.none
    }

    mutating func texts(_ cluster: Cluster, _ texts: inout TextTable) -> FoundCall.Texts {
        guard cluster.members == 1 else { return joinedTexts(cluster, &texts) }
        let index = Int(cluster.first)
        inherit(by: index, &texts)
        var agent = spans[names: index].agent
        if agent.isEmpty { agent = context.agent.isEmpty ? spans[names: index].agentID : context.agent }
        let own = spans[index].conversation
        return FoundCall.Texts(
            names: spans[index].names, agent: agent, isError: spans[index].isError, attribution: context.attribution,
            conversation: own.isEmpty ? conversation(above: index) : own)
    }

    private mutating func inherit(by index: Int, _ texts: inout TextTable) {
        // Spans between it and its parent may have something to say too.
        if context.ancestor == ways[index].ancestor, !ways[index].isLinked, context.own == spans[index].attribution {
            return
        }
        context.ancestor = ways[index].isLinked ? -2 : ways[index].ancestor
        context.own = spans[index].attribution
        context.agent = inheritedAgent(index)
        context.attribution = attribution(index, &texts)
    }

    private mutating func joinedTexts(_ cluster: Cluster, _ texts: inout TextTable) -> FoundCall.Texts {
        FoundCall.Texts(
            names: texts.number(of: joinedNames(cluster)), agent: agent(of: cluster), isError: isError(cluster),
            attribution: attribution(cluster, &texts), conversation: conversation(cluster))
    }

    /// Of the names of a call's spans those that are said, from the innermost on.
    private mutating func joinedNames(_ cluster: Cluster) -> SpanNames {
        var result = SpanNames()
        func complete(_ text: WritableKeyPath<SpanNames, TextNumber>, _ other: SpanNames) {
            if result[keyPath: text].isEmpty { result[keyPath: text] = other[keyPath: text] }
        }
        _ = hasMember(cluster) { member in
            let other = spans[names: member]
            for text in [
                \SpanNames.service, \.operation, \.provider, \.requestModel, \.responseModel, \.errorType,
            ] { complete(text, other) }
            if result.finishReasons == .none { result.finishReasons = other.finishReasons }
            if result.tier == .unsaid { result.tier = other.tier }
            return false
        }
        return result
    }

    /// Who worked: by name, if need be that of an agent above, else by the call's own id of it.
    private mutating func agent(of cluster: Cluster) -> TextNumber {
        var named = first(cluster) { spans[names: $0].agent }
        if named.isEmpty { named = inheritedAgent(Int(cluster.top)) }
        return named.isEmpty ? first(cluster) { spans[names: $0].agentID } : named
    }

    /// What the call's spans say, or else the nearest span above them, whatever that is about.
    private mutating func conversation(_ cluster: Cluster) -> TextNumber {
        let own = first(cluster) { spans[$0].conversation }
        return own.isEmpty ? conversation(above: Int(cluster.top)) : own
    }

    private mutating func conversation(above index: Int) -> TextNumber {
        var result = TextNumber.none
        _ = way(up: index) { link in
            result = link.conversation
            return !result.isEmpty
        } span: { above in
            result = spans[above].conversation
            return !result.isEmpty
        }
        return result
    }

    /// Goes up from a span until a closure says that it is enough.
    ///
    /// - Returns: Whether one did.
    @inline(__always)
    private func way(up index: Int, link: (SpanLink) -> Bool, span: (Int) -> Bool) -> Bool {
        var next = index
        var hops = 0
        while next >= 0, hops < Self.hopsMax {
            if ways[next].isLinked {
                var parent = spans[next].parentSpanID
                var steps = 0
                while steps < Self.hopsMax, firstIndex(of: parent) == nil,
                    let known = SpanLink.find(parent, in: links)
                {
                    if link(known) { return true }
                    parent = known.parent
                    steps += 1
                }
            }
            next = Int(ways[next].ancestor)
            if next >= 0, span(next) { return true }
            hops += 1
        }
        return false
    }

    /// The outermost span knows whether the caller got an answer.
    private func isError(_ cluster: Cluster) -> Bool { spans[Int(cluster.top)].isError }

    /// The first text that a span of a call has, from the innermost on.
    @inline(__always)
    private func first(_ cluster: Cluster, _ text: (Int) -> TextNumber) -> TextNumber {
        var result = TextNumber.none
        _ = hasMember(cluster) {
            result = text($0)
            return !result.isEmpty
        }
        return result
    }

    private func number(_ cluster: Cluster, _ number: (borrowing GenAISpan) -> Double?) -> Double? {
        var result: Double?
        _ = hasMember(cluster) {
            result = number(spans[$0])
            return result != nil
        }
        return result
    }

    /// The agent of the nearest span above one that has any.
    private mutating func inheritedAgent(_ index: Int) -> TextNumber {
        var result = TextNumber.none
        _ = ancestor(of: index) {
            result = spans[names: $0].agent
            return !result.isEmpty
        }
        return result
    }

    /// Attribution values as those of further spans complete them.
    private struct Completion {
        var result: AttributionValues
        /// The values that came last: spans that follow one another mostly have the same.
        private var last: AttributionValues

        init(_ values: AttributionValues) { (result, last) = (values, values) }

        /// - Returns: Whether nothing is left to complete.
        @inline(__always)
        mutating func take(_ next: AttributionValues, _ texts: inout TextTable) -> Bool {
            guard next != last else { return !texts.hasEmpty(result) }
            last = next
            result = texts.completed(result, with: next)
            return !texts.hasEmpty(result)
        }
    }

    /// Of the spans of the call and then of those above them, for each key the first that has it.
    private mutating func attribution(_ cluster: Cluster, _ texts: inout TextTable) -> AttributionValues {
        var completion = Completion(spans[Int(cluster.first)].attribution)
        guard texts.hasEmpty(completion.result) else { return completion.result }
        if hasMember(cluster, where: { completion.take(spans[$0].attribution, &texts) }) { return completion.result }
        return attribution(completion, above: Int(cluster.top), &texts)
    }

    /// The same for a span that is no call, or a call of one span.
    mutating func attribution(_ index: Int, _ texts: inout TextTable) -> AttributionValues {
        let own = spans[index].attribution
        return texts.hasEmpty(own) ? attribution(Completion(own), above: index, &texts) : own
    }

    @inline(__always)
    private func attribution(
        _ completion: Completion, above index: Int, _ texts: inout TextTable
    ) -> AttributionValues {
        var completion = completion
        _ = way(up: index) {
            completion.take($0.attribution, &texts)
        } span: {
            completion.take(spans[$0].attribution, &texts)
        }
        return completion.result
    }

    // MARK: tools

    /// Each run of a tool once: a client's span below the run it belongs to is part of it.
    mutating func isToolRun(_ index: Int) -> Bool {
        guard spans[index].role == .tool else { return false }
        let above = blockingContext(of: index)
        return above < 0 || spans[above].role != .tool || spans[names: above].tool != spans[names: index].tool
    }

    mutating func foundRun(_ index: Int) -> FoundToolRun {
        FoundToolRun(
            spanID: spans[index].spanID, weight: UInt64(spans[index].weight), isError: spans[index].isError,
            isOK: spans[index].isOK, service: spans[names: index].service, agent: agent(index),
            tool: spans[names: index].tool,
            receivedAt: spans[index].receivedAt)
    }

    /// The agent of a span, or that of the nearest one above it.
    mutating func agent(_ index: Int) -> TextNumber {
        let own = spans[names: index].agent
        return own.isEmpty ? inheritedAgent(index) : own
    }

    // MARK: sums

    /// Tokens of input and output: a sum seldom says what of them was cached.
    struct TokenSum: Equatable, Sendable {
        fileprivate var input: UInt64 = 0
        fileprivate var output: UInt64 = 0

        init() {}

        init(_ usage: TokenUsage) { (input, output) = (usage.input, usage.output) }

        /// Those of a call.
        init(_ cluster: Cluster) { self.init(cluster.usage.buckets(isInputExclusive: cluster.hasExclusiveInput)) }

        var isEmpty: Bool { input == 0 && output == 0 }

        static func += (sum: inout TokenSum, other: TokenSum) {
            sum.input.addClamped(other.input)
            sum.output.addClamped(other.output)
        }
    }

    /// Tokens of calls by the spans above them.
    struct SumScratch: Sendable {
        fileprivate var summing: [UInt64] = []
        private var sums: [(tokens: TokenSum, count: Int)] = []

        mutating func begin(count: Int) { sums.fill((TokenSum(), 0), count: count) }

        @inline(__always)
        mutating func add(_ tokens: TokenSum, at index: Int) {
            sums[index].tokens += tokens
            sums[index].count += 1
        }

        /// Something was added to a span.
        func isAny(_ index: Int) -> Bool { sums[index].count > 0 }

        /// What was added to a span is so many tokens.
        func isSum(_ tokens: TokenSum, at index: Int) -> Bool { sums[index].tokens == tokens }

        fileprivate func tokens(_ index: Int) -> TokenSum { sums[index].tokens }
    }

    /// What agents, workflows, steps, tools and spans around several calls report beyond the calls found below them, each
    /// token once.
    /// - Parameter settled: What was counted before of the trace, and forgotten: each of its tokens explains one of a sum.
    mutating func findUnattributed(
        of traceID: TraceID, settled: SettledUsage, _ texts: inout TextTable, _ result: inout [FoundRest]
    ) {
        result.removeAll(keepingCapacity: true)
        findSumming()
        guard !sums.summing.isEmpty else { return }
        sums.begin(count: count)
        for cluster in calls { addToSumming(cluster) }
        var settled = settled
        for key in sums.summing {
            let index = Int(key & 0xFFFF_FFFF)
            let sum = TokenSum(spans[index].usage.buckets(isInputExclusive: spans[index].isInputExclusive))
            let known = sums.tokens(index)
            if known.isEmpty, isSumOfCallsBeside(index, sum) { continue }
            var rest = TokenUsage()
            rest.uncachedInput = sum.input - min(sum.input, known.input)
            rest.visibleOutput = sum.output - min(sum.output, known.output)
            guard !rest.isEmpty else { continue }
            addAbove(index, TokenSum(rest))
            let late = (min(rest.input, settled.input), min(rest.output, settled.output))
            (settled.input, settled.output) = (settled.input - late.0, settled.output - late.1)
            (rest.uncachedInput, rest.visibleOutput) = (rest.input - late.0, rest.output - late.1)
            guard !rest.isEmpty else { continue }
            result.append(unattributed(index, rest, traceID, &texts))
        }
    }

    /// A chain or an agent may be beside the calls that it stands for, as a framework's call may be.
    private func isSumOfCallsBeside(_ index: Int, _ tokens: TokenSum) -> Bool {
        guard calls.count <= Self.overlapsMax else { return false }
        var sum = TokenSum()
        for call in calls where call.start >= spans[index].start && call.end <= spans[index].end {
            if ways[Int(call.top)].ancestor == ways[index].ancestor { sum += TokenSum(call) }
        }
        return sum == tokens
    }

    /// The inner ones first, so that what they miss counts as known to those around them.
    private mutating func findSumming() {
        sums.summing.removeAll(keepingCapacity: true)
        for index in 0..<count where spans[index].role != .call || ways[index].isSum {
            guard !spans[index].usage.isEmpty, !isPartOfCall(index) else { continue }
            sums.summing.append(UInt64(Self.hopsMax - depth(of: index)) << 32 | UInt64(index))
        }
        sums.summing.sort()
    }

    /// A step or a tool inside a call: what it says, the call says too.
    private mutating func isPartOfCall(_ index: Int) -> Bool {
        guard spans[index].role == .step || spans[index].role == .tool else { return false }
        return ancestor(of: index) { spans[$0].role == .call } >= 0
    }

    private mutating func addAbove(_ index: Int, _ tokens: TokenSum) {
        var next = Int(ways[index].ancestor)
        var hops = 0
        while next >= 0, hops < Self.hopsMax {
            sums.add(tokens, at: next)
            next = Int(ways[next].ancestor)
            hops += 1
        }
    }

    /// To the spans above a call; for one whose place is not known, to those whose time holds it.
    private mutating func addToSumming(_ cluster: Cluster) {
        let tokens = TokenSum(cluster)
        let top = Int(cluster.top)
        if ways[top].ancestor >= 0 || ways[top].isKnown { return addAbove(top, tokens) }
        for key in sums.summing {
            let index = Int(key & 0xFFFF_FFFF)
            if spans[index].start <= cluster.start, spans[index].end >= cluster.end { sums.add(tokens, at: index) }
        }
    }

    /// What later spans may repeat: calls and rests above which something is missing.
    mutating func openUsage(_ rests: [FoundRest]) -> SettledUsage {
        var result = SettledUsage()
        for cluster in calls where !cluster.usage.isEmpty && !isPlaceKnown(cluster) {
            result.add(cluster.usage.buckets(isInputExclusive: cluster.hasExclusiveInput))
            let top = Int(cluster.top)
            if ways[top].ancestor < 0, !ways[top].isKnown { result.add(ways[top].missing) }
        }
        for rest in rests {
            if let index = firstIndex(of: rest.spanID), !isPlaceKnown(index) { result.add(rest.usage) }
        }
        return result
    }

    private mutating func unattributed(
        _ index: Int, _ usage: TokenUsage, _ traceID: TraceID, _ texts: inout TextTable
    ) -> FoundRest {
        let own = spans[index].conversation
        return FoundRest(
            traceID: traceID, spanID: spans[index].spanID, start: spans[index].start,
            weight: UInt64(spans[index].weight), service: spans[names: index].service, agent: agent(index),
            conversation: own.isEmpty ? conversation(above: index) : own,
            attribution: attribution(index, &texts), usage: usage)
    }
}
