/// The spans of one trace: who calls whom, and when. Parents stand before their children.
struct TracePlan: Sendable {
    struct Node: Sendable {
        /// An index into ``AgentScript/templates``.
        let template: Int
        let service: Int
        /// An index into the plan; -1 for the root.
        let parent: Int
        let id: UInt64
        let start: UInt64
        var end: UInt64
        /// Tokens of the calls right below that left already, by ``SpanTemplate/Slot/Tokens``.
        var tokens = SIMD2<Int>()
    }

    private(set) var nodes: [Node] = []
    /// Where the work stands, in unix nanoseconds.
    private var now: UInt64 = 0
    private var clientSpans = false

    /// - Parameter clientSpans: Whether a service that asks another one has a span of its request, above the other's.
    mutating func make(
        _ script: AgentScript, start: UInt64, clientSpans: Bool = false, _ random: inout SeededRandom
    ) {
        self.clientSpans = clientSpans
        nodes.removeAll(keepingCapacity: true)
        now = start
        // Most traces are short, some are long: the lesser of two numbers, between 5 and 62.
        let range = AgentTraffic.traceSpans
        let count = range.lowerBound + min(random.below(range.count), random.below(range.count))
        let root = begin(script.root, .gateway, parent: -1, &random)
        pause(&random, microseconds: 300)
        leaf(script.authorize, .gateway, parent: root, microseconds: 900, &random)
        let coordinator = invoke(script, .coordinator, by: .gateway, parent: root, hasCalls: false, &random)
        let planner = invoke(script, .planner, by: .coordinator, parent: coordinator, hasCalls: true, &random)
        call(script, .planner, parent: planner, left: 1, &random)
        endRun(planner, &random)
        var turn = 0
        while nodes.count < count {
            work(script, turn % 3 == 2 ? .writer : .researcher, parent: coordinator, count: count, &random)
            turn += 1
        }
        endRun(coordinator, &random)
        end(root, &random)
    }

    /// One turn of an agent: it calls a model, runs the tools that the model asked for at once, and so on.
    private mutating func work(
        _ script: AgentScript, _ service: AgentScript.Service, parent: Int, count: Int, _ random: inout SeededRandom
    ) {
        let isLast = nodes.count + (clientSpans ? 2 : 1) >= count
        let agent = invoke(script, service, by: .coordinator, parent: parent, hasCalls: !isLast, &random)
        for _ in 0...random.below(3) where nodes.count < count {
            call(script, service, parent: agent, left: count - nodes.count, &random)
            let tools = service == .researcher ? random.below(4) : random.below(2)
            let start = now
            var latest = now
            for _ in 0..<tools where nodes.count < count {
                now = start
                tool(script, service, parent: agent, left: count - nodes.count, &random)
                latest = max(latest, now)
            }
            now = latest
        }
        endRun(agent, &random)
    }

    /// Begins an agent's run, and before it the request for it where services have spans of their requests; one in
    /// fifty of these counts as failed because the answer came too late.
    private mutating func invoke(
        _ script: AgentScript, _ service: AgentScript.Service, by client: AgentScript.Service, parent: Int,
        hasCalls: Bool, _ random: inout SeededRandom
    ) -> Int {
        let index = service.rawValue
        guard clientSpans else {
            let invocations = hasCalls ? script.invocations : script.idleInvocations
            return begin(invocations[index], service, parent: parent, &random)
        }
        let isFailed = random.happens(perMille: 20)
        let request = begin(
            (isFailed ? script.failedRequests : script.requests)[index], client, parent: parent, &random)
        let invocations = hasCalls ? script.servedInvocations : script.idleServedInvocations
        return begin(invocations[index], service, parent: request, &random)
    }

    /// Ends an agent's run and then the request for it, which stands right before it.
    private mutating func endRun(_ run: Int, _ random: inout SeededRandom) {
        end(run, &random)
        if clientSpans { end(run - 1, &random) }
    }

    private mutating func call(
        _ script: AgentScript, _ service: AgentScript.Service, parent: Int, left: Int, _ random: inout SeededRandom
    ) {
        let model = random.below(AgentScript.models.count)
        if left > 1, random.happens(perMille: 40) {
            let failed = random.happens(perMille: 700) ? script.throttledCalls : script.failedCalls
            leaf(failed[model], service, parent: parent, microseconds: 60_000, &random)
            pause(&random, microseconds: 400_000)
        }
        leaf(script.calls[model], service, parent: parent, microseconds: 900_000, &random)
    }

    private mutating func tool(
        _ script: AgentScript, _ service: AgentScript.Service, parent: Int, left: Int, _ random: inout SeededRandom
    ) {
        let tool = random.below(AgentScript.tools.count)
        let isFailed = random.happens(perMille: 20)
        let run = begin((isFailed ? script.failedToolRuns : script.toolRuns)[tool], service, parent: parent, &random)
        if tool < AgentScript.remoteTools, left > 1 {
            leaf(script.fetch, service, parent: run, microseconds: 120_000, &random)
        } else {
            pause(&random, microseconds: 40_000)
        }
        end(run, &random)
    }

    /// Adds tokens of a call to those of the span above.
    mutating func add(_ count: Int, _ tokens: SpanTemplate.Slot.Tokens, above node: Node) {
        if node.parent >= 0 { nodes[node.parent].tokens[tokens.rawValue] += count }
    }

    // MARK: spans

    private mutating func begin(
        _ template: Int, _ service: AgentScript.Service, parent: Int, _ random: inout SeededRandom
    ) -> Int {
        nodes.append(
            Node(
                template: template, service: service.rawValue, parent: parent, id: random.next() | 1, start: now,
                end: now))
        pause(&random, microseconds: 200)
        return nodes.count - 1
    }

    private mutating func end(_ index: Int, _ random: inout SeededRandom) {
        pause(&random, microseconds: 100)
        nodes[index].end = now
    }

    private mutating func leaf(
        _ template: Int, _ service: AgentScript.Service, parent: Int, microseconds: Int, _ random: inout SeededRandom
    ) {
        let index = begin(template, service, parent: parent, &random)
        pause(&random, microseconds: microseconds)
        end(index, &random)
    }

    /// Lets time pass: log-normal around so many microseconds, as a power of 1.35 with a binomial exponent and some
    /// jitter.
    private mutating func pause(_ random: inout SeededRandom, microseconds: Int) {
        let bits = random.next()
        let exponent = (bits & 0xFFFF).nonzeroBitCount
        let jitter = 0.9 + Double((bits >> 16) & 0xFFFF) / 327_680
        now &+= UInt64(Double(microseconds) * 1_000 * Self.factors[exponent] * jitter)
    }

    private static let factors: [Double] = {
        var factors = [Double](repeating: 1, count: 17)
        for index in 9...16 { factors[index] = factors[index - 1] * 1.35 }
        for index in stride(from: 7, through: 0, by: -1) { factors[index] = factors[index + 1] / 1.35 }
        return factors
    }()
}
