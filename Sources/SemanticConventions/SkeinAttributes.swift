/// Attributes that OpenTelemetry's conventions have no name for.
///
/// Version: 1.
public enum SkeinAttributes {
    // MARK: on whose behalf

    /// The department that pays for the work. Also the name of its baggage entry.
    public static let department = AttributeKey<String>("skein.attribution.department")
    /// The application that the work is part of. Also the name of its baggage entry.
    public static let application = AttributeKey<String>("skein.attribution.application")
    /// The customer. Also the name of its baggage entry.
    public static let tenant = AttributeKey<String>("skein.attribution.tenant")
    /// The caller's environment, such as `staging`. Also the name of its baggage entry.
    public static let environment = AttributeKey<String>("skein.attribution.environment")
    /// What stands before the name of an experiment in the name of the attribute, and of the baggage entry, that holds
    /// its variant.
    public static let experimentPrefix = "skein.experiment."

    // MARK: how an operation ended

    /// True when the caller cancelled the operation or no longer wanted it, which is no failure.
    public static let isCancelled = AttributeKey<Bool>("skein.cancelled")

    // MARK: streams

    /// How a stream ended: `completed`, `cancelled`, `abandoned` or `failed`.
    public static let streamOutcome = AttributeKey<String>("skein.stream.outcome")
    /// How many chunks came.
    public static let streamChunkCount = AttributeKey<Int>("skein.stream.chunk_count")
    /// The longest time from one chunk to the next, in seconds.
    public static let streamChunkGapMaxSeconds = AttributeKey<Double>("skein.stream.chunk_gap_max_seconds")
    /// The mean time from one chunk to the next, in seconds.
    public static let streamChunkGapMeanSeconds = AttributeKey<Double>("skein.stream.chunk_gap_mean_seconds")
    /// The event that reports one chunk.
    public static let streamChunkEventName = "skein.stream.chunk"
    /// Which chunk it is, from 0.
    public static let streamChunkIndex = AttributeKey<Int>("skein.stream.chunk_index")

    // MARK: retries and fallbacks

    /// The event that reports a pause before another attempt.
    public static let retryEventName = "retry"
    /// Which attempt it is, from 1; on the event, the one that failed.
    public static let retryAttempt = AttributeKey<Int>("skein.retry.attempt")
    /// How many attempts there were in all.
    public static let retryAttemptCount = AttributeKey<Int>("skein.retry.attempt_count")
    /// How long the pause is, in milliseconds.
    public static let retryPauseMilliseconds = AttributeKey<Double>("skein.retry.pause_ms")
    /// Why there was no further attempt after a failed one.
    public static let retryStopReason = AttributeKey<String>("skein.retry.stop_reason")
    /// The class of a failure: `rate_limit`, `network`, `unavailable`, `authentication`, `invalid`, `cancelled` or
    /// `unknown`.
    public static let errorClass = AttributeKey<String>("skein.error_class")
    /// The event that reports a candidate that failed.
    public static let fallbackEventName = "fallback"
    /// The candidate that failed, on the event, or the one that was used.
    public static let fallbackCandidate = AttributeKey<String>("skein.fallback.candidate")
    /// The place of the candidate in the list, from 0.
    public static let fallbackIndex = AttributeKey<Int>("skein.fallback.index")

    // MARK: retrieval

    /// How many documents a retrieval found.
    public static let retrievalDocumentCount = AttributeKey<Int>("skein.retrieval.document_count")
}
