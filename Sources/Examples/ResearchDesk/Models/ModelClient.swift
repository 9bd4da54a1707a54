import SkeinAgents
import Tracing

/// Asks language models, and asks again where that may help.
struct ModelClient: Sendable {
    /// Tells the server which retry of a request this is.
    static let retryCountHeader = "X-Retry-Count"

    private let http: JSONClient
    private let policy = RetryPolicy()

    init(_ address: HTTPAddress) {
        http = JSONClient(address)
    }

    /// One call in the eyes of the agent, in one span. Each attempt is a client span below it, each pause an event.
    ///
    /// - Throws: ``HTTPFailure`` of the last attempt.
    func chat(_ chat: ChatRequest) async throws -> ChatCompletion.Choice {
        var request = ModelRequest(
            model: chat.model, provider: GenAI.Provider.openAI, conversationID: ServiceContext.conversationID)
        request.seed = chat.seed
        request.serverAddress = http.address.url.host()
        request.serverPort = http.address.url.port
        return try await withModelCall(request) { call in
            let completion = try await attempt(chat, call)
            call.recordResponse(
                id: completion.id, model: completion.model, finishReasons: completion.choices.map(\.finishReason),
                usage: TokenUsage(completion.usage))
            guard let choice = completion.choices.first else {
                throw HTTPFailure(status: 200, reason: "a completion without a choice")
            }
            return choice
        }
    }

    private func attempt(_ chat: ChatRequest, _ call: ModelCallSpan) async throws -> ChatCompletion {
        var retries = 0
        while true {
            do {
                return try await http.post(
                    "/v1/chat/completions", chat, headers: [Self.retryCountHeader: "\(retries)"],
                    resendCount: retries)
            } catch let failure as HTTPFailure {
                guard let pause = policy.pause(after: failure, retries: retries) else { throw failure }
                retries += 1
                let attributes: SpanAttributes = [
                    ErrorAttributes.errorType.name: .string(failure.errorType),
                    HTTPAttributes.httpRequestResendCount.name: .int64(Int64(retries)),
                    "retry.pause_ms": .int64(Int64(pause / .milliseconds(1))),
                ]
                call.span.addEvent(SpanEvent(name: "retry", attributes: attributes))
                try await Task.sleep(for: pause)
            }
        }
    }
}

extension TokenUsage {
    /// This API counts as the conventions do: cached tokens are part of the input, reasoning is part of the output.
    fileprivate init(_ usage: ChatUsage) {
        self.init(
            inputTokens: usage.promptTokens, outputTokens: usage.completionTokens,
            cacheReadInputTokens: usage.promptDetails.cachedTokens,
            reasoningOutputTokens: usage.completionDetails.reasoningTokens)
    }
}
