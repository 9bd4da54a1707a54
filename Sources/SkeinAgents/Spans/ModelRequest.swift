import SemanticConventions

/// What a model is asked for. What is nil or empty is not recorded.
public struct ModelRequest: Sendable {
    /// The model.
    public var model: String
    /// Who serves it: one of `GenAI.Provider`, or another name.
    public var provider: String
    /// What is done: one of `GenAI.Operation`.
    public var operation: String
    /// The most tokens the answer may have.
    public var maxTokens: Int?
    /// The sampling temperature.
    public var temperature: Double?
    /// The nucleus sampling threshold.
    public var topP: Double?
    /// The number of candidates sampled from.
    public var topK: Double?
    /// The frequency penalty.
    public var frequencyPenalty: Double?
    /// The presence penalty.
    public var presencePenalty: Double?
    /// Texts that end the answer.
    public var stopSequences: [String] = []
    /// The seed.
    public var seed: Int?
    /// How many answers; 1 is not recorded, as the conventions say.
    public var choiceCount: Int?
    /// Whether the answer is streamed; recorded when true.
    public var isStreamed = false
    /// `text`, `json`, `image` or `speech`.
    public var outputType: String?
    /// The conversation, session or thread the call is part of.
    public var conversationID: String?
    /// The name or address of the server.
    public var serverAddress: String?
    /// The port of the server.
    public var serverPort: Int?
    /// The prompt or prompt template that is used, by its name.
    public var promptName: String?
    /// The version of the prompt.
    public var promptVersion: String?

    /// A request whose further settings are properties.
    public init(
        model: String, provider: String, operation: String = GenAI.Operation.chat, maxTokens: Int? = nil,
        temperature: Double? = nil, conversationID: String? = nil
    ) {
        self.model = model
        self.provider = provider
        self.operation = operation
        self.maxTokens = maxTokens
        self.temperature = temperature
        self.conversationID = conversationID
    }
}

extension ModelRequest {
    func record(on recorder: AttributeRecorder) {
        recorder.set(GenAI.operationName, operation)
        recorder.set(GenAI.providerName, provider)
        recorder.set(GenAI.requestModel, model)
        recorder.set(GenAI.requestMaxTokens, maxTokens)
        recorder.set(GenAI.requestTemperature, temperature)
        recorder.set(GenAI.requestTopP, topP)
        recorder.set(GenAI.requestTopK, topK)
        recorder.set(GenAI.requestFrequencyPenalty, frequencyPenalty)
        recorder.set(GenAI.requestPresencePenalty, presencePenalty)
        recorder.set(GenAI.requestStopSequences, stopSequences)
        recorder.set(GenAI.requestSeed, seed)
        recorder.set(GenAI.requestChoiceCount, choiceCount == 1 ? nil : choiceCount)
        recorder.set(GenAI.requestStream, isStreamed ? true : nil)
        recorder.set(GenAI.outputType, outputType)
        recorder.set(GenAI.conversationID, conversationID)
        recorder.set(GenAI.promptName, promptName)
        recorder.set(GenAI.promptVersion, promptVersion)
        recorder.set(HTTPAttributes.serverAddress, serverAddress)
        recorder.set(HTTPAttributes.serverPort, serverPort)
    }
}
