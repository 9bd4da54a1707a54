import TraceStorage

/// Somebody or something in an ``AgentGraph``.
package struct AgentGraphNode: Hashable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        /// What asked an agent, a tool or a model without being an agent itself.
        case service
        case agent
        case tool
        case model
    }

    package var kind: Kind
    /// Empty where no span says it.
    package var name: String

    package init(_ kind: Kind, _ name: String) {
        self.kind = kind
        self.name = name
    }

    /// Unique in a graph.
    package var id: String { kind.rawValue + ":" + name }
}

/// Who asked whom, and how.
package struct AgentGraphLink: Hashable, Sendable {
    package enum Kind: String, Sendable {
        /// An agent was invoked by another one or by a service.
        case call
        /// An agent was given work by another one that says so, wherever the two stand in the trace.
        case handoff
        case tool
        case model
    }

    package var from: AgentGraphNode
    package var to: AgentGraphNode
    package var kind: Kind

    package init(from: AgentGraphNode, to: AgentGraphNode, kind: Kind) {
        self.from = from
        self.to = to
        self.kind = kind
    }
}

/// What the spans of a range of time say about agents.
package struct AgentGraph: Sendable {
    /// What several invocations, runs or calls come to.
    package struct Sum: Sendable {
        /// How many there were, each as many as its span stands for.
        package var count: UInt64 = 0
        package var errors: UInt64 = 0
        /// Tokens and cost of calls of models, by the rules of ``UsageQuery``.
        package var usage = UsageSum()
        private var durations = LogLinearHistogram()

        package var errorRate: Double { count == 0 ? 0 : Double(errors) / Double(count) }

        /// The duration that a share of 0 to 1 of them does not exceed; at most 1 % off.
        package func quantileNanoseconds(_ share: Double) -> UInt64 { durations.quantile(share) }

        mutating func add(weight: UInt64, isError: Bool, nanoseconds: UInt64) {
            count = count.addingClamped(weight)
            if isError { errors = errors.addingClamped(weight) }
            durations.add(nanoseconds, weight: Double(weight))
        }
    }

    /// Links of an answer, some 10 KB of working memory each with their nodes; nobody reads a picture of more.
    package static let linksMax = 2_000

    /// Of an agent its invocations, of a tool its runs, of a model its calls, of a service what it began.
    package private(set) var nodes: [AgentGraphNode: Sum] = [:]
    package private(set) var links: [AgentGraphLink: Sum] = [:]
    /// All usage, that of calls beyond ``linksMax`` included.
    package private(set) var total = UsageSum()
    /// Invocations of agents whose parent did not arrive, so that nobody knows who invoked them.
    package private(set) var orphans: UInt64 = 0
    /// Traces that were looked at.
    package internal(set) var traces = 0
    /// Links were left out, as there are more than ``linksMax``.
    package private(set) var isTruncated = false
    /// Why something may be missing, one line each; empty for a complete answer.
    package internal(set) var partialReasons: [String] = []

    package init() {}

    // MARK: adding

    mutating func add(_ trace: AgentTrace, in range: TimeRange, cost: (ModelCall) -> CallCost) {
        for invocation in trace.invocations where range.contains(invocation.start) { add(invocation) }
        for run in trace.runs where range.contains(run.start) {
            add(
                AgentGraphLink(from: run.owner, to: AgentGraphNode(.tool, run.tool), kind: .tool), weight: run.weight,
                isError: run.isError, nanoseconds: run.nanoseconds, usage: nil)
        }
        for call in trace.calls where range.contains(call.start) {
            let owner = AgentTrace.owner(agent: call.agent, service: call.service)
            add(
                AgentGraphLink(from: owner, to: AgentGraphNode(.model, call.model), kind: .model),
                weight: call.weight, isError: call.isError, nanoseconds: call.durationNanoseconds,
                usage: Self.record(call, cost(call)))
        }
        for rest in trace.unattributed where range.contains(rest.start) {
            var record = UsageRecord()
            record.kind = .unattributed
            record.tokens = rest.usage.multiplied(by: rest.weight)
            total.add(record)
            let owner = AgentTrace.owner(agent: rest.agent, service: rest.service)
            if reserve(owner) { nodes[owner, default: Sum()].usage.add(record) }
        }
    }

    private mutating func add(_ invocation: AgentTrace.Invocation) {
        let agent = AgentGraphNode(.agent, invocation.agent)
        if invocation.isOrphan { orphans = orphans.addingClamped(invocation.weight) }
        for (index, origin) in invocation.origins.enumerated() {
            let link = AgentGraphLink(from: origin.node, to: agent, kind: origin.isHandOff ? .handoff : .call)
            // Once for the agent, however many handed work to it.
            add(
                link, weight: invocation.weight, isError: invocation.isError, nanoseconds: invocation.nanoseconds,
                usage: nil, countsAtEnd: index == 0)
        }
    }

    private mutating func add(
        _ link: AgentGraphLink, weight: UInt64, isError: Bool, nanoseconds: UInt64, usage: UsageRecord?,
        countsAtEnd: Bool = true
    ) {
        if let usage { total.add(usage) }
        guard links[link] != nil || links.count < Self.linksMax else {
            isTruncated = true
            return
        }
        func change(_ sum: inout Sum) {
            sum.add(weight: weight, isError: isError, nanoseconds: nanoseconds)
            if let usage { sum.usage.add(usage) }
        }
        change(&links[link, default: Sum()])
        if countsAtEnd { change(&nodes[link.to, default: Sum()]) }
        if link.from.kind == .service {
            change(&nodes[link.from, default: Sum()])
        } else if let usage {
            nodes[link.from, default: Sum()].usage.add(usage)
        } else if nodes[link.from] == nil {
            nodes[link.from] = Sum()
        }
    }

    /// What ``UsageSum`` adds up of a call.
    private static func record(_ call: ModelCall, _ cost: CallCost) -> UsageRecord {
        var record = UsageRecord()
        record.calls = call.weight
        record.errors = call.isError ? call.weight : 0
        record.tokens = call.usage?.multiplied(by: call.weight) ?? TokenUsage()
        record.cost = cost.usd * Double(call.weight)
        record.costSource = cost.source
        return record
    }

    /// Whether a node without a link has room.
    private mutating func reserve(_ node: AgentGraphNode) -> Bool {
        if nodes[node] != nil || nodes.count < Self.linksMax { return true }
        isTruncated = true
        return false
    }
}
