import SemanticConventions

/// Tokens of one model call, or of an agent's calls together. What is nil is not known and not recorded.
public struct TokenUsage: Sendable, Equatable {
    /// Tokens sent, those from and for a cache included.
    public var inputTokens: Int?
    /// Tokens received, those spent on reasoning included.
    public var outputTokens: Int?
    /// Of the tokens sent, those read from a cache.
    public var cacheReadInputTokens: Int?
    /// Of the tokens sent, those written to a cache.
    public var cacheCreationInputTokens: Int?
    /// Of the tokens received, those spent on reasoning.
    public var reasoningOutputTokens: Int?

    /// Usage as the provider reports it.
    public init(
        inputTokens: Int? = nil, outputTokens: Int? = nil, cacheReadInputTokens: Int? = nil,
        cacheCreationInputTokens: Int? = nil, reasoningOutputTokens: Int? = nil
    ) {
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.cacheReadInputTokens = cacheReadInputTokens
        self.cacheCreationInputTokens = cacheCreationInputTokens
        self.reasoningOutputTokens = reasoningOutputTokens
    }
}

extension AttributeRecorder {
    func record(_ usage: TokenUsage) {
        set(GenAI.usageInputTokens, usage.inputTokens)
        set(GenAI.usageOutputTokens, usage.outputTokens)
        set(GenAI.usageCacheReadInputTokens, usage.cacheReadInputTokens)
        set(GenAI.usageCacheCreationInputTokens, usage.cacheCreationInputTokens)
        set(GenAI.usageReasoningOutputTokens, usage.reasoningOutputTokens)
    }
}
