import Foundation
import SkeinAgents

/// Asks language models, and asks again where that may help.
///
/// A call in the eyes of an agent is one span. Each attempt is a span below it, which stands for its HTTP request too,
/// and each pause is an event.
struct ModelClient: Sendable {
    /// Tells the server which retry of a request this is.
    static let retryCountHeader = "X-Retry-Count"

    private static let path = "/v1/chat/completions"
    private static let policy = RetryPolicy(
        attemptsMax: 4, pauseMin: .milliseconds(100), pauseMax: .seconds(5), jitter: .equal,
        retryAfterMax: .seconds(5))

    private let http: JSONClient

    init(_ address: HTTPAddress) {
        http = JSONClient(address)
    }

    /// The whole answer.
    ///
    /// - Throws: ``HTTPFailure`` of the last attempt.
    func chat(_ chat: ChatRequest, _ prompt: Prompt) async throws -> ChatCompletion.Choice {
        try await withModelCall(request(chat, prompt)) { call in
            let body = try JSONEncoder().encode(chat)
            let answer = try await withRetry(Self.policy, recordingOn: call.span) { attempt in
                try await http.send(Self.path, body, headers: headers(of: attempt), on: attempt.span)
            }
            call.recordResponse(try ModelResponse(body: answer, format: .openAIChat))
            guard let choice = try JSONDecoder().decode(ChatCompletion.self, from: answer).choices.first else {
                throw HTTPFailure(status: 200, reason: "a completion without a choice")
            }
            return choice
        }
    }

    /// The answer as it is written. What the span says about it is read from the bytes that pass.
    ///
    /// - Throws: ``HTTPFailure`` of the last attempt. A stream that has begun is not asked for again.
    func stream(_ chat: ChatRequest, _ prompt: Prompt) async throws -> ModelCallStream<StreamedBody.Chunks> {
        var chat = chat
        chat.streams()
        let body = try JSONEncoder().encode(chat)
        return try await withStreamedModelCall(request(chat, prompt), reading: .openAIChat) { call in
            try await withRetry(Self.policy, recordingOn: call.span) { attempt in
                try await http.stream(Self.path, body, headers: headers(of: attempt), on: attempt.span)
            }
        }
    }

    private func headers(of attempt: RetryAttempt) -> [String: String] {
        [Self.retryCountHeader: "\(attempt.number - 1)"]
    }

    private func request(_ chat: ChatRequest, _ prompt: Prompt) -> ModelRequest {
        var request = ModelRequest(model: chat.model, provider: GenAI.Provider.openAI)
        request.seed = chat.seed
        request.promptName = prompt.name
        request.promptVersion = prompt.version
        request.serverAddress = http.address.url.host()
        request.serverPort = http.address.url.port
        return request
    }
}
