import HTTPServing
import OTLP
import TraceStorage

/// Parameters of our own API.
extension QueryParameters {
    /// How far back an answer looks when the client says nothing about time.
    static let sinceDefault: UInt64 = 3_600 * 1_000_000_000

    /// `start` and `end`, each unix nanoseconds or RFC 3339, or `since=1h` instead of `start`. Without them it is the
    /// last hour until now. The end belongs to the range.
    func timeRange(now: UInt64) throws(APIError) -> TimeRange {
        let end = try time("end") ?? now
        let since = try nanoseconds("since")
        let start = try time("start")
        if start != nil, since != nil { throw .badRequest("start and since exclude each other") }
        let lookback = since ?? Self.sinceDefault
        let range = TimeRange(start: start ?? (end > lookback ? end - lookback : 0), end: end.addingCapped(1))
        guard range.start < range.end else { throw .badRequest("start lies after end") }
        return range
    }

    private func time(_ name: String) throws(APIError) -> UInt64? {
        guard let text = self[name] else { return nil }
        guard let time = TimeText.parse(text) else {
            throw .badRequest(
                "\(name): '\(text)' is no time, expected unix nanoseconds or RFC 3339",
                hint: "an example: \(name)=2026-01-31T08:00:00Z")
        }
        return time
    }

    /// A duration over 0: whole nanoseconds, or text such as `90s`.
    func nanoseconds(_ name: String) throws(APIError) -> UInt64? {
        guard let text = self[name] else { return nil }
        let nanoseconds = UInt64(text) ?? GoDuration.parse(text).map { UInt64(max(0, $0.nanosecondsClamped)) } ?? 0
        guard nanoseconds > 0 else {
            throw .badRequest("\(name): '\(text)' is no duration over 0", hint: "an example: \(name)=5m")
        }
        return nanoseconds
    }

    /// A number from 1 to `max`.
    func count(_ name: String, default standard: Int, max: Int) throws(APIError) -> Int {
        guard let text = self[name] else { return Swift.min(standard, max) }
        guard let number = Int(text), number >= 1, number <= max else {
            throw .badRequest("\(name): '\(text)' is out of range, expected 1 to \(max)")
        }
        return number
    }
}
