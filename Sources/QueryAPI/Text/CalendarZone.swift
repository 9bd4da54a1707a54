import Foundation
import TraceStorage

/// Where days and months begin: a time zone by its IANA name, from the machine's table of them.
package struct CalendarZone: Hashable, Sendable {
    /// Steps that the clock on the wall has.
    package enum Unit: String, CaseIterable, Sendable {
        case hour, day, month

        fileprivate var component: Calendar.Component {
            switch self {
            case .hour: .hour
            case .day: .day
            case .month: .month
            }
        }
    }

    /// Such as `Europe/Berlin`.
    package let name: String
    private let calendar: Calendar

    package static let utc = CalendarZone(name: "UTC", TimeZone.gmt)

    private init(name: String, _ zone: TimeZone) {
        self.name = name
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        self.calendar = calendar
    }

    /// Nil for a name that the machine does not know.
    package init?(_ name: String) {
        if name == "UTC" {
            self = .utc
            return
        }
        // `GMT+3` and the like are taken for zones, too, but say nothing of summer and winter.
        guard name.contains("/"), let zone = TimeZone(identifier: name) else { return nil }
        self.init(name: name, zone)
    }

    /// A month of a year; nil for one that is not within 1970 to 2261.
    package func month(_ month: Int, of year: Int) -> TimeRange? {
        guard (1970...2261).contains(year), (1...12).contains(month),
            let date = calendar.date(from: DateComponents(year: year, month: month, day: 15)),
            let interval = calendar.dateInterval(of: .month, for: date)
        else { return nil }
        return TimeRange(start: Self.nanoseconds(interval.start), end: Self.nanoseconds(interval.end))
    }

    /// When the step begins that a time is in, unix nanoseconds.
    package func start(of unit: Unit, at time: UInt64) -> UInt64 {
        calendar.dateInterval(of: unit.component, for: Self.date(time)).map { Self.nanoseconds($0.start) } ?? time
    }

    /// When the steps of a range begin, unix nanoseconds in order, the one that its start is in first; nil when there are
    /// more than `max`.
    ///
    /// A day of which summer takes an hour is a day, and of an hour that comes twice each is one.
    package func starts(of unit: Unit, in range: TimeRange, max: Int) -> [UInt64]? {
        var starts: [UInt64] = []
        var time = range.start
        while time < range.end {
            guard starts.count < max,
                let step = calendar.dateInterval(of: unit.component, for: Self.date(time))
            else { return nil }
            starts.append(Self.nanoseconds(step.start))
            let next = Self.nanoseconds(step.end)
            guard next > time else { return nil }
            time = next
        }
        return starts
    }

    /// `2026-11-01T00:00:00+01:00`.
    package func text(_ time: UInt64) -> String {
        let date = Self.date(time)
        let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: date)
        func digits(_ number: Int?, _ count: Int = 2) -> String {
            let text = String(number ?? 0)
            return String(repeating: "0", count: Swift.max(0, count - text.count)) + text
        }
        let minutes = calendar.timeZone.secondsFromGMT(for: date) / 60
        let offset =
            minutes == 0
            ? "Z" : (minutes < 0 ? "-" : "+") + digits(abs(minutes) / 60) + ":" + digits(abs(minutes) % 60)
        return digits(parts.year, 4) + "-" + digits(parts.month) + "-" + digits(parts.day) + "T" + digits(parts.hour)
            + ":" + digits(parts.minute) + ":" + digits(parts.second) + offset
    }

    // Steps begin at whole seconds.
    private static func date(_ time: UInt64) -> Date { Date(timeIntervalSince1970: Double(time / 1_000_000_000)) }

    private static func nanoseconds(_ date: Date) -> UInt64 {
        let seconds = date.timeIntervalSince1970.rounded()
        return seconds <= 0 ? 0 : UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000).partialValue
    }
}
