import OTLP

extension CallAssembler {
    // MARK: calls

    func foundCall(_ cluster: Cluster, _ texts: FoundCall.Texts, traceID: TraceID) -> FoundCall {
        let hasUsage = !cluster.usage.isEmpty
        // The provider's own library knows the provider; one that only calls itself by its name does not.
        let inner = Int(cluster.first)
        return FoundCall(
            traceID: traceID, spanID: spans[inner].spanID, start: cluster.start, end: cluster.end,
            weight: spans[inner].weight, texts: texts, timeToFirstToken: number(cluster) { $0.timeToFirstToken },
            hasUsage: hasUsage,
            usage: hasUsage ? cluster.usage.buckets(isInputExclusive: cluster.hasExclusiveInput) : TokenUsage(),
            reportedCost: number(cluster) { $0.reportedCost }, isRetry: cluster.isRetry)
    }

    func texts(_ cluster: Cluster, _ texts: inout TextTable) -> FoundCall.Texts {
        FoundCall.Texts(
            service: first(cluster) { $0.service }, agent: inherited(cluster) { $0.agent },
            operation: first(cluster) { $0.operation }, provider: first(cluster) { $0.provider },
            requestModel: first(cluster) { $0.requestModel }, responseModel: first(cluster) { $0.responseModel },
            errorType: isError(cluster) ? first(cluster) { $0.errorType } : nil,
            finishReasons: finishReasons(cluster), attribution: attribution(cluster, &texts),
            conversation: inherited(cluster) { $0.conversation })
    }

    /// The outermost span knows whether the caller got an answer.
    private func isError(_ cluster: Cluster) -> Bool { spans[Int(cluster.top)].isError }

    /// The first text that a span of a call has, from the innermost on.
    @inline(__always)
    private func first(_ cluster: Cluster, _ text: (borrowing GenAISpan) -> TextNumber) -> TextNumber {
        var result = TextNumber.none
        _ = hasMember(cluster) {
            result = text(spans[$0])
            return !result.isEmpty
        }
        return result
    }

    private func finishReasons(_ cluster: Cluster) -> ListNumber {
        var result = ListNumber.none
        _ = hasMember(cluster) {
            result = spans[$0].finishReasons
            return result != .none
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

    /// What the spans of a call say, or else the nearest span above them.
    @inline(__always)
    private func inherited(_ cluster: Cluster, _ text: (borrowing GenAISpan) -> TextNumber) -> TextNumber {
        let own = first(cluster, text)
        return own.isEmpty ? inherited(Int(cluster.top), text) : own
    }

    @inline(__always)
    private func inherited(_ index: Int, _ text: (borrowing GenAISpan) -> TextNumber) -> TextNumber {
        var result = TextNumber.none
        _ = ancestor(of: index) {
            result = text(spans[$0])
            return !result.isEmpty
        }
        return result
    }

    /// Of the spans of the call and then of those above them, for each key the first that has it.
    private func attribution(_ cluster: Cluster, _ texts: inout TextTable) -> ListNumber {
        var result = spans[Int(cluster.first)].attribution
        var last = result
        func add(_ index: Int) -> Bool {
            let next = spans[index].attribution
            if next != last { result = texts.completed(result, with: next) }
            last = next
            return !texts.hasEmpty(result)
        }
        if texts.hasEmpty(result), !hasMember(cluster, where: add) {
            _ = ancestor(of: Int(cluster.top), where: add)
        }
        return result
    }

    // MARK: tools

    /// Each run of a tool once: a client's span below the run it belongs to is part of it.
    func isToolRun(_ index: Int) -> Bool {
        guard spans[index].role == .tool else { return false }
        let above = blockingContext(of: index)
        return above < 0 || spans[above].role != .tool || spans[above].tool != spans[index].tool
    }

    func foundRun(_ index: Int) -> FoundToolRun {
        FoundToolRun(
            spanID: spans[index].spanID, weight: spans[index].weight, isError: spans[index].isError,
            service: spans[index].service, agent: agent(index), tool: spans[index].tool,
            receivedAt: spans[index].receivedAt)
    }

    /// The agent of a span, or that of the nearest one above it.
    func agent(_ index: Int) -> TextNumber {
        let own = spans[index].agent
        return own.isEmpty ? inherited(index) { $0.agent } : own
    }

    // MARK: sums

    /// Tokens of calls by the spans above them.
    struct SumScratch: Sendable {
        fileprivate var summing: [UInt64] = []
        fileprivate var input: [UInt64] = []
        fileprivate var output: [UInt64] = []

        fileprivate mutating func add(_ usage: TokenUsage, at index: Int) {
            input[index] = input[index].addingClamped(usage.input)
            output[index] = output[index].addingClamped(usage.output)
        }
    }

    /// What agents, workflows and spans around several calls report beyond the calls found below them, each token once.
    mutating func findUnattributed(of traceID: TraceID, _ result: inout [FoundRest]) {
        result.removeAll(keepingCapacity: true)
        findSumming()
        guard !sums.summing.isEmpty else { return }
        // Input and output only: a sum seldom says what of it was cached.
        sums.input.fill(0, count: count)
        sums.output.fill(0, count: count)
        for cluster in calls { addToSumming(cluster) }
        for key in sums.summing {
            let index = Int(key & 0xFFFF_FFFF)
            let sum = spans[index].usage.buckets(isInputExclusive: spans[index].isInputExclusive)
            var rest = TokenUsage()
            rest.uncachedInput = sum.input - min(sum.input, sums.input[index])
            rest.visibleOutput = sum.output - min(sum.output, sums.output[index])
            guard !rest.isEmpty else { continue }
            addAbove(index, rest)
            result.append(unattributed(index, rest, traceID))
        }
    }

    /// The inner ones first, so that what they miss counts as known to those around them.
    private mutating func findSumming() {
        sums.summing.removeAll(keepingCapacity: true)
        for index in 0..<count where spans[index].role == .aggregate || isSum[index] {
            guard !spans[index].usage.isEmpty else { continue }
            sums.summing.append(UInt64(Self.hopsMax - Int(depths[index])) << 32 | UInt64(index))
        }
        sums.summing.sort()
    }

    private mutating func addAbove(_ index: Int, _ usage: TokenUsage) {
        var next = Int(ancestors[index])
        var hops = 0
        while next >= 0, hops < Self.hopsMax {
            sums.add(usage, at: next)
            next = Int(ancestors[next])
            hops += 1
        }
    }

    /// To the spans above a call; for one whose place is not known, to those whose time holds it.
    private mutating func addToSumming(_ cluster: Cluster) {
        let usage = cluster.usage.buckets(isInputExclusive: cluster.hasExclusiveInput)
        let top = Int(cluster.top)
        if ancestors[top] >= 0 || isAncestryKnown[top] { return addAbove(top, usage) }
        for key in sums.summing {
            let index = Int(key & 0xFFFF_FFFF)
            if spans[index].start <= cluster.start, spans[index].end >= cluster.end { sums.add(usage, at: index) }
        }
    }

    private func unattributed(_ index: Int, _ usage: TokenUsage, _ traceID: TraceID) -> FoundRest {
        let own = spans[index].conversation
        return FoundRest(
            traceID: traceID, spanID: spans[index].spanID, start: spans[index].start, weight: spans[index].weight,
            service: spans[index].service, agent: agent(index),
            conversation: own.isEmpty ? inherited(index) { $0.conversation } : own,
            attribution: spans[index].attribution, usage: usage)
    }
}
