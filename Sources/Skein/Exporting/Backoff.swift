import ContextBaggage
import CurlTransport

/// Pauses between attempts: doubling, with jitter, so that many senders do not come back at the same moment.
package struct Backoff: Sendable {
    /// 1 s: long enough for a restart behind a load balancer to be noticed.
    package var initial: Duration = .seconds(1)
    /// 10 s: three attempts still fit the default window of 30 s.
    package var max: Duration = .seconds(10)
    /// The share of a pause that is random, to both sides.
    package var jitter = 0.2
    /// A number from 0 up to 1.
    package var random: @Sendable () -> Double = { Double.random(in: 0..<1) }

    package init() {}

    /// - Parameter attempts: how many have failed; 1 or more.
    package func delay(afterAttempts attempts: Int) -> Duration {
        let doublings = Swift.min(Swift.max(0, attempts - 1), 16)
        let delay = Swift.min(initial * (1 << doublings), max)
        return delay * (1 + jitter * (2 * random() - 1))
    }
}

/// The `Retry-After` header: whole seconds or an HTTP-date.
package enum RetryAfter {
    /// Nil when the value is neither; never negative.
    package static func parse(_ value: String, now: Int64 = WallClock.seconds) -> Duration? {
        let text = String(value.trimmingOptionalWhitespace())
        if let seconds = UInt32(text) { return .seconds(Int64(seconds)) }
        guard let date = parseHTTPDate(text) else { return nil }
        return .seconds(Swift.max(0, date - now))
    }
}
