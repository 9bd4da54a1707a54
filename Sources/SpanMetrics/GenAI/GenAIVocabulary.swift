import OTLP

/// The names under which libraries send the facts that ``GenAISpan`` has.
///
/// Names of one fact stand in the order in which they count: where a span has several, the first wins. Sources:
/// OpenTelemetry's GenAI conventions (old and new), OpenInference, Traceloop's OpenLLMetry, Pydantic AI, Langfuse and
/// MLflow, as their libraries sent them in 2026.
enum GenAIFact: Int, CaseIterable, Sendable {
    // What kind of work it is, each vocabulary with values of its own.
    case operation, openInferenceKind, traceloopKind, traceloopRequest, langfuseType, mlflowType
    // Whom it asked.
    case requestModel, responseModel, provider, responseID
    // Tokens.
    case input, output, total, cacheRead, cacheWrite, cacheWriteHour, reasoning, audioInput, audioOutput
    case langfuseUsage, mlflowUsage
    // Money and time.
    case cost, langfuseCost, timeToFirstChunk, timeToFirstToken, completionStart
    // Who worked.
    case agent, tool, entity, conversation, errorType, finishReasons, singleFinishReason

    var names: [String] {
        switch self {
        case .operation: ["gen_ai.operation.name"]
        case .openInferenceKind: ["openinference.span.kind"]
        case .traceloopKind: ["traceloop.span.kind"]
        case .traceloopRequest: ["llm.request.type"]
        case .langfuseType: ["langfuse.observation.type"]
        case .mlflowType: ["mlflow.spanType"]
        case .requestModel:
            [
                "gen_ai.request.model", "llm.model_name", "embedding.model_name", "langfuse.observation.model.name",
                "mlflow.llm.model", "llm.request.model", "model_name",
            ]
        case .responseModel: ["gen_ai.response.model", "llm.response.model"]
        case .provider: ["gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "mlflow.llm.provider"]
        case .responseID: ["gen_ai.response.id", "llm.response.id"]
        case .input:
            [
                "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt",
                "llm.usage.prompt_tokens",
            ]
        case .output:
            [
                "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion",
                "llm.usage.completion_tokens",
            ]
        case .total: ["gen_ai.usage.total_tokens", "llm.usage.total_tokens", "llm.token_count.total"]
        case .cacheRead:
            [
                "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
                "gen_ai.usage.details.cache_read_tokens", "llm.token_count.prompt_details.cache_read",
            ]
        case .cacheWrite:
            [
                "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens",
                "gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_write_input_tokens",
                "gen_ai.usage.details.cache_write_tokens", "llm.token_count.prompt_details.cache_write",
            ]
        case .cacheWriteHour: ["gen_ai.usage.cache_creation.ephemeral_1h_input_tokens"]
        case .reasoning:
            [
                "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens",
                "gen_ai.usage.details.reasoning_tokens", "llm.token_count.completion_details.reasoning",
            ]
        case .audioInput: ["gen_ai.usage.details.input_audio_tokens", "llm.token_count.prompt_details.audio"]
        case .audioOutput: ["gen_ai.usage.details.output_audio_tokens", "llm.token_count.completion_details.audio"]
        case .langfuseUsage: ["langfuse.observation.usage_details"]
        case .mlflowUsage: ["mlflow.chat.tokenUsage"]
        case .cost: ["operation.cost", "gen_ai.usage.cost", "llm.cost.total"]
        case .langfuseCost: ["langfuse.observation.cost_details"]
        case .timeToFirstChunk: ["gen_ai.response.time_to_first_chunk"]
        case .timeToFirstToken: ["gen_ai.server.time_to_first_token"]
        case .completionStart: ["langfuse.observation.completion_start_time"]
        case .agent: ["gen_ai.agent.name", "agent.name", "agent_name", "graph.node.id"]
        case .tool: ["gen_ai.tool.name", "tool.name"]
        case .entity: ["traceloop.entity.name"]
        case .conversation:
            ["gen_ai.conversation.id", "session.id", "traceloop.association.properties.session_id"]
        case .errorType: ["error.type"]
        case .finishReasons: ["gen_ai.response.finish_reasons"]
        case .singleFinishReason: ["llm.response.finish_reason", "llm.finish_reason"]
        }
    }
}

/// Finds the attributes of one span that a vocabulary names. Reused from span to span, so that a span allocates nothing.
struct GenAIAttributes: Sendable {
    /// Beginnings of keys that only spans about models and agents have.
    private static let markers = [
        "gen_ai.", "llm.", "openinference.", "traceloop.", "langfuse.", "mlflow.", "embedding.",
    ]
    .map { Array($0.utf8) }

    private let keys: [[UInt8]]
    private let factOfKey: [Int]
    private let keysOfLength: [[Int]]
    private let attributionFacts: Range<Int>
    /// Beginnings of keys that hold an attribution each.
    private let prefixes: [(bytes: [UInt8], fact: Int)]
    /// By fact: the attribute's row and the rank of its name; nil where the span has none.
    private var found: [(row: Int, key: Int)?]
    private var touched: [Int] = []

    /// - Parameter attribution: For each configured key the names of attributes that hold it.
    init(attribution: [[String]]) {
        var keys: [[UInt8]] = []
        var factOfKey: [Int] = []
        var prefixes: [(bytes: [UInt8], fact: Int)] = []
        for (fact, names) in (GenAIFact.allCases.map(\.names) + attribution).enumerated() {
            for name in names {
                if name.hasSuffix("*") {
                    prefixes.append((Array(name.dropLast().utf8), fact))
                    continue
                }
                keys.append(Array(name.utf8))
                factOfKey.append(fact)
            }
        }
        var keysOfLength = [[Int]](repeating: [], count: (keys.map(\.count).max() ?? 0) + 1)
        for (index, key) in keys.enumerated() { keysOfLength[key.count].append(index) }
        self.keys = keys
        self.factOfKey = factOfKey
        self.keysOfLength = keysOfLength
        self.prefixes = prefixes
        attributionFacts = GenAIFact.allCases.count..<GenAIFact.allCases.count + attribution.count
        found = Array(repeating: nil, count: attributionFacts.upperBound)
    }

    /// Whether a span speaks of models or agents at all.
    static func isOfInterest(_ rows: RowRange, of batch: SpanBatch) -> Bool {
        for index in rows.indices {
            let key = batch.attributes[index].key
            guard key.count > 4 else { continue }
            switch batch.bytes[Int(key.offset)] {
            case UInt8(ascii: "g"), UInt8(ascii: "l"), UInt8(ascii: "o"), UInt8(ascii: "t"), UInt8(ascii: "m"),
                UInt8(ascii: "e"):
                let slice = batch.slice(key)
                for marker in markers where slice.starts(with: marker) { return true }
            default: continue
            }
        }
        return false
    }

    /// Looks at a run of attributes. Earlier attributes of the same key, and names that count more, win.
    mutating func read(_ rows: RowRange, of batch: SpanBatch) {
        for fact in touched { found[fact] = nil }
        touched.removeAll(keepingCapacity: true)
        for index in rows.indices {
            let key = batch.attributes[index].key
            for prefix in prefixes where batch.slice(key).starts(with: prefix.bytes) {
                note(index, key: keys.count, fact: prefix.fact)
            }
            guard Int(key.count) < keysOfLength.count else { continue }
            for candidate in keysOfLength[Int(key.count)] where batch.equals(key, keys[candidate]) {
                note(index, key: candidate, fact: factOfKey[candidate])
            }
        }
    }

    private mutating func note(_ row: Int, key: Int, fact: Int) {
        if let known = found[fact], known.key <= key { return }
        if found[fact] == nil { touched.append(fact) }
        found[fact] = (row, key)
    }

    // MARK: values

    func row(_ fact: GenAIFact, of batch: SpanBatch) -> AttributeRow? {
        found[fact.rawValue].map { batch.attributes[$0.row] }
    }

    /// The text of an attribute; other types as the text that stands for them.
    func text(_ fact: GenAIFact, of batch: SpanBatch) -> String {
        text(fact.rawValue, of: batch) ?? ""
    }

    /// The values of the attribution keys, of the attributes that were read or else from `fallbacks`.
    func attributions(of batch: SpanBatch, fallbacks: [String] = []) -> [String] {
        attributionFacts.map { fact in
            let text = text(fact, of: batch) ?? ""
            if text.isEmpty { return fallbacks.isEmpty ? "" : fallbacks[fact - attributionFacts.lowerBound] }
            guard let (row, key) = found[fact], key == keys.count else { return text }
            let name = batch.string(batch.attributes[row].key)
            let prefix = prefixes.first { $0.fact == fact && name.utf8.starts(with: $0.bytes) }?.bytes.count ?? 0
            return name.dropFirst(prefix) + "=" + text
        }
    }

    private func text(_ fact: Int, of batch: SpanBatch) -> String? {
        guard let (row, _) = found[fact] else { return nil }
        let attribute = batch.attributes[row]
        if attribute.kind == .string { return batch.string(attribute.slice) }
        return AttributeText.text(batch.value(of: attribute))
    }

    /// A number of tokens: a whole number of 0 or more, however it was sent.
    func count(_ fact: GenAIFact, of batch: SpanBatch) -> UInt64? {
        number(fact, of: batch).flatMap(UInt64.init(tokens:))
    }

    func number(_ fact: GenAIFact, of batch: SpanBatch) -> Double? {
        guard let row = row(fact, of: batch) else { return nil }
        switch row.kind {
        case .int: return Double(row.int)
        case .double: return row.double
        case .string: return Double(batch.string(row.slice))
        default: return nil
        }
    }
}

extension UInt64 {
    /// Beyond 2^53 a number of tokens is a mistake, and so is a negative or broken one.
    init?(tokens number: Double) {
        guard number >= 0, number < 0x1p53 else { return nil }
        self.init(number)
    }
}
