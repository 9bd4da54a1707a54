/// Token counts as a provider gives them. Of several reports in one stream the last counts, because all of them are
/// cumulative.
struct UsageCounts: Sendable {
    var input: Int?
    var output: Int?
    var cacheRead: Int?
    var cacheWrite: Int?
    var reasoning: Int?
    /// Tokens of tool prompts, which Google counts beside the input.
    var toolPrompt: Int?
    var total: Int?

    /// The counts as the GenAI conventions mean them.
    func usage(_ format: ModelResponseFormat) -> TokenUsage {
        var usage = TokenUsage(
            inputTokens: input, outputTokens: output, cacheReadInputTokens: cacheRead,
            cacheCreationInputTokens: cacheWrite, reasoningOutputTokens: reasoning)
        switch format {
        case .openAIChat, .openAIResponses:
            if reasoningIsBesideOutput { usage.outputTokens = sum(output, reasoning) }
        case .anthropicMessages:
            // Its input is only what no cache had to do with.
            if input != nil { usage.inputTokens = sum(sum(input, cacheRead), cacheWrite) }
        case .geminiGenerateContent:
            usage.inputTokens = sum(input, toolPrompt)
            usage.outputTokens = sum(output, reasoning)
        }
        return usage
    }

    /// Some providers that speak OpenAI's Chat Completions count reasoning beside the output; their total gives them
    /// away.
    private var reasoningIsBesideOutput: Bool {
        guard let total, let reasoning, reasoning > 0 else { return false }
        return total == sum(sum(input, output), reasoning)
    }

    /// Nil when neither is known; never over the largest integer.
    private func sum(_ a: Int?, _ b: Int?) -> Int? {
        guard let a, let b else { return a ?? b }
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? .max : sum
    }

    /// Takes `count` unless it is nil.
    mutating func set(_ field: WritableKeyPath<UsageCounts, Int?>, _ count: Int?) {
        if let count { self[keyPath: field] = count }
    }
}
