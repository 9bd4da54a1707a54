/// The `Retry-After` header: whole seconds or an HTTP-date.
package enum RetryAfterHeader {
    /// From now; nil when the header is absent, makes no sense or lies in the past.
    ///
    /// - Parameter now: Unix nanoseconds.
    package static func duration(_ header: String?, now: UInt64) -> Duration? {
        guard let header else { return nil }
        let seconds: Int64
        if let number = Int64(header) {
            seconds = number
        } else {
            guard let date = parseHTTPDate(header) else { return nil }
            seconds = date - Int64(now / 1_000_000_000)
        }
        return seconds > 0 ? .seconds(min(seconds, secondsMax)) : nil
    }

    /// One hour: a longer wait is more likely a wrong clock than a wish, and asking again costs little.
    private static let secondsMax: Int64 = 3600
}
