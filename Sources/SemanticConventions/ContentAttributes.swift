/// Attributes that say that recorded content was cut. Each is the length of the whole text in bytes of UTF-8, and is
/// there only when the text was longer than the limit.
///
/// Version: 1.
public enum ContentAttributes {
    /// Of the system instructions.
    public static let systemInstructionsBytes = AttributeKey<Int>("skein.content.system_instructions.bytes")
    /// Of the input messages.
    public static let inputMessagesBytes = AttributeKey<Int>("skein.content.input_messages.bytes")
    /// Of the output messages.
    public static let outputMessagesBytes = AttributeKey<Int>("skein.content.output_messages.bytes")
    /// Of the tool definitions.
    public static let toolDefinitionsBytes = AttributeKey<Int>("skein.content.tool_definitions.bytes")
    /// Of the tool arguments.
    public static let toolArgumentsBytes = AttributeKey<Int>("skein.content.tool_arguments.bytes")
    /// Of the tool result.
    public static let toolResultBytes = AttributeKey<Int>("skein.content.tool_result.bytes")
    /// Of the retrieval query.
    public static let retrievalQueryBytes = AttributeKey<Int>("skein.content.retrieval_query.bytes")
    /// Of the retrieval documents.
    public static let retrievalDocumentsBytes = AttributeKey<Int>("skein.content.retrieval_documents.bytes")
    /// Of the memory query.
    public static let memoryQueryBytes = AttributeKey<Int>("skein.content.memory_query.bytes")
    /// Of the memory records.
    public static let memoryRecordsBytes = AttributeKey<Int>("skein.content.memory_records.bytes")
    /// Of the evaluation explanation.
    public static let evaluationExplanationBytes = AttributeKey<Int>("skein.content.evaluation_explanation.bytes")
}
