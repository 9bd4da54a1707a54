import OTLP
import TraceStorage

/// What one trace says about agents.
struct AgentTrace: Sendable {
    /// An agent at work, once, however many spans describe it.
    struct Invocation: Hashable, Sendable {
        var agent: String
        /// Who invoked it or handed work to it; at least one.
        var origins: [Origin]
        /// Unix nanoseconds.
        var start: UInt64
        var nanoseconds: UInt64
        var isError: Bool
        var weight: UInt64
        /// The parent of its span did not arrive.
        var isOrphan: Bool
    }

    struct Origin: Hashable, Sendable {
        var node: AgentGraphNode
        var isHandOff: Bool
    }

    /// A run of a tool.
    struct Run: Hashable, Sendable {
        var owner: AgentGraphNode
        var tool: String
        /// Unix nanoseconds.
        var start: UInt64
        var nanoseconds: UInt64
        var isError: Bool
        var weight: UInt64
    }

    var invocations: [Invocation] = []
    var runs: [Run] = []
    var calls: [ModelCall] = []
    var unattributed: [UnattributedUsage] = []

    /// Whose work something is: that of an agent, else of the service.
    static func owner(agent: String, service: String) -> AgentGraphNode {
        agent.isEmpty ? AgentGraphNode(.service, service) : AgentGraphNode(.agent, agent)
    }
}

/// Reads what traces say about agents, one trace after the other, in the room of the one before.
///
/// Calls of models, their tokens, runs of tools and whose they are come from ``GenAICollector``, so that they are those
/// of the metrics and of `skein usage`.
struct AgentTraceReader {
    /// A span on the way from a span to the root.
    private struct Node {
        var row: Int
        /// Among the nodes, or -1.
        var parent = -1
        var service = ""
        /// Of the span itself; empty where it does not say one.
        var agent = ""
        var isInvocation = false
        /// The outermost span of the same invocation, among the nodes.
        var invocation = -1
        /// `graph.node.id` and `graph.node.parent_id`, as OpenInference names the agents of a graph.
        var graphNode = ""
        var graphParent = ""
    }

    /// Spans looked through upwards; more is a loop.
    private static let hopsMax = CallAssembler.hopsMax
    /// What one span may stand for, as for calls.
    private static let weightMax: UInt64 = 65_536

    private var collector: GenAICollector
    private var attributes = GenAIAttributes(attribution: [])
    private var texts = TextTable()
    private var nodes: [Node] = []
    private var byID: [SpanID: Int] = [:]
    /// By outermost span the others of its invocation.
    private var members: [Int: [Int]] = [:]
    private var byGraphNode: [String: Int] = [:]
    private var isAnyOfInterest = false

    init() {
        var configuration = GenAIConfiguration()
        configuration.attribution = []
        configuration.pendingSpansMax = .max >> 8
        collector = GenAICollector(configuration)
    }

    /// - Parameter batch: The spans of one trace, all of them.
    mutating func read(_ batch: SpanBatch) -> AgentTrace {
        var trace = AgentTrace()
        gather(batch)
        guard isAnyOfInterest else { return trace }
        var findings = GenAIFindings()
        // Everything at once: nothing waits, and position and time are of no account.
        collector.add(StoredBatch(batch: batch, position: JournalPosition(1), receivedAt: 0)) { findings.append($1) }
        collector.finishAll { findings.append($1) }
        trace.calls = findings.calls
        trace.unattributed = findings.unattributed
        trace.runs = findings.tools.compactMap { run($0, batch) }
        joinInvocations(batch)
        for index in nodes.indices where nodes[index].invocation == index {
            trace.invocations.append(invocation(index, batch))
        }
        return trace
    }

    private func run(_ run: ToolRun, _ batch: SpanBatch) -> AgentTrace.Run? {
        guard let index = byID[run.spanID] else { return nil }
        let span = batch.spans[nodes[index].row]
        return AgentTrace.Run(
            owner: AgentTrace.owner(agent: run.agent, service: run.service), tool: run.tool, start: span.startTime,
            nanoseconds: span.durationNanoseconds, isError: run.isError, weight: run.weight)
    }

    // MARK: spans

    /// Makes a node of each span; of those with one id the first that started counts.
    private mutating func gather(_ batch: SpanBatch) {
        nodes.removeAll(keepingCapacity: true)
        byID.removeAll(keepingCapacity: true)
        isAnyOfInterest = false
        if texts.isOversized { texts = TextTable() }
        let services = batch.resources.map { batch.serviceName(of: $0) ?? "" }
        let scopes = batch.scopes.map { ScopeFacts($0, of: batch) }
        for row in batch.spans.indices {
            let span = batch.spans[row]
            if let known = byID[span.spanID] {
                if batch.spans[nodes[known].row].startTime <= span.startTime { continue }
                nodes[known] = node(row, batch, services, scopes)
                continue
            }
            byID[span.spanID] = nodes.count
            nodes.append(node(row, batch, services, scopes))
        }
        for index in nodes.indices {
            let parent = batch.spans[nodes[index].row].parentSpanID
            if parent != .invalid, let found = byID[parent], found != index { nodes[index].parent = found }
        }
    }

    private mutating func node(
        _ row: Int, _ batch: SpanBatch, _ services: [String], _ scopes: [ScopeFacts]
    ) -> Node {
        let span = batch.spans[row]
        var node = Node(row: row, service: services[Int(batch.scope(of: span).resource)])
        attributes.read(span.attributes, of: batch)
        guard attributes.isOfInterest else { return node }
        isAnyOfInterest = true
        let number = GenAISpan(
            span, of: batch, &attributes, &texts, service: .none, scope: scopes[Int(span.scope)]
        ).names
        let read = texts.names(number)
        node.agent = texts.text(read.agent)
        node.isInvocation = read.role == .aggregate && read.operation == TextTable.invokeAgent
        if node.isInvocation {
            node.graphNode = batch.stringAttribute("graph.node.id", in: span.attributes) ?? ""
            node.graphParent = batch.stringAttribute("graph.node.parent_id", in: span.attributes) ?? ""
        }
        return node
    }

    /// Calls `body` with the spans above one, from its parent on, until it says false.
    private func forEachAncestor(of index: Int, _ body: (Int) -> Bool) {
        var next = nodes[index].parent
        var hops = 0
        while next >= 0, hops < Self.hopsMax {
            if !body(next) { return }
            next = nodes[next].parent
            hops += 1
        }
    }

    // MARK: invocations

    /// Frameworks wrap agents of others, and a client's span is the same invocation as that of the agent that runs
    /// elsewhere. An agent that one library shows within itself was invoked again.
    private mutating func joinInvocations(_ batch: SpanBatch) {
        members.removeAll(keepingCapacity: true)
        byGraphNode.removeAll(keepingCapacity: true)
        for index in nodes.indices where nodes[index].isInvocation {
            let outermost = outermost(index, batch)
            nodes[index].invocation = outermost
            if outermost != index { members[outermost, default: []].append(index) }
            let name = nodes[index].graphNode
            if !name.isEmpty, byGraphNode[name] == nil { byGraphNode[name] = index }
        }
    }

    private func outermost(_ index: Int, _ batch: SpanBatch) -> Int {
        var outermost = index
        forEachAncestor(of: index) { above in
            guard nodes[above].isInvocation else { return true }
            guard above != index else {
                // A loop has no outermost span.
                outermost = index
                return false
            }
            guard areOne(nodes[above], nodes[outermost], batch) else { return false }
            outermost = above
            return true
        }
        return outermost
    }

    private func areOne(_ outer: Node, _ inner: Node, _ batch: SpanBatch) -> Bool {
        guard outer.agent == inner.agent else { return false }
        let (a, b) = (batch.spans[outer.row], batch.spans[inner.row])
        if outer.service != inner.service { return a.kind == 3 }
        return batch.slice(batch.scope(of: a).name) != batch.slice(batch.scope(of: b).name)
    }

    private func invocation(_ index: Int, _ batch: SpanBatch) -> AgentTrace.Invocation {
        let span = batch.spans[nodes[index].row]
        var weight: UInt64 = 1
        if !span.traceState.isEmpty {
            let adjusted = TraceStateWeight.adjustedCount(batch.slice(span.traceState))
            weight = min(
                Self.weightMax, AdjustedCount.count(weight: adjusted, traceID: span.traceID, spanID: span.spanID))
        }
        let handOffs = handOffs(to: index, batch)
        return AgentTrace.Invocation(
            agent: nodes[index].agent,
            origins: handOffs.isEmpty
                ? [AgentTrace.Origin(node: invoker(of: index), isHandOff: false)]
                : handOffs.map { AgentTrace.Origin(node: AgentGraphNode(.agent, $0), isHandOff: true) },
            start: span.startTime, nanoseconds: span.durationNanoseconds, isError: span.isError, weight: weight,
            isOrphan: handOffs.isEmpty && nodes[index].parent < 0 && span.parentSpanID != .invalid)
    }

    /// The agent whose work the span above is, else the service of that span, else the agent's own.
    private func invoker(of index: Int) -> AgentGraphNode {
        if let agent = agentAbove(index) { return AgentGraphNode(.agent, agent) }
        let parent = nodes[index].parent
        return AgentGraphNode(.service, nodes[parent >= 0 ? parent : index].service)
    }

    private func agentAbove(_ index: Int) -> String? {
        var result: String?
        forEachAncestor(of: index) { above in
            // A span that merely names the agent that is invoked below it is none of its invokers.
            if nodes[above].isInvocation || !nodes[above].agent.isEmpty && nodes[above].agent != nodes[index].agent {
                result = nodes[above].agent
            }
            return result == nil
        }
        return result
    }

    // MARK: hand-offs

    /// The agents that handed work over, by links that name one or lead to the span of one, or by the graph that
    /// OpenInference's spans describe where it is not the one of the spans' nesting.
    private func handOffs(to index: Int, _ batch: SpanBatch) -> [String] {
        var agents: [String] = []
        func add(_ agent: String?) {
            if let agent, !agents.contains(agent) { agents.append(agent) }
        }
        for member in [index] + (members[index] ?? []) {
            let span = batch.spans[nodes[member].row]
            for link in batch.links[span.links.indices] { add(agent(of: link, from: index, span.traceID, batch)) }
            let parent = nodes[member].graphParent
            guard !parent.isEmpty else { continue }
            let known = byGraphNode[parent].map { nodes[$0] }
            let agent = known?.agent ?? parent
            if agent != agentAbove(index), known?.invocation != index { add(agent) }
        }
        return agents.sorted()
    }

    private func agent(of link: LinkRow, from index: Int, _ traceID: TraceID, _ batch: SpanBatch) -> String? {
        if let name = batch.stringAttribute("gen_ai.agent.name", in: link.attributes), !name.isEmpty { return name }
        guard link.traceID == traceID, let target = byID[link.spanID], nodes[target].isInvocation,
            nodes[target].invocation != index
        else { return nil }
        return nodes[target].agent
    }
}
