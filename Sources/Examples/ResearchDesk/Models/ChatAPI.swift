import Foundation
import Hummingbird

/// What is asked of a model: the part of the chat completions API that the desk uses.
struct ChatRequest: Codable, Sendable {
    var model: String
    var messages: [ChatMessage]
    var tools: [ChatTool]?
    var seed: Int?
    var stream: Bool?
    var streamOptions: StreamOptions?

    struct StreamOptions: Codable, Sendable {
        var includeUsage: Bool

        enum CodingKeys: String, CodingKey { case includeUsage = "include_usage" }
    }

    enum CodingKeys: String, CodingKey {
        case model, messages, tools, seed, stream
        case streamOptions = "stream_options"
    }

    init(model: String, messages: [ChatMessage], tools: [ChatTool]? = nil, seed: Int) {
        self.model = model
        self.messages = messages
        self.tools = tools
        self.seed = seed
    }

    /// Asks for the answer in chunks, with the usage in the last one.
    mutating func streams() {
        stream = true
        streamOptions = StreamOptions(includeUsage: true)
    }
}

struct ChatMessage: Codable, Sendable {
    /// `system`, `user`, `assistant` or `tool`.
    var role: String
    var content: String?
    /// What the assistant wants to be called.
    var toolCalls: [ToolCall]?
    /// Which call the message of a tool answers.
    var toolCallID: String?

    enum CodingKeys: String, CodingKey {
        case role, content
        case toolCalls = "tool_calls"
        case toolCallID = "tool_call_id"
    }
}

/// A tool that the model may ask for.
struct ChatTool: Codable, Sendable {
    struct Function: Codable, Sendable {
        var name: String
        var description: String
    }

    var type = "function"
    var function: Function
}

/// A tool the model asks for.
struct ToolCall: Codable, Sendable {
    struct Function: Codable, Sendable {
        var name: String
        /// JSON as text.
        var arguments: String

        /// What the tool is asked about; every tool of the desk takes that alone.
        var query: String {
            let members = try? JSONDecoder().decode([String: String].self, from: Data(arguments.utf8))
            return members?["query"] ?? ""
        }
    }

    var id: String
    var type = "function"
    var function: Function
}

/// What a model answers.
struct ChatCompletion: ResponseCodable, Sendable {
    struct Choice: Codable, Sendable {
        var message: ChatMessage
        var finishReason: String

        enum CodingKeys: String, CodingKey {
            case message
            case finishReason = "finish_reason"
        }
    }

    var id: String
    var model: String
    var choices: [Choice]
    var usage: ChatUsage
}

struct ChatUsage: Codable, Sendable {
    struct PromptDetails: Codable, Sendable {
        var cachedTokens: Int

        enum CodingKeys: String, CodingKey { case cachedTokens = "cached_tokens" }
    }

    struct CompletionDetails: Codable, Sendable {
        var reasoningTokens: Int

        enum CodingKeys: String, CodingKey { case reasoningTokens = "reasoning_tokens" }
    }

    var promptTokens: Int
    var promptDetails: PromptDetails
    var completionTokens: Int
    var completionDetails: CompletionDetails

    enum CodingKeys: String, CodingKey {
        case promptTokens = "prompt_tokens"
        case promptDetails = "prompt_tokens_details"
        case completionTokens = "completion_tokens"
        case completionDetails = "completion_tokens_details"
    }
}
