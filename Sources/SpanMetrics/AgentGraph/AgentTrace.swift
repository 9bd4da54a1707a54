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

    /// A call of a model.
    struct Call: Hashable, Sendable {
        var owner: AgentGraphNode
        var model: String
        /// Unix nanoseconds.
        var start: UInt64
        var nanoseconds: UInt64
        var isError: Bool
        var weight: UInt64
        /// Of one of the calls that it stands for, as the cost.
        var tokens: TokenUsage
        var cost: CallCost
    }

    /// Usage beyond that of the calls.
    struct Rest: Hashable, Sendable {
        var owner: AgentGraphNode
        /// Unix nanoseconds.
        var start: UInt64
        /// Of all that it stands for.
        var tokens: TokenUsage
    }

    var invocations: [Invocation] = []
    var runs: [Run] = []
    var calls: [Call] = []
    var unattributed: [Rest] = []

    /// Whose work something is: that of an agent, else of the service.
    static func owner(agent: String, service: String) -> AgentGraphNode {
        agent.isEmpty ? AgentGraphNode(.service, service) : AgentGraphNode(.agent, agent)
    }
}

/// Reads what traces say about agents, one trace after the other, in the room of the one before.
///
/// Calls of models, their tokens and cost, runs of tools and whose they are come from ``GenAICollector`` and
/// ``CostModel``, so that they are those of the metrics and of `skein usage`.
struct AgentTraceReader {
    /// A span on the way from a span to the root.
    struct Node {
        let id: SpanID
        var row: Int32
        /// Among the nodes, or -1.
        var parent: Int32 = -1
        var service = TextNumber.none
        /// Of the span itself; empty where it does not say one.
        var agent = TextNumber.none
        var isInvocation = false
        /// The outermost span of the same invocation, among the nodes.
        var invocation: Int32 = -1
        /// `graph.node.id` and `graph.node.parent_id`, as OpenInference names the agents of a graph.
        var graphNode = TextNumber.none
        var graphParent = TextNumber.none
    }

    /// What is read of spans: all that ``GenAICollector`` goes by, and not what it merely passes on.
    static let parts = SpanParts(
        attributes: Set(GenAIFact.allCases).subtracting([
            .conversation, .timeToFirstChunk, .timeToFirstToken, .completionStart,
        ]).flatMap(\.names) + ["graph.node.id", "graph.node.parent_id"],
        marks: GenAIAttributes.keyPrefixes)

    /// Spans looked through upwards; more is a loop.
    private static let hopsMax = CallAssembler.hopsMax

    private let costs: CostModel
    private var prices = KnownPrices()
    private var collector = GenAICollector.ofWholeTraces()
    private var attributes = GenAIAttributes(attribution: [])
    private var texts = TextTable()
    private var nodes: [Node] = []
    private var ids = SpanIDTable()
    /// By outermost span the others of its invocation.
    private var members: [Int: [Int]] = [:]
    private var byGraphNode: [TextNumber: Int] = [:]
    private var isAnyOfInterest = false

    init(costs: CostModel) { self.costs = costs }

    /// - Parameter batch: The spans of one trace, all of them, at least ``parts`` of each.
    mutating func read(_ batch: SpanBatch) -> AgentTrace {
        var trace = AgentTrace()
        gather(batch)
        guard isAnyOfInterest else { return trace }
        // Everything at once: nothing waits, and position and time are of no account.
        let stored = StoredBatch(batch: batch, position: JournalPosition(1), receivedAt: 0)
        var tools: [ToolRun] = []
        let costs = costs
        var prices = prices
        func take(_ found: NumberedFindings, _ texts: TextTable) {
            for call in found.calls { trace.calls.append(AgentTrace.Call(call, costs, &prices, texts)) }
            for rest in found.unattributed { trace.unattributed.append(AgentTrace.Rest(rest, texts)) }
            for run in found.tools { tools.append(ToolRun(run, texts)) }
        }
        collector.take(stored) { take($1, $2) }
        collector.takeAll { take($1, $2) }
        self.prices = prices
        trace.runs = tools.compactMap { run($0, batch) }
        joinInvocations(batch)
        for index in nodes.indices where nodes[index].invocation == index {
            trace.invocations.append(invocation(index, batch))
        }
        return trace
    }

    private func run(_ run: ToolRun, _ batch: SpanBatch) -> AgentTrace.Run? {
        guard let index = ids.index(of: run.spanID, nodes) else { return nil }
        let span = batch.spans[Int(nodes[index].row)]
        return AgentTrace.Run(
            owner: AgentTrace.owner(agent: run.agent, service: run.service), tool: run.tool, start: span.startTime,
            nanoseconds: span.durationNanoseconds, isError: run.isError, weight: run.weight)
    }

    // MARK: spans

    /// Makes a node of each span; of those with one id the first that started counts.
    private mutating func gather(_ batch: SpanBatch) {
        nodes.removeAll(keepingCapacity: true)
        ids.reset(count: batch.spans.count)
        isAnyOfInterest = false
        if texts.isOversized { texts = TextTable() }
        for resource in batch.resources {
            let service = serviceName(of: resource, batch)
            for scope in batch.scopes[resource.scopes.indices] {
                let facts = ScopeFacts(scope, of: batch)
                for row in scope.spans.indices { gather(row, service, facts, batch) }
            }
        }
        for index in nodes.indices {
            let parent = batch.spans[Int(nodes[index].row)].parentSpanID
            guard parent != .invalid, let found = ids.index(of: parent, nodes), found != index else {
                continue
            }
            nodes[index].parent = Int32(found)
        }
    }

    private mutating func serviceName(of resource: ResourceRow, _ batch: SpanBatch) -> TextNumber {
        guard let row = batch.attribute("service.name", in: resource.attributes), row.kind == .string else {
            return .none
        }
        return texts.number(of: row.slice, in: batch)
    }

    private mutating func gather(_ row: Int, _ service: TextNumber, _ scope: ScopeFacts, _ batch: SpanBatch) {
        let span = batch.spans[row]
        guard let known = ids.insert(span.spanID, nodes.count, nodes) else {
            nodes.append(node(row, service, scope, batch))
            return
        }
        if batch.spans[Int(nodes[known].row)].startTime > span.startTime {
            nodes[known] = node(row, service, scope, batch)
        }
    }

    private mutating func node(
        _ row: Int, _ service: TextNumber, _ scope: ScopeFacts, _ batch: SpanBatch
    ) -> Node {
        let span = batch.spans[row]
        var node = Node(id: span.spanID, row: Int32(row), service: service)
        attributes.read(span.attributes, shape: span.attributeShape, of: batch)
        guard attributes.isOfInterest else { return node }
        isAnyOfInterest = true
        let operation = attributes.text(.operation, of: batch, &texts)
        if TextTable.calls.contains(operation.index) || operation == TextTable.executeTool {
            // Most spans of interest: of these nothing else matters here.
            node.agent = attributes.text(.agent, of: batch, &texts)
            return node
        }
        var known = GenAISpan()
        withUnsafePointer(to: span) {
            known.read($0, of: batch, &attributes, &texts, service: .none, scope: scope)
        }
        let read = texts.names(known.names)
        node.agent = read.agent
        node.isInvocation = read.role == .aggregate && read.operation == TextTable.invokeAgent
        if node.isInvocation {
            node.graphNode = text("graph.node.id", of: span, batch)
            node.graphParent = text("graph.node.parent_id", of: span, batch)
        }
        return node
    }

    private mutating func text(_ key: StaticString, of span: SpanRow, _ batch: SpanBatch) -> TextNumber {
        guard let row = batch.attribute(key, in: span.attributes), row.kind == .string else { return .none }
        return texts.number(of: row.slice, in: batch)
    }

    /// Calls `body` with the spans above one, from its parent on, until it says false.
    private func forEachAncestor(of index: Int, _ body: (Int) -> Bool) {
        var next = Int(nodes[index].parent)
        var hops = 0
        while next >= 0, hops < Self.hopsMax {
            if !body(next) { return }
            next = Int(nodes[next].parent)
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
            nodes[index].invocation = Int32(outermost)
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
        let (a, b) = (batch.spans[Int(outer.row)], batch.spans[Int(inner.row)])
        if outer.service != inner.service { return a.kind == 3 }
        return batch.slice(batch.scope(of: a).name) != batch.slice(batch.scope(of: b).name)
    }

    private func invocation(_ index: Int, _ batch: SpanBatch) -> AgentTrace.Invocation {
        let span = batch.spans[Int(nodes[index].row)]
        let handOffs = handOffs(to: index, batch)
        let weight = withUnsafePointer(to: span) { GenAISpan.weight(of: $0, in: batch) }
        return AgentTrace.Invocation(
            agent: texts.text(nodes[index].agent),
            origins: handOffs.isEmpty
                ? [AgentTrace.Origin(node: invoker(of: index), isHandOff: false)]
                : handOffs.map { AgentTrace.Origin(node: AgentGraphNode(.agent, $0), isHandOff: true) },
            start: span.startTime, nanoseconds: span.durationNanoseconds, isError: span.isError,
            weight: UInt64(weight),
            isOrphan: handOffs.isEmpty && nodes[index].parent < 0 && span.parentSpanID != .invalid)
    }

    /// The agent whose work the span above is, else the service of that span, else the agent's own.
    private func invoker(of index: Int) -> AgentGraphNode {
        if let agent = agentAbove(index) { return AgentGraphNode(.agent, texts.text(agent)) }
        let parent = Int(nodes[index].parent)
        return AgentGraphNode(.service, texts.text(nodes[parent >= 0 ? parent : index].service))
    }

    private func agentAbove(_ index: Int) -> TextNumber? {
        var result: TextNumber?
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
            let span = batch.spans[Int(nodes[member].row)]
            for link in batch.links[span.links.indices] { add(agent(of: link, from: index, span.traceID, batch)) }
            let parent = nodes[member].graphParent
            guard !parent.isEmpty else { continue }
            let known = byGraphNode[parent].map { nodes[$0] }
            let agent = known?.agent ?? parent
            if agent != agentAbove(index), known.map({ Int($0.invocation) }) != index { add(texts.text(agent)) }
        }
        return agents.sorted()
    }

    private func agent(of link: LinkRow, from index: Int, _ traceID: TraceID, _ batch: SpanBatch) -> String? {
        if let name = batch.stringAttribute("gen_ai.agent.name", in: link.attributes), !name.isEmpty { return name }
        guard link.traceID == traceID, let target = ids.index(of: link.spanID, nodes),
            nodes[target].isInvocation, nodes[target].invocation != index
        else { return nil }
        return texts.text(nodes[target].agent)
    }
}

extension AgentTrace.Call {
    fileprivate init(
        _ found: FoundCall, _ costs: CostModel, _ prices: inout KnownPrices, _ texts: TextTable
    ) {
        let names = texts.names(found.texts.names)
        self.init(
            owner: AgentTrace.owner(agent: texts.text(found.texts.agent), service: texts.text(names.service)),
            model: texts.text(names.model), start: found.start, nanoseconds: found.durationNanoseconds,
            isError: found.isError, weight: found.weight, tokens: found.usage,
            cost: costs.cost(of: found, texts, &prices))
    }
}

extension AgentTrace.Rest {
    fileprivate init(_ found: FoundRest, _ texts: TextTable) {
        self.init(
            owner: AgentTrace.owner(agent: texts.text(found.agent), service: texts.text(found.service)),
            start: found.start, tokens: found.usage.multiplied(by: found.weight))
    }
}

extension [AgentTraceReader.Node]: SpanIDList {
    @inline(__always)
    func spanID(at index: Int) -> SpanID { self[index].id }
}
