import OTLP

/// The waits between attempts of one request: they grow by a factor to a limit, and each is spread at random so that
/// many clients do not come back at once.
package struct Backoff: Sendable {
    private let configuration: RetryConfiguration
    /// Seconds, before it is spread.
    private var interval: Double
    private var random: any RandomNumberGenerator & Sendable

    package init(_ configuration: RetryConfiguration, random: any RandomNumberGenerator & Sendable) {
        self.configuration = configuration
        self.random = random
        interval = Self.first(configuration)
    }

    /// The wait before the next attempt; nil when there shall be none.
    ///
    /// - Parameters:
    ///   - elapsed: Time since the first attempt began; with the wait it must not pass `max_elapsed_time`.
    ///   - retryAfter: What the target asked for; it wins where it is longer.
    package mutating func next(elapsed: Duration, retryAfter: Duration?) -> Duration? {
        guard configuration.isEnabled else { return nil }
        let spread = configuration.randomizationFactor * interval
        var seconds =
            spread > 0 ? Double.random(in: (interval - spread)...(interval + spread), using: &random) : interval
        interval = min(interval * configuration.multiplier, configuration.maxInterval.seconds)
        if let retryAfter { seconds = max(seconds, retryAfter.seconds) }
        let wait = Duration.nanoseconds(Int64(seconds * 1e9))
        let limit = configuration.maxElapsedTime
        return limit == .zero || elapsed + wait <= limit ? wait : nil
    }

    /// Begins anew for the next request.
    package mutating func reset() { interval = Self.first(configuration) }

    private static func first(_ configuration: RetryConfiguration) -> Double {
        min(configuration.initialInterval, configuration.maxInterval).seconds
    }
}
