import Tracing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension Duration {
    /// The time that the `Retry-After` header of an answer asks to wait: whole seconds or an HTTP date. Nil for
    /// anything else; a date that has passed is zero. More than a year is cut to one.
    ///
    /// - Parameter now: seconds since 1970, UTC.
    public init?(
        retryAfter header: String, now: Int64 = Int64(DefaultTracerClock.now.nanosecondsSinceEpoch / 1_000_000_000)
    ) {
        let text = header.split(whereSeparator: { $0 == " " || $0 == "\t" }).joined(separator: " ")
        let yearSeconds: Int64 = 31_536_000
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            self = .seconds(min(Int64(text) ?? yearSeconds, yearSeconds))
        } else if let date = httpDate(text) {
            self = .seconds(min(max(date - now, 0), yearSeconds))
        } else {
            return nil
        }
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` in seconds since 1970. The two older forms are not sent any more.
private func httpDate(_ text: String) -> Int64? {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let words = text.split(separator: " ")
    guard words.count == 6, words[5] == "GMT", words[0].hasSuffix(","), let day = Int64(words[1]),
        let month = months.firstIndex(of: String(words[2])), let year = Int64(words[3])
    else { return nil }
    let time = words[4].split(separator: ":", omittingEmptySubsequences: false).compactMap { Int64($0) }
    guard time.count == 3, (1...31).contains(day), (1970...9999).contains(year), (0...23).contains(time[0]),
        (0...59).contains(time[1]), (0...60).contains(time[2])
    else { return nil }
    var parts = tm()
    parts.tm_year = Int32(year - 1900)
    parts.tm_mon = Int32(month)
    parts.tm_mday = Int32(day)
    return Int64(timegm(&parts)) + time[0] * 3_600 + time[1] * 60 + time[2]
}
