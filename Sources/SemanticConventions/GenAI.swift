/// Attributes of agents, model calls and tools: OpenTelemetry GenAI conventions.
///
/// Version: May 2026, development stability.
public enum GenAI {
    /// What the call does: one of ``Operation``.
    public static let operationName = AttributeKey<String>("gen_ai.operation.name")
    /// Who serves the model: one of ``Provider``, or another name.
    public static let providerName = AttributeKey<String>("gen_ai.provider.name")
    /// The conversation, session or thread the call belongs to.
    public static let conversationID = AttributeKey<String>("gen_ai.conversation.id")
    /// What was asked for: `text`, `json`, `image` or `speech`.
    public static let outputType = AttributeKey<String>("gen_ai.output.type")
    /// The data source a retrieval or an agent works on.
    public static let dataSourceID = AttributeKey<String>("gen_ai.data_source.id")
    /// The workflow that coordinates agents.
    public static let workflowName = AttributeKey<String>("gen_ai.workflow.name")
    /// The agent, unique at its provider.
    public static let agentID = AttributeKey<String>("gen_ai.agent.id")
    /// The agent as people know it.
    public static let agentName = AttributeKey<String>("gen_ai.agent.name")
    /// What the agent is for.
    public static let agentDescription = AttributeKey<String>("gen_ai.agent.description")
    /// The version of the agent.
    public static let agentVersion = AttributeKey<String>("gen_ai.agent.version")
    /// The tool that is executed.
    public static let toolName = AttributeKey<String>("gen_ai.tool.name")
    /// The id by which the model asked for the tool.
    public static let toolCallID = AttributeKey<String>("gen_ai.tool.call.id")
    /// What the tool is for.
    public static let toolDescription = AttributeKey<String>("gen_ai.tool.description")
    /// `function`, `extension` or `datastore`.
    public static let toolType = AttributeKey<String>("gen_ai.tool.type")
    /// What the tool was called with, as JSON text. Content: off by default.
    public static let toolCallArguments = AttributeKey<String>("gen_ai.tool.call.arguments")
    /// What the tool answered, as JSON text. Content: off by default.
    public static let toolCallResult = AttributeKey<String>("gen_ai.tool.call.result")
    /// The tools offered to the model, as JSON text. Content: off by default.
    public static let toolDefinitions = AttributeKey<String>("gen_ai.tool.definitions")
    /// The prompt, or prompt template, that was used.
    public static let promptName = AttributeKey<String>("gen_ai.prompt.name")
    /// Which version of the prompt it was.
    public static let promptVersion = AttributeKey<String>("gen_ai.prompt.version")
    /// What was searched for. Content: off by default.
    public static let retrievalQueryText = AttributeKey<String>("gen_ai.retrieval.query.text")
    /// What was found, as JSON text. Content: off by default.
    public static let retrievalDocuments = AttributeKey<String>("gen_ai.retrieval.documents")
    /// The memory store.
    public static let memoryStoreID = AttributeKey<String>("gen_ai.memory.store.id")
    /// The one record of the memory that the operation is about.
    public static let memoryRecordID = AttributeKey<String>("gen_ai.memory.record.id")
    /// How many records were stored, found or deleted.
    public static let memoryRecordCount = AttributeKey<Int>("gen_ai.memory.record.count")
    /// What was searched for in the memory. Content: off by default.
    public static let memoryQueryText = AttributeKey<String>("gen_ai.memory.query.text")
    /// The records stored or found, as JSON text. Content: off by default.
    public static let memoryRecords = AttributeKey<String>("gen_ai.memory.records")
    /// The model that was asked for.
    public static let requestModel = AttributeKey<String>("gen_ai.request.model")
    /// How many answers were asked for.
    public static let requestChoiceCount = AttributeKey<Int>("gen_ai.request.choice.count")
    /// The seed that was asked for.
    public static let requestSeed = AttributeKey<Int>("gen_ai.request.seed")
    /// Whether the answer was streamed.
    public static let requestStream = AttributeKey<Bool>("gen_ai.request.stream")
    /// The most tokens the answer may have.
    public static let requestMaxTokens = AttributeKey<Int>("gen_ai.request.max_tokens")
    /// The sampling temperature.
    public static let requestTemperature = AttributeKey<Double>("gen_ai.request.temperature")
    /// The nucleus sampling threshold.
    public static let requestTopP = AttributeKey<Double>("gen_ai.request.top_p")
    /// The number of candidates sampled from; a double by convention.
    public static let requestTopK = AttributeKey<Double>("gen_ai.request.top_k")
    /// Texts that end the answer.
    public static let requestStopSequences = AttributeKey<[String]>("gen_ai.request.stop_sequences")
    /// The frequency penalty.
    public static let requestFrequencyPenalty = AttributeKey<Double>("gen_ai.request.frequency_penalty")
    /// The presence penalty.
    public static let requestPresencePenalty = AttributeKey<Double>("gen_ai.request.presence_penalty")
    /// The encodings asked for in an embeddings call.
    public static let requestEncodingFormats = AttributeKey<[String]>("gen_ai.request.encoding_formats")
    /// The id of the answer.
    public static let responseID = AttributeKey<String>("gen_ai.response.id")
    /// The model that answered, which decides the price.
    public static let responseModel = AttributeKey<String>("gen_ai.response.model")
    /// Why each answer ended.
    public static let responseFinishReasons = AttributeKey<[String]>("gen_ai.response.finish_reasons")
    /// Seconds from the request to the first chunk of a stream.
    public static let responseTimeToFirstChunk = AttributeKey<Double>("gen_ai.response.time_to_first_chunk")
    /// Tokens sent, cached ones included.
    public static let usageInputTokens = AttributeKey<Int>("gen_ai.usage.input_tokens")
    /// Tokens received, reasoning included.
    public static let usageOutputTokens = AttributeKey<Int>("gen_ai.usage.output_tokens")
    /// Of the tokens sent, those read from a cache.
    public static let usageCacheReadInputTokens = AttributeKey<Int>("gen_ai.usage.cache_read.input_tokens")
    /// Of the tokens sent, those written to a cache.
    public static let usageCacheCreationInputTokens = AttributeKey<Int>("gen_ai.usage.cache_creation.input_tokens")
    /// Of the tokens received, those spent on reasoning.
    public static let usageReasoningOutputTokens = AttributeKey<Int>("gen_ai.usage.reasoning.output_tokens")
    /// The length of the embedding.
    public static let embeddingsDimensionCount = AttributeKey<Int>("gen_ai.embeddings.dimension.count")
    /// The metric an evaluation measured.
    public static let evaluationName = AttributeKey<String>("gen_ai.evaluation.name")
    /// The score as a number.
    public static let evaluationScoreValue = AttributeKey<Double>("gen_ai.evaluation.score.value")
    /// The score as a word.
    public static let evaluationScoreLabel = AttributeKey<String>("gen_ai.evaluation.score.label")
    /// Why the score was given.
    public static let evaluationExplanation = AttributeKey<String>("gen_ai.evaluation.explanation")
    /// The instructions given to the model, as JSON text. Content: off by default.
    public static let systemInstructions = AttributeKey<String>("gen_ai.system_instructions")
    /// The messages sent, as JSON text. Content: off by default.
    public static let inputMessages = AttributeKey<String>("gen_ai.input.messages")
    /// The messages received, as JSON text. Content: off by default.
    public static let outputMessages = AttributeKey<String>("gen_ai.output.messages")

    /// The name of the event that reports a score.
    public static let evaluationEventName = "gen_ai.evaluation.result"
}
