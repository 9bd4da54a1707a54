import OTLP

/// One call of a model, put together from all spans that describe it.
package struct ModelCall: Hashable, Sendable {
    package var traceID: TraceID
    /// The innermost span.
    package var spanID: SpanID
    /// Unix nanoseconds; from the outermost span, as `end`.
    package var start: UInt64
    package var end: UInt64
    /// How many calls this one stands for.
    package var weight: UInt64
    package var isError: Bool
    package var operation: String
    package var provider: String
    package var requestModel: String
    package var responseModel: String
    package var service: String
    package var agent: String
    package var conversation: String
    /// The values of the configured attribution keys, in their order; empty text where there is none.
    package var attribution: [String]
    package var errorType: String
    package var finishReasons: [String]
    /// Seconds.
    package var timeToFirstToken: Double?
    /// Nil when no span said anything about tokens.
    package var usage: TokenUsage?
    /// In US dollars, as a span had it.
    package var reportedCost: Double?
    /// It follows a failed call of the same parent to the same model.
    package var isRetry: Bool

    package var durationNanoseconds: UInt64 { end - start }

    /// The model that answered, or the one that was asked for.
    package var model: String { responseModel.isEmpty ? requestModel : responseModel }
}

/// Usage that a span of an agent or workflow reports beyond that of the calls that were found below it.
package struct UnattributedUsage: Hashable, Sendable {
    package var traceID: TraceID
    package var spanID: SpanID
    /// Unix nanoseconds.
    package var start: UInt64
    package var weight: UInt64
    package var service: String
    package var agent: String
    package var conversation: String
    package var attribution: [String]
    package var usage: TokenUsage
}
