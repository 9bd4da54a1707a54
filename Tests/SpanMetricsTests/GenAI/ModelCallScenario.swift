import OTLP
import SpanMetrics
import TraceFixtures

/// Traces of agents that call models, as different libraries send them, and what really happened.
struct ModelCallScenario {
    enum Vocabulary: CaseIterable {
        case openTelemetry, openTelemetryOld, openInference, traceloop, langfuse, mlflow, openLIT
    }

    /// How the spans of one call stand to one another.
    enum Shape: CaseIterable {
        case single, nested, nestedBehindRequest, siblings, innerWithoutUsage, outerWithoutUsage
        case retriedInside, retriedBeside, retriedBelowSibling, parallel
    }

    struct Truth: Hashable {
        var model: String
        var isError = false
        var retries: UInt64 = 0
        var usage: TokenUsage?
    }

    private(set) var spans: [SpanFixture] = []
    private(set) var truth: [Truth] = []
    /// Tokens that an agent reports and no call below it.
    private(set) var unattributed: UInt64 = 0

    private var random: SeededGenerator
    private var nextID: UInt64 = 1
    private var traceID = TraceID(high: 7, low: 0)
    private var clock: UInt64 = 1_700_000_000_000_000_000

    init(seed: UInt64, traces: Int) {
        random = SeededGenerator(seed: seed)
        for _ in 0..<traces { addTrace() }
    }

    // MARK: traces

    private mutating func addTrace() {
        traceID = TraceID(high: 7, low: traceID.low + 1)
        clock += 1_000_000_000
        let first = truth.count
        // Who asked is said by the agent, or by a request around it that is not about models.
        let request = Bool.random(using: &random) ? id() : 0
        let agent = id()
        let start = clock
        for _ in 0..<Int.random(in: 1...5, using: &random) {
            addCall(Shape.allCases.randomElement(using: &random)!, below: agent)
            clock += 1_000_000
        }
        var sum = (input: UInt64(0), output: UInt64(0))
        for call in truth[first...] {
            sum.input += call.usage?.input ?? 0
            sum.output += call.usage?.output ?? 0
        }
        if Bool.random(using: &random) {
            let unknown = Bool.random(using: &random) ? UInt64.random(in: 1...500, using: &random) : 0
            unattributed += unknown
            sum.output += unknown
        } else {
            sum = (0, 0)
        }
        var span = fixture("invoke_agent planner", agent, parent: request, start, clock)
        span.scope = "framework"
        span.attributes = [
            KeyValue("gen_ai.operation.name", .string("invoke_agent")),
            KeyValue("gen_ai.agent.name", .string("planner")),
        ]
        let user = KeyValue("user.id", .string("ada"))
        if request == 0 {
            span.attributes.append(user)
        } else {
            spans.append(fixture("POST /ask", request, parent: 0, start, clock).with { $0.attributes = [user] })
        }
        if sum.output > 0 {
            span.attributes.append(KeyValue("gen_ai.usage.input_tokens", .int(Int64(sum.input))))
            span.attributes.append(KeyValue("gen_ai.usage.output_tokens", .int(Int64(sum.output))))
        }
        spans.append(span)
    }

    private mutating func id() -> UInt64 {
        nextID += 1
        return nextID
    }

    private func fixture(_ name: String, _ id: UInt64, parent: UInt64, _ start: UInt64, _ end: UInt64) -> SpanFixture {
        SpanFixture(name, service: "desk", id: id, parent: parent).with {
            $0.traceID = traceID
            $0.kind = 3
            $0.start = start
            $0.end = end
        }
    }

    // MARK: calls

    private static let models = [
        ("gpt-5-mini", "openai"), ("claude-sonnet-4-5", "anthropic"), ("gemini-2.5-flash", "gcp.gemini"),
    ]

    private mutating func usage(_ model: Int) -> TokenUsage {
        var usage = TokenUsage()
        usage.uncachedInput = .random(in: 1...9_000, using: &random)
        if Bool.random(using: &random) { usage.cacheRead = .random(in: 1...9_000, using: &random) }
        if model == 1, Bool.random(using: &random) { usage.cacheWrite = .random(in: 1...900, using: &random) }
        usage.visibleOutput = .random(in: 1...2_000, using: &random)
        if Bool.random(using: &random) { usage.reasoning = .random(in: 1...900, using: &random) }
        return usage
    }

    private mutating func addCall(_ shape: Shape, below parent: UInt64) {
        let model = Int.random(in: 0..<Self.models.count, using: &random)
        let provider = provider(model)
        let framework = Vocabulary.allCases.filter { $0 != provider && $0 != .openLIT }.randomElement(using: &random)!
        var usage = usage(model)
        var retries: UInt64 = 0
        switch shape {
        case .single:
            add(provider, model, usage, parent: parent, during: 100)
        case .nested:
            let outer = add(framework, model, usage, parent: parent, during: 102)
            clock -= 101_000_000
            add(provider, model, usage, parent: outer, during: 100)
        case .nestedBehindRequest:
            let outer = add(framework, model, usage, parent: parent, during: 102)
            let request = id()
            spans.append(fixture("POST", request, parent: outer, clock - 101_500_000, clock - 500_000))
            clock -= 101_000_000
            add(provider, model, usage, parent: request, during: 100)
        case .siblings:
            add(framework, model, usage, parent: parent, during: 102)
            clock -= 101_000_000
            add(provider, model, usage, parent: parent, during: 100)
        case .innerWithoutUsage:
            usage = framework.told(usage)
            let outer = add(framework, model, usage, parent: parent, during: 102)
            clock -= 101_000_000
            add(provider, model, nil, parent: outer, during: 100)
        case .outerWithoutUsage:
            let outer = add(framework, model, nil, parent: parent, during: 102)
            clock -= 101_000_000
            add(provider, model, usage, parent: outer, during: 100)
        case .retriedInside:
            let failures = Int.random(in: 1...2, using: &random)
            usage = framework.told(usage)
            let outer = add(framework, model, usage, parent: parent, during: 500)
            clock -= 499_000_000
            addFailures(failures, provider, model, below: outer)
            retries = 1
            add(provider, model, Bool.random(using: &random) ? usage : nil, parent: outer, during: 100)
        case .retriedBeside:
            addFailures(Int.random(in: 1...3, using: &random), provider, model, below: parent)
            add(provider, model, usage, parent: parent, during: 100)
            retries = 1
        case .retriedBelowSibling:
            usage = framework.told(usage)
            add(framework, model, usage, parent: parent, during: 500)
            clock -= 499_000_000
            addFailures(Int.random(in: 1...2, using: &random), provider, model, below: parent)
            add(provider, model, usage, parent: parent, during: 100)
            retries = 1
        case .parallel:
            addParallel(provider, model, below: parent)
            return
        }
        clock += 500_000_000
        truth.append(Truth(model: Self.models[model].0, retries: retries, usage: usage))
    }

    private mutating func provider(_ model: Int) -> Vocabulary {
        model == 1 && Bool.random(using: &random)
            ? .openLIT : [.openTelemetry, .openTelemetryOld, .traceloop].randomElement(using: &random)!
    }

    private mutating func addFailures(_ count: Int, _ provider: Vocabulary, _ model: Int, below parent: UInt64) {
        for number in 0..<count {
            add(provider, model, nil, parent: parent, during: 50, isError: true)
            clock += 1_000_000
            truth.append(Truth(model: Self.models[model].0, isError: true, retries: number > 0 ? 1 : 0))
        }
    }

    private mutating func addParallel(_ provider: Vocabulary, _ model: Int, below parent: UInt64) {
        let start = clock
        for _ in 0..<3 {
            clock = start
            let usage = usage(model)
            add(provider, model, usage, parent: parent, during: 100)
            truth.append(Truth(model: Self.models[model].0, usage: usage))
        }
        clock += 500_000_000
    }

    // MARK: spans of calls

    @discardableResult
    private mutating func add(
        _ vocabulary: Vocabulary, _ model: Int, _ usage: TokenUsage?, parent: UInt64, during milliseconds: UInt64,
        isError: Bool = false
    ) -> UInt64 {
        let id = id()
        let (name, provider) = Self.models[model]
        var span = fixture("chat \(name)", id, parent: parent, clock, clock + milliseconds * 1_000_000)
        span.scope = "\(vocabulary)".lowercased()
        span.attributes = vocabulary.attributes(model: name, provider: provider, usage)
        if usage == nil, !isError, Bool.random(using: &random) {
            // A stream whose end nobody awaited.
            span.attributes.append(KeyValue("gen_ai.usage.input_tokens", .int(0)))
            span.attributes.append(KeyValue("gen_ai.usage.output_tokens", .int(0)))
        }
        if isError {
            span.status = 2
            span.attributes.append(KeyValue("error.type", .string("429")))
        }
        clock = span.end
        spans.append(span)
        return id
    }
}

extension ModelCallScenario.Vocabulary {
    /// What of a call's usage can be said in the vocabulary.
    func told(_ usage: TokenUsage) -> TokenUsage {
        guard self == .mlflow else { return usage }
        var result = TokenUsage()
        result.uncachedInput = usage.input
        result.visibleOutput = usage.output
        return result
    }

    /// What a library of this kind says about a call.
    func attributes(model: String, provider: String, _ usage: TokenUsage?) -> [KeyValue] {
        func texts(_ pairs: KeyValuePairs<String, String>) -> [KeyValue] {
            pairs.map { KeyValue($0.key, .string($0.value)) }
        }
        func counts(_ pairs: KeyValuePairs<String, UInt64>) -> [KeyValue] {
            pairs.filter { $0.value > 0 }.map { KeyValue($0.key, .int(Int64($0.value))) }
        }
        switch self {
        case .openTelemetry, .openLIT:
            var result = texts([
                "gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.request.model": model,
                "gen_ai.response.model": model + "-20251120",
            ])
            guard let usage else { return result }
            // OpenLIT passes on what Anthropic says.
            let input = self == .openLIT ? usage.uncachedInput : usage.input
            result += counts([
                "gen_ai.usage.input_tokens": input, "gen_ai.usage.output_tokens": usage.output,
                "gen_ai.usage.cache_read.input_tokens": usage.cacheRead,
                "gen_ai.usage.cache_creation.input_tokens": usage.cacheWrites,
                "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
            ])
            return result
        case .openTelemetryOld:
            return texts([
                "gen_ai.operation.name": "chat", "gen_ai.system": provider, "gen_ai.request.model": model,
            ])
                + counts([
                    "gen_ai.usage.prompt_tokens": usage?.input ?? 0,
                    "gen_ai.usage.completion_tokens": usage?.output ?? 0,
                    "gen_ai.usage.cache_read_input_tokens": usage?.cacheRead ?? 0,
                    "gen_ai.usage.cache_write.input_tokens": usage?.cacheWrites ?? 0,
                    "gen_ai.usage.details.reasoning_tokens": usage?.reasoning ?? 0,
                ])
        case .openInference:
            return texts(["openinference.span.kind": "LLM", "llm.model_name": model])
                + counts([
                    "llm.token_count.prompt": usage?.input ?? 0, "llm.token_count.completion": usage?.output ?? 0,
                    "llm.token_count.total": (usage?.input ?? 0) + (usage?.output ?? 0),
                    "llm.token_count.prompt_details.cache_read": usage?.cacheRead ?? 0,
                    "llm.token_count.prompt_details.cache_write": usage?.cacheWrites ?? 0,
                    "llm.token_count.completion_details.reasoning": usage?.reasoning ?? 0,
                ])
        case .traceloop:
            return texts([
                "gen_ai.provider.name": provider == "openai" ? "OpenAI" : provider, "llm.request.type": "chat",
                "gen_ai.request.model": model,
            ])
                + counts([
                    "gen_ai.usage.input_tokens": usage?.input ?? 0, "gen_ai.usage.output_tokens": usage?.output ?? 0,
                    "llm.usage.total_tokens": (usage?.input ?? 0) + (usage?.output ?? 0),
                    "gen_ai.usage.cache_read_input_tokens": usage?.cacheRead ?? 0,
                    "gen_ai.usage.cache_creation.input_tokens": usage?.cacheWrites ?? 0,
                    "gen_ai.usage.reasoning_tokens": usage?.reasoning ?? 0,
                ])
        case .langfuse:
            var result = texts([
                "langfuse.observation.type": "generation", "langfuse.observation.model.name": model,
            ])
            guard let usage else { return result }
            let json = """
                {"prompt_tokens":\(usage.input),"completion_tokens":\(usage.output),\
                "prompt_tokens_details":{"cached_tokens":\(usage.cacheRead)},\
                "cache_creation_input_tokens":\(usage.cacheWrites),\
                "completion_tokens_details":{"reasoning_tokens":\(usage.reasoning)}}
                """
            result.append(KeyValue("langfuse.observation.usage_details", .string(json)))
            return result
        case .mlflow:
            var result = texts(["mlflow.spanType": "\"CHAT_MODEL\"", "mlflow.llm.model": "\"\(model)\""])
            guard let usage else { return result }
            let json = "{\"input_tokens\": \(usage.input), \"output_tokens\": \(usage.output)}"
            result.append(KeyValue("mlflow.chat.tokenUsage", .string(json)))
            return result
        }
    }
}
