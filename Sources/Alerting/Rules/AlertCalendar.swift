/// Days and months of UTC, and times as texts. Times are unix nanoseconds.
package enum AlertCalendar {
    /// A day of the Gregorian calendar.
    package struct Day: Equatable, Sendable {
        package var year: Int
        package var month: Int
        package var day: Int
    }

    package static func day(of time: UInt64) -> Day {
        // Years that begin in March have their leap day last (days from civil, in eras of 400 years).
        let days = Int(time / AlertClock.day) + 719_468
        let era = days / 146_097
        let dayOfEra = days % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return Day(
            year: era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month: month,
            day: dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    /// Where the period that holds a time begins.
    package static func start(of period: AlertRule.Period, at time: UInt64) -> UInt64 {
        let dayStart = time - time % AlertClock.day
        switch period {
        case .day: return dayStart
        case .month: return dayStart - UInt64(day(of: time).day - 1) * AlertClock.day
        }
    }

    /// `2026-01-02T03:04:05.678Z`.
    package static func rfc3339(_ time: UInt64) -> String {
        let day = day(of: time)
        let milliseconds = time / 1_000_000 % 1_000
        return "\(padded(day.year, 4))-\(padded(day.month))-\(padded(day.day))T\(clock(time))."
            + padded(Int(milliseconds), 3) + "Z"
    }

    /// `Fri, 02 Jan 2026 03:04:05 +0000` (RFC 5322, section 3.3).
    package static func rfc5322(_ time: UInt64) -> String {
        let day = day(of: time)
        // The first of January 1970 was a Thursday.
        let weekday = weekdays[Int(time / AlertClock.day % 7)]
        return "\(weekday), \(padded(day.day)) \(months[day.month - 1]) \(padded(day.year, 4)) \(clock(time)) +0000"
    }

    private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private static func clock(_ time: UInt64) -> String {
        let seconds = Int(time / AlertClock.second % 86_400)
        return "\(padded(seconds / 3_600)):\(padded(seconds / 60 % 60)):\(padded(seconds % 60))"
    }

    private static func padded(_ number: Int, _ digits: Int = 2) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
