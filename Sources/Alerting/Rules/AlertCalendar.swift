import TraceStorage

/// Where the days and months of budgets begin. Times are unix nanoseconds.
package struct AlertCalendar: Sendable, Equatable {
    /// Of its time zone, such as `Europe/Berlin`.
    package let name: String
    private let start: @Sendable (AlertRule.Period, UInt64) -> UInt64

    package static let utc = AlertCalendar(name: "UTC") { period, time in
        let day = time - time % AlertClock.day
        switch period {
        case .day: return day
        case .month:
            let days = UInt64(TimeText.utc(time, "%d")) ?? 1
            return day - (days - 1) * AlertClock.day
        }
    }

    /// - Parameter start: Gives where the period that holds a time begins: at that time or before, the same for all
    ///   times of the period.
    package init(name: String, start: @escaping @Sendable (AlertRule.Period, UInt64) -> UInt64) {
        self.name = name
        self.start = start
    }

    /// Calendars of one time zone are the same.
    package static func == (a: AlertCalendar, b: AlertCalendar) -> Bool { a.name == b.name }

    /// Where the period that holds a time begins.
    package func start(of period: AlertRule.Period, at time: UInt64) -> UInt64 { start(period, time) }

    /// `Fri, 02 Jan 2026 03:04:05 +0000` (RFC 5322, section 3.3).
    package static func rfc5322(_ time: UInt64) -> String { TimeText.utc(time, "%a, %d %b %Y %H:%M:%S +0000") }
}
