import OTLP

/// The numbers of a JSON document by their path, `a.b`; nothing where the text is no JSON.
struct NumberTree {
    /// Members that are looked at; usage has a dozen.
    private static let membersMax = 100
    private static let depthMax = 4

    private(set) var numbers: [String: Double] = [:]

    init(json: [UInt8]) {
        var reader = JSONReader(json)
        do throws(JSONError) {
            try read(&reader, path: "", depth: 0)
        } catch {
            // Half of a document is not trusted.
            numbers = [:]
        }
    }

    private mutating func read(_ reader: inout JSONReader, path: String, depth: Int) throws(JSONError) {
        switch try reader.kind() {
        case .object where depth < Self.depthMax:
            try reader.enterObject()
            while let key = try reader.nextMember() {
                let name = String(decoding: reader.bytes[key.range], as: UTF8.self)
                try read(&reader, path: path.isEmpty ? name : path + "." + name, depth: depth + 1)
            }
        case .number:
            let range = try reader.number()
            if numbers.count < Self.membersMax,
                let number = Double(String(decoding: reader.bytes[range], as: UTF8.self))
            {
                numbers[path] = number
            }
        default: try reader.skipValue()
        }
    }

    func first(_ paths: String...) -> Double? {
        for path in paths {
            if let number = numbers[path] { return number }
        }
        return nil
    }

    func tokens(_ paths: String...) -> UInt64? {
        for path in paths {
            if let number = numbers[path], let tokens = UInt64(tokens: number) { return tokens }
        }
        return nil
    }

    /// What Langfuse's cost details come to: their total, or the sum of the parts.
    var cost: Double? {
        if let total = numbers["total"] { return total }
        return numbers.isEmpty ? nil : numbers.values.reduce(0, +)
    }
}

extension ReportedUsage {
    /// Usage as Langfuse and MLflow send it: as a JSON text in their own words or in those of a provider.
    ///
    /// - Returns: Whether the input leaves cached tokens out, too: those are the words of Anthropic's API.
    static func reading(json: [UInt8]) -> (usage: ReportedUsage, isInputExclusive: Bool) {
        let tree = NumberTree(json: json)
        var usage = ReportedUsage()
        usage.read(tree)
        let isAnthropic =
            tree.numbers["input_tokens"] != nil
            && (tree.numbers["cache_read_input_tokens"] != nil || tree.numbers["cache_creation_input_tokens"] != nil)
        return (usage, isAnthropic)
    }

    private mutating func read(_ tree: NumberTree) {
        input = tree.tokens("input", "prompt_tokens", "input_tokens")
        output = tree.tokens("output", "completion_tokens", "output_tokens")
        total = tree.tokens("total", "total_tokens")
        cacheRead = tree.tokens(
            "prompt_tokens_details.cached_tokens", "input_tokens_details.cached_tokens", "cache_read_input_tokens",
            "input_cached_tokens", "input_cache_read")
        cacheWrite = tree.tokens("cache_creation_input_tokens", "input_cache_creation")
        cacheWriteHour = tree.tokens("cache_creation.ephemeral_1h_input_tokens")
        reasoning = tree.tokens(
            "completion_tokens_details.reasoning_tokens", "output_tokens_details.reasoning_tokens",
            "output_reasoning_tokens")
        audioInput = tree.tokens("prompt_tokens_details.audio_tokens", "input_audio_tokens")
        audioOutput = tree.tokens("completion_tokens_details.audio_tokens", "output_audio_tokens")
    }
}
