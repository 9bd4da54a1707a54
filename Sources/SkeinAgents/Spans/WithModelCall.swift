import SemanticConventions
import Tracing

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

/// The span of a model call.
public struct ModelCallSpan: Sendable {
    let recorder: AttributeRecorder

    /// The span itself, for attributes of one's own.
    public var span: any Span { recorder.span }

    /// Records the tokens of the call.
    public func recordUsage(_ usage: TokenUsage) {
        recorder.record(usage)
    }

    /// Records what the provider says about its answer.
    ///
    /// - Parameters:
    ///   - id: the id of the answer.
    ///   - model: the model that answered, which may be another than the one asked for.
    ///   - finishReasons: one for each answer.
    public func recordResponse(
        id: String? = nil, model: String? = nil, finishReasons: [String] = [], usage: TokenUsage? = nil
    ) {
        recorder.set(GenAI.responseID, id)
        recorder.set(GenAI.responseModel, model)
        recorder.set(GenAI.responseFinishReasons, finishReasons)
        if let usage { recorder.record(usage) }
    }
}

/// Runs a model call in a client span `{operation} {model}`.
///
/// ```swift
/// let request = ModelRequest(model: "gpt-5", provider: GenAI.Provider.openAI, maxTokens: 512)
/// let answer = try await withModelCall(request) { call in
///     let answer = try await client.chat(prompt)
///     call.recordResponse(id: answer.id, usage: TokenUsage(inputTokens: 20, outputTokens: 7))
///     return answer
/// }
/// ```
/// Neither prompt nor answer is recorded.
/// - Parameter tracer: nil means the process's tracer.
/// - Throws: what `operation` throws, recorded as `error.type`, an event and the status.
public func withModelCall<Result>(
    _ request: ModelRequest, kind: SpanKind = .client, tracer: (any Tracer)? = nil,
    isolation: isolated (any Actor)? = #isolation, _ operation: (ModelCallSpan) async throws -> Result
) async rethrows -> Result {
    try await withRecordedSpan(
        "\(request.operation) \(request.model)", kind: kind, tracer: tracer, isolation: isolation,
        prepare: request.record
    ) { recorder in
        try await operation(ModelCallSpan(recorder: recorder))
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
        recorder.set(HTTPAttributes.serverAddress, serverAddress)
        recorder.set(HTTPAttributes.serverPort, serverPort)
    }
}
