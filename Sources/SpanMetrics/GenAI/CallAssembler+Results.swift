import OTLP

/// A call of a model and the spans that it was put together from.
struct AssembledCall {
    var call: ModelCall
    var spanIDs: [SpanID]
    /// When the last of them arrived, unix nanoseconds.
    var receivedAt: UInt64
}

/// A run of a tool.
package struct ToolRun: Hashable, Sendable {
    package var spanID: SpanID
    package var weight: UInt64
    package var isError: Bool
    package var service: String
    package var agent: String
    package var tool: String
    /// When its span arrived, unix nanoseconds.
    package var receivedAt: UInt64
}

extension CallAssembler {
    // MARK: calls

    func modelCalls(of traceID: TraceID) -> [AssembledCall] {
        let retries = retries()
        return calls.enumerated().map { number, cluster in
            AssembledCall(
                call: modelCall(cluster, traceID: traceID, isRetry: retries.contains(number)),
                spanIDs: cluster.members.map { spans[$0].spanID },
                receivedAt: cluster.members.map { spans[$0].receivedAt }.max() ?? 0)
        }
    }

    private func modelCall(_ cluster: Cluster, traceID: TraceID, isRetry: Bool) -> ModelCall {
        let members = cluster.members.map { spans[$0] }
        let inner = members[0]
        func first(_ text: (GenAISpan) -> String) -> String {
            for member in members {
                let text = text(member)
                if !text.isEmpty { return text }
            }
            return ""
        }
        let usage = cluster.usage.isEmpty ? nil : cluster.usage.buckets(isInputExclusive: cluster.hasExclusiveInput)
        // The provider's own library knows the provider; one that only calls itself by its name does not.
        return ModelCall(
            traceID: traceID, spanID: inner.spanID, start: cluster.start, end: cluster.end, weight: inner.weight,
            isError: isError(cluster), operation: first { $0.operation }, provider: first { $0.provider },
            requestModel: first { $0.requestModel }, responseModel: first { $0.responseModel },
            service: first { $0.service },
            agent: inherited(cluster) { $0.agent }, conversation: inherited(cluster) { $0.conversation },
            attribution: attribution(cluster),
            errorType: isError(cluster) ? first { $0.errorType } : "",
            finishReasons: members.first { !$0.finishReasons.isEmpty }?.finishReasons ?? [],
            timeToFirstToken: members.lazy.compactMap(\.timeToFirstToken).first, usage: usage,
            reportedCost: members.lazy.compactMap(\.reportedCost).first, isRetry: isRetry)
    }

    /// The outermost span knows whether the caller got an answer.
    private func isError(_ cluster: Cluster) -> Bool { spans[cluster.top].isError }

    /// What the spans of a call say, or else the nearest span above them.
    private func inherited(_ cluster: Cluster, _ text: (GenAISpan) -> String) -> String {
        for member in cluster.members {
            let text = text(spans[member])
            if !text.isEmpty { return text }
        }
        return inherited(cluster.top, text)
    }

    private func inherited(_ index: Int, _ text: (GenAISpan) -> String) -> String {
        var result = ""
        _ = ancestor(of: index) { span in
            result = text(span)
            return !result.isEmpty
        }
        return result
    }

    private func attribution(_ cluster: Cluster) -> [String] {
        var result = spans[cluster.members[0]].attribution
        for index in result.indices where result[index].isEmpty {
            result[index] = inherited(cluster) { $0.attribution[index] }
        }
        return result
    }

    /// Calls that follow a failed one of the same parent to the same model.
    private func retries() -> Set<Int> {
        var result: Set<Int> = []
        var failed: [Int: Int] = [:]
        for (number, cluster) in calls.enumerated() {
            let context = blockingContext(of: cluster.top)
            if let before = failed[context] {
                let (a, b) = (calls[before], cluster)
                if a.end <= b.start, ModelIdentity.isSameModel(spans[a.members[0]], spans[b.members[0]]) {
                    result.insert(number)
                }
            }
            failed[context] = isError(cluster) ? number : nil
        }
        return result
    }

    // MARK: tools

    /// Each run of a tool once: a client's span below the run it belongs to is part of it.
    func toolRuns() -> [ToolRun] {
        spans.indices.filter { spans[$0].role == .tool && !isPartOfRun($0) }.map { index in
            let span = spans[index]
            let agent = span.agent.isEmpty ? inherited(index) { $0.agent } : span.agent
            return ToolRun(
                spanID: span.spanID, weight: span.weight, isError: span.isError, service: span.service, agent: agent,
                tool: span.tool, receivedAt: span.receivedAt)
        }
    }

    private func isPartOfRun(_ index: Int) -> Bool {
        let above = blockingContext(of: index)
        return above >= 0 && spans[above].role == .tool && spans[above].tool == spans[index].tool
    }

    // MARK: sums

    /// What agents, workflows and spans around several calls report beyond the calls found below them, each token once.
    func unattributedUsage(of traceID: TraceID) -> [UnattributedUsage] {
        let summing = spans.indices.filter {
            (spans[$0].role == .aggregate || sums.contains($0)) && !spans[$0].usage.isEmpty
        }
        guard !summing.isEmpty else { return [] }
        // Input and output only: a sum seldom says what of it was cached.
        var input = [UInt64](repeating: 0, count: spans.count)
        var output = input
        for cluster in calls {
            let usage = cluster.usage.buckets(isInputExclusive: cluster.hasExclusiveInput)
            for index in summingAncestors(of: cluster, summing) {
                input[index] = input[index].addingClamped(usage.input)
                output[index] = output[index].addingClamped(usage.output)
            }
        }
        // The inner ones first, so that what they miss counts as known to those around them.
        return summing.sorted { depth(of: $0) > depth(of: $1) }.compactMap { index in
            let sum = spans[index].usage.buckets(isInputExclusive: spans[index].isInputExclusive)
            var rest = TokenUsage()
            rest.uncachedInput = sum.input - min(sum.input, input[index])
            rest.visibleOutput = sum.output - min(sum.output, output[index])
            guard !rest.isEmpty else { return nil }
            for above in ancestry(of: index) {
                input[above] = input[above].addingClamped(rest.input)
                output[above] = output[above].addingClamped(rest.output)
            }
            return unattributed(index, rest, traceID)
        }
    }

    private func unattributed(_ index: Int, _ usage: TokenUsage, _ traceID: TraceID) -> UnattributedUsage {
        let span = spans[index]
        func text(_ text: (GenAISpan) -> String) -> String {
            text(span).isEmpty ? inherited(index, text) : text(span)
        }
        return UnattributedUsage(
            traceID: traceID, spanID: span.spanID, start: span.start, weight: span.weight, service: span.service,
            agent: text { $0.agent }, conversation: text { $0.conversation }, attribution: span.attribution,
            usage: usage)
    }

    /// The spans above a call; for one whose place is not known, those whose time holds it.
    private func summingAncestors(of cluster: Cluster, _ summing: [Int]) -> [Int] {
        let above = ancestry(of: cluster.top)
        if !above.isEmpty || isPlaceKnown(cluster.top) { return above }
        return summing.filter { spans[$0].start <= cluster.start && spans[$0].end >= cluster.end }
    }
}
