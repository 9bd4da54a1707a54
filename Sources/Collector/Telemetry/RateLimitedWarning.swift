/// Lets each message through once in ten seconds and counts what it held back, so that a target that is down for
/// hours does not fill the log.
struct RateLimitedWarning: Sendable {
    private var states: [String: (last: ContinuousClock.Instant, suppressed: Int)] = [:]
    private static let interval = Duration.seconds(10)

    /// How many were held back since the last one; nil when this one shall be held back too.
    mutating func allow(_ message: String, now: ContinuousClock.Instant = .now) -> Int? {
        if let state = states[message], now - state.last < Self.interval {
            states[message]?.suppressed += 1
            return nil
        }
        let suppressed = states[message]?.suppressed ?? 0
        states[message] = (now, 0)
        return suppressed
    }
}
