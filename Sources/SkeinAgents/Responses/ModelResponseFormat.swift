/// The form in which a provider's API answers.
public enum ModelResponseFormat: Sendable, CaseIterable {
    /// OpenAI's Chat Completions, which many other providers speak too.
    case openAIChat
    /// OpenAI's Responses.
    case openAIResponses
    /// Anthropic's Messages.
    case anthropicMessages
    /// Google's generateContent and streamGenerateContent.
    case geminiGenerateContent
}
