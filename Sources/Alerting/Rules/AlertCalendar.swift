import TraceStorage

/// Days and months of UTC. Times are unix nanoseconds.
package enum AlertCalendar {
    /// Where the period that holds a time begins.
    package static func start(of period: AlertRule.Period, at time: UInt64) -> UInt64 {
        let dayStart = time - time % AlertClock.day
        switch period {
        case .day: return dayStart
        case .month:
            let days = UInt64(TimeText.utc(time, "%d")) ?? 1
            return dayStart - (days - 1) * AlertClock.day
        }
    }

    /// `Fri, 02 Jan 2026 03:04:05 +0000` (RFC 5322, section 3.3).
    package static func rfc5322(_ time: UInt64) -> String { TimeText.utc(time, "%a, %d %b %Y %H:%M:%S +0000") }
}
