import CurlTransport

/// The `Retry-After` header: whole seconds or an HTTP-date.
enum RetryAfter {
    /// From now; nil when the header is absent, makes no sense or lies in the past.
    static func duration(_ response: HTTPResponseMessage) -> Duration? {
        guard let text = response.header("Retry-After") else { return nil }
        if let seconds = Int64(text) { return seconds > 0 ? .seconds(min(seconds, secondsMax)) : nil }
        guard let date = parseHTTPDate(text) else { return nil }
        let seconds = date - Int64(ProcessStatistics.now() / 1_000_000_000)
        return seconds > 0 ? .seconds(min(seconds, secondsMax)) : nil
    }

    /// One hour: a longer wait is more likely a wrong clock than a wish, and asking again costs little.
    private static let secondsMax: Int64 = 3600
}
