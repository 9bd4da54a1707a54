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

    /// A node or link and what it comes to.
    private struct Entry<Key: Sendable>: Sendable {
        let key: Key
        var sum = Sum()
        /// False for a node that only names the end of a link.
        var isKnown = true
    }

    private struct LinkNumber: Hashable {
        let from: Int32
        let to: Int32
        let kind: AgentGraphLink.Kind
    }

    /// In the order in which they were come upon; found by their numbers, as texts take longer to compare.
    private var nodeEntries: [Entry<AgentGraphNode>] = []
    private var linkEntries: [Entry<AgentGraphLink>] = []
    private var nodeNumbers: [AgentGraphNode: Int32] = [:]
    private var linkNumbers: [LinkNumber: Int] = [:]

    /// Of an agent its invocations, of a tool its runs, of a model its calls, of a service what it began.
    package var nodes: [AgentGraphNode: Sum] {
        Dictionary(uniqueKeysWithValues: nodeEntries.lazy.filter(\.isKnown).map { ($0.key, $0.sum) })
    }

    package var links: [AgentGraphLink: Sum] {
        Dictionary(uniqueKeysWithValues: linkEntries.lazy.map { ($0.key, $0.sum) })
    }

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

    mutating func add(_ trace: AgentTrace, in range: TimeRange) {
        for invocation in trace.invocations where range.contains(invocation.start) { add(invocation) }
        for run in trace.runs where range.contains(run.start) {
            add(
                AgentGraphLink(from: run.owner, to: AgentGraphNode(.tool, run.tool), kind: .tool), weight: run.weight,
                isError: run.isError, nanoseconds: run.nanoseconds, usage: nil)
        }
        for call in trace.calls where range.contains(call.start) {
            add(
                AgentGraphLink(from: call.owner, to: AgentGraphNode(.model, call.model), kind: .model),
                weight: call.weight, isError: call.isError, nanoseconds: call.nanoseconds, usage: Self.record(call))
        }
        for rest in trace.unattributed where range.contains(rest.start) {
            var record = UsageRecord()
            record.kind = .unattributed
            record.tokens = rest.tokens
            total.add(record)
            if let owner = number(ofUnlinked: rest.owner) { nodeEntries[owner].sum.usage.add(record) }
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
        guard let (place, from, to) = place(of: link) else {
            isTruncated = true
            return
        }
        func change(_ sum: inout Sum) {
            sum.add(weight: weight, isError: isError, nanoseconds: nanoseconds)
            if let usage { sum.usage.add(usage) }
        }
        change(&linkEntries[place].sum)
        if countsAtEnd {
            nodeEntries[to].isKnown = true
            change(&nodeEntries[to].sum)
        }
        nodeEntries[from].isKnown = true
        if link.from.kind == .service {
            change(&nodeEntries[from].sum)
        } else if let usage {
            nodeEntries[from].sum.usage.add(usage)
        }
    }

    /// What ``UsageSum`` adds up of a call.
    private static func record(_ call: AgentTrace.Call) -> UsageRecord {
        var record = UsageRecord()
        record.calls = call.weight
        record.errors = call.isError ? call.weight : 0
        record.tokens = call.tokens.multiplied(by: call.weight)
        record.cost = call.cost.usd * Double(call.weight)
        record.costSource = call.cost.source
        record.otherCost = call.cost.otherUSD * Double(call.weight)
        return record
    }

    // MARK: numbers

    /// The places of a link and of its ends; nil for a new one for which there is no room.
    private mutating func place(of link: AgentGraphLink) -> (link: Int, from: Int, to: Int)? {
        if let from = nodeNumbers[link.from], let to = nodeNumbers[link.to],
            let known = linkNumbers[LinkNumber(from: from, to: to, kind: link.kind)]
        {
            return (known, Int(from), Int(to))
        }
        guard linkEntries.count < Self.linksMax else { return nil }
        let (from, to) = (number(of: link.from), number(of: link.to))
        linkNumbers[LinkNumber(from: Int32(from), to: Int32(to), kind: link.kind)] = linkEntries.count
        linkEntries.append(Entry(key: link))
        return (linkEntries.count - 1, from, to)
    }

    private mutating func number(of node: AgentGraphNode) -> Int {
        if let known = nodeNumbers[node] { return Int(known) }
        nodeNumbers[node] = Int32(nodeEntries.count)
        nodeEntries.append(Entry(key: node, isKnown: false))
        return nodeEntries.count - 1
    }

    /// Of a node without a link; nil where there is no room for a new one.
    private mutating func number(ofUnlinked node: AgentGraphNode) -> Int? {
        guard nodeNumbers[node] != nil || nodeEntries.count < Self.linksMax else {
            isTruncated = true
            return nil
        }
        let number = number(of: node)
        nodeEntries[number].isKnown = true
        return number
    }
}
