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

    /// Values of ``operationName``.
    public enum Operation {
        /// `chat`.
        public static let chat = "chat"
        /// `generate_content`.
        public static let generateContent = "generate_content"
        /// `text_completion`.
        public static let textCompletion = "text_completion"
        /// `embeddings`.
        public static let embeddings = "embeddings"
        /// `retrieval`.
        public static let retrieval = "retrieval"
        /// `create_agent`.
        public static let createAgent = "create_agent"
        /// `invoke_agent`.
        public static let invokeAgent = "invoke_agent"
        /// `invoke_workflow`.
        public static let invokeWorkflow = "invoke_workflow"
        /// `execute_tool`.
        public static let executeTool = "execute_tool"
    }

    /// Values of ``providerName``.
    public enum Provider {
        /// `openai`.
        public static let openAI = "openai"
        /// `anthropic`.
        public static let anthropic = "anthropic"
        /// `gcp.gen_ai`.
        public static let gcpGenAI = "gcp.gen_ai"
        /// `gcp.vertex_ai`.
        public static let gcpVertexAI = "gcp.vertex_ai"
        /// `gcp.gemini`.
        public static let gcpGemini = "gcp.gemini"
        /// `azure.ai.inference`.
        public static let azureAIInference = "azure.ai.inference"
        /// `azure.ai.openai`.
        public static let azureOpenAI = "azure.ai.openai"
        /// `aws.bedrock`.
        public static let awsBedrock = "aws.bedrock"
        /// `cohere`.
        public static let cohere = "cohere"
        /// `ibm.watsonx.ai`.
        public static let ibmWatsonxAI = "ibm.watsonx.ai"
        /// `perplexity`.
        public static let perplexity = "perplexity"
        /// `x_ai`.
        public static let xAI = "x_ai"
        /// `deepseek`.
        public static let deepSeek = "deepseek"
        /// `groq`.
        public static let groq = "groq"
        /// `mistral_ai`.
        public static let mistralAI = "mistral_ai"
        /// `moonshot_ai`.
        public static let moonshotAI = "moonshot_ai"
    }
}
