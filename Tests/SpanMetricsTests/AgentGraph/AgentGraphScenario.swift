import OTLP
import SpanMetrics
import TraceFixtures

/// Traces of agents that invoke one another, hand over work, run tools and call models, as different libraries send
/// them, and what really happened.
struct AgentGraphScenario {
    struct Truth: Hashable {
        var count: UInt64 = 0
        var errors: UInt64 = 0
        var nanoseconds: [UInt64] = []
        var input: UInt64 = 0
        var output: UInt64 = 0
    }

    private(set) var spans: [SpanFixture] = []
    private(set) var truth: [AgentGraphLink: Truth] = [:]
    private(set) var invocations: [String: UInt64] = [:]
    private(set) var orphans: UInt64 = 0

    private typealias Vocabulary = ModelCallScenario.Vocabulary

    private static let agents = ["planner", "writer", "critic", "\"odd\" agent\n"]
    private static let tools = ["search", "calculator"]
    private static let models = ["gpt-5-mini", "claude-sonnet-4-5", "unheard-of"]
    private var random: SeededGenerator
    private var nextID: UInt64 = 0
    private var traceID = TraceID(high: 21, low: 0)
    private var clock: UInt64 = 1_700_000_000_000_000_000
    private var depth = 0

    init(seed: UInt64, traces: Int) {
        random = SeededGenerator(seed: seed)
        for _ in 0..<traces { addTrace() }
    }

    private mutating func addTrace() {
        traceID = TraceID(high: 21, low: traceID.low + 1)
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            let request = beginOther("POST /ask", "gateway", parent: 0)
            addAgent(agent(), by: AgentGraphNode(.service, "gateway"), "desk", parent: request)
            end(request)
        case 1:
            // The span above does not arrive.
            nextID += 1
            orphans += 1
            addAgent(agent(), by: AgentGraphNode(.service, "desk"), "desk", parent: nextID)
        case 2:
            // No agent at all.
            let request = beginOther("POST /ask", "desk", parent: 0)
            addCall(of: AgentGraphNode(.service, "desk"), "desk", parent: request)
            addRun(of: AgentGraphNode(.service, "desk"), "desk", parent: request)
            end(request)
        default:
            addAgent(agent(), by: AgentGraphNode(.service, "desk"), "desk", parent: 0)
        }
        clock += 1_000_000_000
    }

    private mutating func agent() -> String { Self.agents.randomElement(using: &random)! }

    // MARK: spans

    private mutating func begin(
        _ name: String, _ service: String, parent: UInt64, scope: String = "", kind: Int32 = 1,
        _ attributes: [KeyValue] = []
    ) -> Int {
        nextID += 1
        clock += .random(in: 1_000...900_000, using: &random)
        spans.append(
            SpanFixture(name, service: service, id: nextID, parent: parent).with {
                $0.traceID = traceID
                $0.kind = kind
                $0.scope = scope
                ($0.start, $0.end) = (clock, clock)
                $0.attributes = attributes
            })
        return spans.count - 1
    }

    /// The span of something that is neither agent, tool nor model.
    private mutating func beginOther(_ name: String, _ service: String, parent: UInt64) -> UInt64 {
        let index = begin(name, service, parent: parent, scope: "http")
        return spans[index].spanID.rawValue
    }

    private mutating func end(_ id: UInt64) {
        if let index = spans.lastIndex(where: { $0.spanID.rawValue == id }) { end(index, isError: false) }
    }

    private mutating func end(_ index: Int, isError: Bool) {
        clock += .random(in: 1_000...5_000_000, using: &random)
        spans[index].end = clock
        if isError { spans[index].status = 2 }
    }

    private mutating func note(
        _ link: AgentGraphLink, _ index: Int, isError: Bool, _ change: (inout Truth) -> Void = { _ in }
    ) {
        truth[link, default: Truth()].count += 1
        truth[link, default: Truth()].errors += isError ? 1 : 0
        truth[link, default: Truth()].nanoseconds.append(spans[index].end - spans[index].start)
        change(&truth[link, default: Truth()])
    }

    // MARK: agents

    private static let libraries: [Vocabulary] = [.openTelemetry, .openInference, .traceloop, .langfuse, .mlflow]

    /// The span of an agent or tool in the words of a library, which is also its scope.
    private static func words(
        _ vocabulary: Vocabulary, agent name: String
    ) -> (name: String, attributes: [KeyValue]) {
        switch vocabulary {
        case .openInference:
            ("run", [KeyValue("openinference.span.kind", .string("AGENT")), KeyValue("agent.name", .string(name))])
        case .traceloop:
            (
                "run",
                [KeyValue("traceloop.span.kind", .string("agent")), KeyValue("traceloop.entity.name", .string(name))]
            )
        case .langfuse: (name, [KeyValue("langfuse.observation.type", .string("agent"))])
        case .mlflow: (name, [KeyValue("mlflow.spanType", .string("\"AGENT\""))])
        default:
            (
                "invoke_agent \(name)",
                [
                    KeyValue("gen_ai.operation.name", .string("invoke_agent")),
                    KeyValue("gen_ai.agent.name", .string(name)),
                ]
            )
        }
    }

    private static func words(_ vocabulary: Vocabulary, tool name: String) -> (name: String, attributes: [KeyValue]) {
        switch vocabulary {
        case .openInference:
            ("run", [KeyValue("openinference.span.kind", .string("TOOL")), KeyValue("tool.name", .string(name))])
        case .traceloop:
            (
                "run",
                [KeyValue("traceloop.span.kind", .string("tool")), KeyValue("traceloop.entity.name", .string(name))]
            )
        case .langfuse: (name, [KeyValue("langfuse.observation.type", .string("tool"))])
        case .mlflow: (name, [KeyValue("mlflow.spanType", .string("\"TOOL\""))])
        default: ("execute_tool \(name)", [KeyValue("gen_ai.operation.name", .string("execute_tool"))])
        }
    }

    private mutating func addAgent(
        _ name: String, by invoker: AgentGraphNode, _ service: String, parent: UInt64, handedOverBy: [String] = []
    ) {
        depth += 1
        let isError = Int.random(in: 0..<5, using: &random) == 0
        // A framework's span around that of a provider's library, or one for a remote agent around its own.
        var outer: Int?
        var (parent, runsIn) = (parent, service)
        let shape = Int.random(in: 0..<4, using: &random)
        if shape < 2 {
            let words = Self.words(shape == 0 ? .langfuse : .openTelemetry, agent: name)
            let index = begin(
                words.name, service, parent: parent, scope: shape == 0 ? "wrapper" : "sdk", kind: shape == 0 ? 1 : 3,
                words.attributes)
            parent = spans[index].spanID.rawValue
            outer = index
            if shape == 1 {
                runsIn = service + "-remote"
                parent = beginOther("POST", service, parent: parent)
                parent = beginOther("POST", runsIn, parent: parent)
            }
        }
        let words = Self.words(
            outer == nil ? Self.libraries.randomElement(using: &random)! : .openTelemetry, agent: name)
        let inner = begin(words.name, runsIn, parent: parent, scope: "sdk", words.attributes)
        for origin in handedOverBy {
            spans[outer ?? inner].links.append(
                SpanFixture.Link(
                    TraceID(high: 9, low: 9), SpanID(77),
                    attributes: [KeyValue("gen_ai.agent.name", .string(origin))]))
        }
        addWork(of: name, runsIn, parent: spans[inner].spanID.rawValue)
        end(inner, isError: isError)
        if let outer { end(outer, isError: isError) }
        depth -= 1
        let agent = AgentGraphNode(.agent, name)
        invocations[name, default: 0] += 1
        if handedOverBy.isEmpty {
            note(AgentGraphLink(from: invoker, to: agent, kind: .call), outer ?? inner, isError: isError)
        }
        for origin in handedOverBy {
            note(
                AgentGraphLink(from: AgentGraphNode(.agent, origin), to: agent, kind: .handoff), outer ?? inner,
                isError: isError)
        }
    }

    private mutating func addWork(of name: String, _ service: String, parent: UInt64) {
        let agent = AgentGraphNode(.agent, name)
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            // Work within a span of no interest belongs to the agent all the same.
            let step = Bool.random(using: &random) ? beginOther("step", service, parent: parent) : nil
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1: addCall(of: agent, service, parent: step ?? parent)
            case 2: addRun(of: agent, service, parent: step ?? parent)
            case 3 where depth < 4:
                // Itself, too: in the words of one library that is another invocation.
                addAgent(other(than: name), by: agent, service, parent: step ?? parent)
            case 4 where depth < 4:
                let origins = Self.agents.shuffled(using: &random).prefix(.random(in: 1...2, using: &random))
                addAgent(
                    other(than: name), by: agent, service, parent: step ?? parent, handedOverBy: origins.sorted())
            default: break
            }
            if let step { end(step) }
        }
    }

    private mutating func other(than name: String) -> String {
        Self.agents.filter { $0 != name }.randomElement(using: &random)!
    }

    // MARK: tools and models

    private mutating func addRun(of owner: AgentGraphNode, _ service: String, parent: UInt64) {
        let tool = Self.tools.randomElement(using: &random)!
        let words = Self.words(Self.libraries.randomElement(using: &random)!, tool: tool)
        let isError = Int.random(in: 0..<5, using: &random) == 0
        let index = begin(words.name, service, parent: parent, scope: "tools", words.attributes)
        if Bool.random(using: &random) { end(beginOther("GET", service, parent: spans[index].spanID.rawValue)) }
        end(index, isError: isError)
        note(
            AgentGraphLink(from: owner, to: AgentGraphNode(.tool, tool), kind: .tool), index, isError: isError)
    }

    /// A call, now and then in two spans of which one repeats the other.
    private mutating func addCall(of owner: AgentGraphNode, _ service: String, parent: UInt64) {
        let model = Self.models.randomElement(using: &random)!
        var usage = TokenUsage()
        (usage.uncachedInput, usage.visibleOutput) = (
            .random(in: 1...9_000, using: &random), .random(in: 1...900, using: &random)
        )
        let isError = Int.random(in: 0..<6, using: &random) == 0
        func attributes(_ vocabulary: Vocabulary) -> [KeyValue] {
            vocabulary.attributes(model: model, provider: "openai", isError ? nil : usage)
                .filter { $0.key != "gen_ai.response.model" }
        }
        var outer: Int?
        var parent = parent
        if Bool.random(using: &random) {
            let index = begin(
                "ChatModel", service, parent: parent, scope: "wrapper", kind: 1, attributes(.openInference))
            parent = spans[index].spanID.rawValue
            outer = index
        }
        let inner = begin(
            "chat \(model)", service, parent: parent, scope: "provider", kind: 3, attributes(.openTelemetry))
        end(inner, isError: isError)
        if let outer { end(outer, isError: isError) }
        let link = AgentGraphLink(from: owner, to: AgentGraphNode(.model, model), kind: .model)
        note(link, outer ?? inner, isError: isError) { truth in
            guard !isError else { return }
            truth.input += usage.input
            truth.output += usage.output
        }
    }
}
