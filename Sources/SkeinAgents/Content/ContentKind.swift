import SemanticConventions

/// What people and models wrote: content, which is not recorded unless that is asked for.
public enum ContentKind: String, Sendable, CaseIterable {
    /// The instructions given to the model.
    case systemInstructions = "system_instructions"
    /// The messages sent to the model.
    case inputMessages = "input_messages"
    /// The messages that came back.
    case outputMessages = "output_messages"
    /// The tools offered to the model.
    case toolDefinitions = "tool_definitions"
    /// What a tool was called with.
    case toolArguments = "tool_arguments"
    /// What a tool answered.
    case toolResult = "tool_result"
    /// What a retrieval searched for.
    case retrievalQuery = "retrieval_query"
    /// What a retrieval found.
    case retrievalDocuments = "retrieval_documents"
    /// What a memory was searched for.
    case memoryQuery = "memory_query"
    /// What a memory was given or gave.
    case memoryRecords = "memory_records"
    /// Why an evaluation gave its score, which often quotes the answer.
    case evaluationExplanation = "evaluation_explanation"

    var attribute: AttributeKey<String> {
        switch self {
        case .systemInstructions: GenAI.systemInstructions
        case .inputMessages: GenAI.inputMessages
        case .outputMessages: GenAI.outputMessages
        case .toolDefinitions: GenAI.toolDefinitions
        case .toolArguments: GenAI.toolCallArguments
        case .toolResult: GenAI.toolCallResult
        case .retrievalQuery: GenAI.retrievalQueryText
        case .retrievalDocuments: GenAI.retrievalDocuments
        case .memoryQuery: GenAI.memoryQueryText
        case .memoryRecords: GenAI.memoryRecords
        case .evaluationExplanation: GenAI.evaluationExplanation
        }
    }

    /// What marks a text that was cut: its whole length in bytes.
    var cutMark: AttributeKey<Int> {
        switch self {
        case .systemInstructions: ContentAttributes.systemInstructionsBytes
        case .inputMessages: ContentAttributes.inputMessagesBytes
        case .outputMessages: ContentAttributes.outputMessagesBytes
        case .toolDefinitions: ContentAttributes.toolDefinitionsBytes
        case .toolArguments: ContentAttributes.toolArgumentsBytes
        case .toolResult: ContentAttributes.toolResultBytes
        case .retrievalQuery: ContentAttributes.retrievalQueryBytes
        case .retrievalDocuments: ContentAttributes.retrievalDocumentsBytes
        case .memoryQuery: ContentAttributes.memoryQueryBytes
        case .memoryRecords: ContentAttributes.memoryRecordsBytes
        case .evaluationExplanation: ContentAttributes.evaluationExplanationBytes
        }
    }
}
