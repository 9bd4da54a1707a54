import OTLP

/// What an answer to an export means (OTLP specification, "OTLP/HTTP Response").
package enum ExportVerdict: Sendable, Equatable {
    /// The target has the request; it left out `rejectedSpans` of it for good.
    case delivered(rejectedSpans: Int, message: String)
    /// The same request may succeed later; not before `retryAfter`, where the target said so.
    case retryable(reason: String, retryAfter: Duration?)
    /// The target will never take this request.
    case refused(status: Int, reason: String)

    /// - Parameter retryAfter: The `Retry-After` header as a duration from now.
    package static func of(status: Int, retryAfter: Duration?) -> ExportVerdict {
        switch status {
        case 200..<300: .delivered(rejectedSpans: 0, message: "")
        case 429, 502, 503, 504: .retryable(reason: "status \(status)", retryAfter: retryAfter)
        default: .refused(status: status, reason: "status \(status)")
        }
    }
}

/// The waits between attempts of one request: they grow by a factor to a limit, and each is spread at random so that
/// many clients do not come back at once.
package struct Backoff: Sendable {
    private let configuration: RetryConfiguration
    private var interval: Double
    private var waited = 0.0
    private var random: any RandomNumberGenerator & Sendable

    package init(_ configuration: RetryConfiguration, random: any RandomNumberGenerator & Sendable) {
        self.configuration = configuration
        self.random = random
        interval = configuration.initialInterval.seconds
    }

    /// The wait before the next attempt; nil when there shall be none.
    ///
    /// - Parameter retryAfter: What the target asked for; it wins where it is longer.
    package mutating func next(retryAfter: Duration?) -> Duration? {
        guard configuration.isEnabled else { return nil }
        let spread = configuration.randomizationFactor * interval
        let low = interval - spread
        var wait = spread > 0 ? Double.random(in: low...(interval + spread), using: &random) : interval
        interval = min(interval * configuration.multiplier, configuration.maxInterval.seconds)
        if let retryAfter { wait = max(wait, retryAfter.seconds) }
        let limit = configuration.maxElapsedTime.seconds
        guard limit == 0 || waited + wait <= limit else { return nil }
        waited += wait
        return .nanoseconds(Int64(wait * 1e9))
    }

    /// Begins anew for the next request.
    package mutating func reset() {
        interval = configuration.initialInterval.seconds
        waited = 0
    }
}
