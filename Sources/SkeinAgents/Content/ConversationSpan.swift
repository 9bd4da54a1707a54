/// The span of an operation that has messages: a model call or an agent. All of it is content, recorded only where
/// ``ContentCapture`` is on and not even evaluated otherwise.
public protocol ConversationSpan: OperationSpan {}

extension ConversationSpan {
    /// Records the instructions given apart from the messages.
    public func recordSystemInstructions(_ text: @autoclosure () -> String) {
        AttributeRecorder(span).record(.systemInstructions) { ChatMessage.instructionsJSON(text()) }
    }

    /// Records the messages sent.
    public func recordInput(_ messages: @autoclosure () -> [ChatMessage]) {
        AttributeRecorder(span).record(.inputMessages) { ChatMessage.json(messages()) }
    }

    /// Records the messages received, one for each answer.
    public func recordOutput(_ messages: @autoclosure () -> [ChatMessage]) {
        AttributeRecorder(span).record(.outputMessages) { ChatMessage.json(messages()) }
    }

    /// Records the tools offered to the model.
    public func recordTools(_ tools: @autoclosure () -> [ToolDefinition]) {
        AttributeRecorder(span).record(.toolDefinitions) { ToolDefinition.json(tools()) }
    }

    /// Records content that is in the GenAI conventions' JSON form already.
    public func recordContent(_ kind: ContentKind, json: @autoclosure () -> String) {
        AttributeRecorder(span).record(kind, json)
    }
}
