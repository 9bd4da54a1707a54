/// How a stream ended; the value of `skein.stream.outcome`.
public enum StreamOutcome: String, Sendable {
    /// It came to its end.
    case completed
    /// Its task was cancelled.
    case cancelled
    /// Nobody wanted the rest: the consumer left its loop, or never began one.
    case abandoned
    /// It threw an error.
    case failed
}
