import SemanticConventions
import Tracing

/// What an embedding model is asked for. What is nil or empty is not recorded.
public struct EmbeddingRequest: Sendable {
    /// The model.
    public var model: String
    /// Who serves it: one of `GenAI.Provider`, or another name.
    public var provider: String
    /// Numbers in one embedding.
    public var dimensionCount: Int?
    /// Such as `float` or `base64`.
    public var encodingFormats: [String]
    /// The name or address of the server.
    public var serverAddress: String?
    /// The port of the server.
    public var serverPort: Int?

    /// A request whose further settings are properties.
    public init(model: String, provider: String, dimensionCount: Int? = nil, encodingFormats: [String] = []) {
        self.model = model
        self.provider = provider
        self.dimensionCount = dimensionCount
        self.encodingFormats = encodingFormats
    }
}

/// The span of an embedding.
public struct EmbeddingSpan: OperationSpan {
    let recorder: AttributeRecorder

    /// The span itself, for attributes of one's own.
    public var span: any Span { recorder.span }

    /// Records what the provider says.
    ///
    /// - Parameter dimensionCount: numbers in one embedding, where only the answer says so.
    public func recordResponse(model: String? = nil, inputTokens: Int? = nil, dimensionCount: Int? = nil) {
        recorder.set(GenAI.responseModel, model)
        recorder.set(GenAI.usageInputTokens, inputTokens)
        recorder.set(GenAI.embeddingsDimensionCount, dimensionCount)
    }
}

/// Makes embeddings in a client span `embeddings {model}`.
///
/// - Parameters:
///   - kind: `.internal` for a model in this process.
///   - tracer: nil means the process's tracer.
/// - Throws: what `operation` throws, recorded as `error.type`, an event and the status; a cancelled call is marked
///   `skein.cancelled` and is no error.
public func withEmbedding<Result>(
    _ request: EmbeddingRequest, kind: SpanKind = .client, tracer: (any Tracer)? = nil,
    isolation: isolated (any Actor)? = #isolation, _ operation: (EmbeddingSpan) async throws -> Result
) async rethrows -> Result {
    try await withRecordedSpan(
        "\(GenAI.Operation.embeddings) \(request.model)", kind: kind, tracer: tracer, isolation: isolation
    ) { recorder in
        recorder.set(GenAI.operationName, GenAI.Operation.embeddings)
        recorder.set(GenAI.providerName, request.provider)
        recorder.set(GenAI.requestModel, request.model)
        recorder.set(GenAI.embeddingsDimensionCount, request.dimensionCount)
        recorder.set(GenAI.requestEncodingFormats, request.encodingFormats)
        recorder.set(HTTPAttributes.serverAddress, request.serverAddress)
        recorder.set(HTTPAttributes.serverPort, request.serverPort)
    } operation: { recorder in
        try await operation(EmbeddingSpan(recorder: recorder))
    }
}
