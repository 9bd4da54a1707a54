/// Answers like a provider of language models: slowly, at varying length, and sometimes not at all.
///
/// What it answers depends on seed, request and retry alone.
struct FakeModel: Sendable {
    struct Outcome: Sendable {
        enum Result: Sendable {
            case completion(ChatCompletion)
            /// Status 429, and the seconds of `Retry-After`.
            case rateLimited(seconds: Int)
            /// Status 500.
            case failed
        }

        var latency: Duration
        var result: Result
    }

    private static let rateLimitedShare = 0.03
    private static let failedShare = 0.04
    /// Tokens of instructions and tool definitions that each call carries and that a provider keeps in its cache.
    private static let cachedPrefixTokens = 1024

    let seed: Int

    /// What becomes of a request, and how long that takes.
    func outcome(of request: ChatRequest, retry: Int) -> Outcome {
        let text = request.messages.map { "\($0.role):\($0.content ?? "")" }.joined(separator: "\n")
        var random = SeededRandom(seed, request.seed ?? 0, request.model, text, retry)
        if random.happens(Self.rateLimitedShare) {
            return Outcome(latency: random.duration(medianMilliseconds: 8), result: .rateLimited(seconds: 1))
        }
        if random.happens(Self.failedShare) {
            return Outcome(latency: random.duration(medianMilliseconds: 60), result: .failed)
        }
        let reasons = !request.model.hasSuffix("mini")
        return Outcome(
            latency: random.duration(medianMilliseconds: reasons ? 330 : 140),
            result: .completion(completion(of: request, promptBytes: text.utf8.count, reasons, &random)))
    }

    private func completion(
        of request: ChatRequest, promptBytes: Int, _ reasons: Bool, _ random: inout SeededRandom
    ) -> ChatCompletion {
        let calls = toolCalls(for: request, &random)
        let content = calls.isEmpty ? FakeText.answer(to: request.messages, &random) : nil
        let reasoning = reasons ? 64 * Int(random.logNormal(median: 5, sigma: 0.6)) : 0
        let written = Int(random.logNormal(median: calls.isEmpty ? 190 : 60, sigma: 0.4))
        let usage = ChatUsage(
            promptTokens: Self.cachedPrefixTokens + promptBytes / 4 + 12 * request.messages.count,
            promptDetails: .init(cachedTokens: random.happens(0.7) ? Self.cachedPrefixTokens : 0),
            completionTokens: written + reasoning, completionDetails: .init(reasoningTokens: reasoning))
        let message = ChatMessage(role: "assistant", content: content, toolCalls: calls.isEmpty ? nil : calls)
        return ChatCompletion(
            id: "chatcmpl-\(String(random.next(), radix: 36))", model: request.model,
            choices: [.init(message: message, finishReason: calls.isEmpty ? "stop" : "tool_calls")], usage: usage)
    }

    /// Asks for most of the tools on offer, until their results are there.
    private func toolCalls(for request: ChatRequest, _ random: inout SeededRandom) -> [ToolCall] {
        guard let tools = request.tools, !request.messages.contains(where: { $0.role == "tool" }) else { return [] }
        let subject = request.messages.last { $0.role == "user" }?.content ?? ""
        return tools.filter { _ in random.happens(0.8) }.map { tool in
            ToolCall(
                id: "call_\(String(random.next(), radix: 36))",
                function: .init(name: tool.function.name, arguments: FakeText.arguments(subject)))
        }
    }
}
