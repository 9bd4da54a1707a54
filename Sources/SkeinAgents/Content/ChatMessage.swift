import OTLP

/// A message to or from a model, for the attributes `gen_ai.input.messages` and `gen_ai.output.messages`.
public struct ChatMessage: Sendable, Equatable {
    /// A part of a message.
    public enum Part: Sendable, Equatable {
        /// Text.
        case text(String)
        /// What the model thought before it answered.
        case reasoning(String)
        /// The model asks for a tool. The arguments are JSON text; other text is recorded as a string.
        case toolCall(id: String?, name: String, arguments: String)
        /// What the tool answered. The result is JSON text; other text is recorded as a string.
        case toolCallResponse(id: String?, result: String)
    }

    /// `system`, `user`, `assistant`, `tool` or another.
    public var role: String
    /// In order.
    public var parts: [Part]
    /// Why the model ended an answer.
    public var finishReason: String?

    /// A message of parts.
    public init(role: String, parts: [Part], finishReason: String? = nil) {
        self.role = role
        self.parts = parts
        self.finishReason = finishReason
    }

    /// A message of text.
    public init(role: String, _ text: String, finishReason: String? = nil) {
        self.init(role: role, parts: [.text(text)], finishReason: finishReason)
    }

    /// The messages in the GenAI conventions' JSON form.
    public static func json(_ messages: [ChatMessage]) -> String {
        var json = JSONWriter()
        json.array { json in
            for message in messages { message.write(to: &json) }
        }
        return json.takeText()
    }

    /// System instructions in the GenAI conventions' JSON form.
    static func instructionsJSON(_ text: String) -> String {
        var json = JSONWriter()
        json.array { Part.text(text).write(to: &$0) }
        return json.takeText()
    }

    private func write(to json: inout JSONWriter) {
        json.object { json in
            json.string("role", role)
            json.array("parts") { json in
                for part in parts { part.write(to: &json) }
            }
            if let finishReason { json.string("finish_reason", finishReason) }
        }
    }
}

extension ChatMessage.Part {
    fileprivate func write(to json: inout JSONWriter) {
        json.object { json in
            switch self {
            case .text(let text):
                json.string("type", "text")
                json.string("content", text)
            case .reasoning(let text):
                json.string("type", "reasoning")
                json.string("content", text)
            case .toolCall(let id, let name, let arguments):
                json.string("type", "tool_call")
                if let id { json.string("id", id) }
                json.string("name", name)
                json.key("arguments")
                json.json(arguments)
            case .toolCallResponse(let id, let result):
                json.string("type", "tool_call_response")
                if let id { json.string("id", id) }
                json.key("response")
                json.json(result)
            }
        }
    }
}
