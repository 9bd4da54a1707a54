import OTLP

/// What a provider's answer says about itself: what spans need of it, and none of its content.
///
/// Token counts mean what the GenAI conventions mean, whatever the provider counts: input includes what was read from
/// and written to a cache, output includes reasoning.
public struct ModelResponse: Sendable, Equatable {
    /// The id of the answer.
    public var id: String?
    /// The model that answered.
    public var model: String?
    /// Why each answer ended, in the provider's words.
    public var finishReasons: [String] = []
    /// What it took. What the provider does not say is nil.
    public var usage = TokenUsage()
    /// The error that came instead of the answer, or in its midst.
    public var error: ModelAPIError?
    /// The answer came to its end: false for a stream that was cut.
    public var isComplete = false

    /// An answer that says nothing.
    public init() {}

    /// Bytes of a body that is read. Answers with images are the largest; more than this is refused.
    public static let bodyBytesMax = 64 * 1_048_576

    /// Reads a response body, also one that reports an error, and also Google's streams that are one JSON array.
    ///
    /// Depth is limited to 1,024 levels.
    /// - Throws: ``ModelResponseError``, which has what was read up to the mistake.
    public init(body: some Collection<UInt8>, format: ModelResponseFormat) throws(ModelResponseError) {
        guard body.count <= Self.bodyBytesMax else {
            let problem = "body of \(body.count) bytes, expected at most \(Self.bodyBytesMax)"
            throw ModelResponseError(problem: problem, partial: ModelResponse())
        }
        var reading = ModelResponseReading(format)
        do {
            try reading.read(body: Array(body))
        } catch {
            throw ModelResponseError(problem: error.description, partial: reading.response)
        }
        self = reading.response
    }

    /// Reads a response body; see ``init(body:format:)-(Collection<UInt8>,_)``.
    public init(body: String, format: ModelResponseFormat) throws(ModelResponseError) {
        try self.init(body: Array(body.utf8), format: format)
    }
}

/// Why a body could not be read.
public struct ModelResponseError: Error, Equatable, CustomStringConvertible {
    /// What is wrong and at which byte.
    public let problem: String
    /// What was read before the mistake.
    public let partial: ModelResponse

    /// The problem.
    public var description: String { problem }
}
