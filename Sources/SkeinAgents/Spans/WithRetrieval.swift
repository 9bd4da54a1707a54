import OTLP
import SemanticConventions
import Tracing

/// What is looked up in a data source.
public struct RetrievalRequest: Sendable {
    /// The data source, such as an index, by the id its system uses.
    public var dataSourceID: String
    /// The most documents to return.
    public var topK: Double?
    /// Who serves the data source, where that is one of `GenAI.Provider` or the like.
    public var provider: String?
    /// The model that ranks or embeds, where one does.
    public var model: String?
    /// The name or address of the server.
    public var serverAddress: String?
    /// The port of the server.
    public var serverPort: Int?

    /// A retrieval whose further settings are properties.
    public init(dataSourceID: String, topK: Double? = nil, provider: String? = nil, model: String? = nil) {
        self.dataSourceID = dataSourceID
        self.topK = topK
        self.provider = provider
        self.model = model
    }
}

/// A document that a retrieval found.
public struct RetrievedDocument: Sendable, Equatable {
    /// Its id in the data source.
    public var id: String
    /// How well it fits.
    public var score: Double
    /// Its text.
    public var content: String?

    /// A document.
    public init(id: String, score: Double, content: String? = nil) {
        self.id = id
        self.score = score
        self.content = content
    }

    static func json(_ documents: [RetrievedDocument]) -> String {
        var json = JSONWriter()
        json.array { json in
            for document in documents {
                json.object { json in
                    json.string("id", document.id)
                    json.double("score", document.score)
                    if let content = document.content { json.string("content", content) }
                }
            }
        }
        return json.takeText()
    }
}

/// The span of a retrieval.
public struct RetrievalSpan: OperationSpan {
    let recorder: AttributeRecorder

    /// The span itself, for attributes of one's own.
    public var span: any Span { recorder.span }

    /// Records what is searched for where ``ContentCapture`` is on; else it is not evaluated.
    public func recordQuery(_ text: @autoclosure () -> String) {
        recorder.record(.retrievalQuery, text)
    }

    /// Records how many documents were found.
    public func recordDocumentCount(_ count: Int) {
        recorder.set(SkeinAttributes.retrievalDocumentCount, count)
    }

    /// Records how many documents were found, and the documents where ``ContentCapture`` is on.
    public func recordDocuments(_ documents: [RetrievedDocument]) {
        recordDocumentCount(documents.count)
        recorder.record(.retrievalDocuments) { RetrievedDocument.json(documents) }
    }
}

/// Looks something up in a client span `retrieval {data source}`.
///
/// - Parameters:
///   - kind: `.internal` for a data source in this process.
///   - tracer: nil means the process's tracer.
/// - Throws: what `operation` throws, recorded as `error.type`, an event and the status; a cancelled retrieval is
///   marked `skein.cancelled` and is no error.
public func withRetrieval<Result>(
    _ request: RetrievalRequest, kind: SpanKind = .client, tracer: (any Tracer)? = nil,
    isolation: isolated (any Actor)? = #isolation, _ operation: (RetrievalSpan) async throws -> Result
) async rethrows -> Result {
    try await withRecordedSpan(
        "\(GenAI.Operation.retrieval) \(request.dataSourceID)", kind: kind, tracer: tracer, isolation: isolation
    ) { recorder in
        recorder.set(GenAI.operationName, GenAI.Operation.retrieval)
        recorder.set(GenAI.dataSourceID, request.dataSourceID)
        recorder.set(GenAI.requestTopK, request.topK)
        recorder.set(GenAI.providerName, request.provider)
        recorder.set(GenAI.requestModel, request.model)
        recorder.set(HTTPAttributes.serverAddress, request.serverAddress)
        recorder.set(HTTPAttributes.serverPort, request.serverPort)
    } operation: { recorder in
        try await operation(RetrievalSpan(recorder: recorder))
    }
}
