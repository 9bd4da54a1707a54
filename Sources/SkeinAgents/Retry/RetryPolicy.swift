/// Whether and when a failed attempt is repeated.
public struct RetryPolicy: Sendable {
    /// How chance spreads the pauses of those who failed together.
    public enum Jitter: Sendable {
        /// Between nothing and the whole pause.
        case full
        /// Between half and the whole pause.
        case equal
        /// The whole pause.
        case none
    }

    /// Attempts in all, the first included; at least 1.
    public var attemptsMax: Int
    /// The first pause; each one after it is twice as long.
    public var pauseMin: Duration
    /// No pause of our own choice is longer.
    public var pauseMax: Duration
    /// How chance shortens a pause. What a server asks for is never shortened.
    public var jitter: Jitter
    /// A server that asks for a longer pause is not waited for: its error is thrown at once.
    public var retryAfterMax: Duration
    /// No attempt begins later than this after the first; nil for no such limit.
    public var elapsedMax: Duration?
    /// The kinds of failure that are repeated.
    public var retryable: Set<ErrorClass> = ErrorClass.retryable
    /// Classifies errors that do not do so themselves, such as those of an HTTP client; nil leaves it to
    /// ``ErrorClass/init(_:)``.
    public var classify: @Sendable (any Error) -> ErrorClass? = { _ in nil }

    /// Waits. Throws when the task is cancelled meanwhile.
    public var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    /// A number from 0 to 1.
    public var random: @Sendable () -> Double = { Double.random(in: 0...1) }
    /// What measures ``elapsedMax``.
    public var clock = MonotonicClock.continuous

    /// Four attempts with pauses of up to 0.5, 1 and 2 seconds.
    public init(
        attemptsMax: Int = 4, pauseMin: Duration = .milliseconds(500), pauseMax: Duration = .seconds(30),
        jitter: Jitter = .full, retryAfterMax: Duration = .seconds(60), elapsedMax: Duration? = nil
    ) {
        self.attemptsMax = attemptsMax
        self.pauseMin = pauseMin
        self.pauseMax = pauseMax
        self.jitter = jitter
        self.retryAfterMax = retryAfterMax
        self.elapsedMax = elapsedMax
    }

    /// Why there is no further attempt; the value of `skein.retry.stop_reason`.
    enum StopReason: String {
        case notRetryable = "not_retryable"
        case attemptsExhausted = "attempts_exhausted"
        case timeExhausted = "time_exhausted"
        case retryAfterTooLong = "retry_after_too_long"
        case cancelled
    }

    enum Decision {
        case wait(Duration)
        case stop(StopReason)
    }

    func errorClass(of error: any Error) -> ErrorClass {
        classify(error) ?? ErrorClass(error)
    }

    /// What follows the failure of the given attempt, counted from 1.
    func decision(
        after error: any Error, _ errorClass: ErrorClass, attempt: Int, elapsed: Duration, isCancelled: Bool
    ) -> Decision {
        if isCancelled || errorClass == .cancelled { return .stop(.cancelled) }
        guard retryable.contains(errorClass) else { return .stop(.notRetryable) }
        guard attempt < attemptsMax else { return .stop(.attemptsExhausted) }
        let asked = max((error as? any ErrorClassifying)?.retryAfter ?? .zero, .zero)
        guard asked <= retryAfterMax else { return .stop(.retryAfterTooLong) }
        let pause = max(backoff(attempt), asked)
        if let elapsedMax, elapsed + pause > elapsedMax { return .stop(.timeExhausted) }
        return .wait(pause)
    }

    private func backoff(_ attempt: Int) -> Duration {
        let pause = max(min(pauseMin * (1 << min(attempt - 1, 20)), pauseMax), .zero)
        return switch jitter {
        case .full: pause * random()
        case .equal: pause * (0.5 + random() / 2)
        case .none: pause
        }
    }
}
