/// Times as people write them in configurations.
package enum AlertTime {
    /// `2026-01-02T03:04:05Z`, with a fraction or an offset if wanted, as unix nanoseconds; nil for other text and for
    /// times before 1970.
    package static func parse(_ text: String) -> UInt64? {
        var rest = Array(text.utf8)[...]
        guard let year = number(&rest, 4), take(&rest, "-"), let month = number(&rest, 2), take(&rest, "-"),
            let day = number(&rest, 2), take(&rest, "T") || take(&rest, "t") || take(&rest, " "),
            let hour = number(&rest, 2), take(&rest, ":"), let minute = number(&rest, 2), take(&rest, ":"),
            let second = number(&rest, 2), (1...12).contains(month), day >= 1, hour < 24, minute < 60, second < 60,
            (1970...2200).contains(year)
        else { return nil }
        if take(&rest, ".") {
            let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            guard !digits.isEmpty else { return nil }
            rest = rest.dropFirst(digits.count)
        }
        var offset = 0
        if !take(&rest, "Z"), !take(&rest, "z") {
            let isEast = take(&rest, "+")
            guard isEast || take(&rest, "-"), let hours = number(&rest, 2), take(&rest, ":"),
                let minutes = number(&rest, 2), hours < 24, minutes < 60
            else { return nil }
            offset = (isEast ? 1 : -1) * (hours * 3_600 + minutes * 60)
        }
        guard rest.isEmpty, let days = days(year, month, day) else { return nil }
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset
        return seconds >= 0 ? UInt64(seconds) * AlertClock.second : nil
    }

    /// Days since 1970; nil for a day that the month does not have.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int? {
        let marchYear = month > 2 ? year : year - 1
        let marchMonth = (month + 9) % 12
        let leapDays = marchYear / 4 - marchYear / 100 + marchYear / 400
        let days = marchYear * 365 + leapDays + (marchMonth * 153 + 2) / 5 + day - 1 - 719_468
        let back = AlertCalendar.day(of: UInt64(max(0, days)) * AlertClock.day)
        return back == AlertCalendar.Day(year: year, month: month, day: day) ? days : nil
    }

    private static func number(_ rest: inout ArraySlice<UInt8>, _ digits: Int) -> Int? {
        guard rest.count >= digits else { return nil }
        var value = 0
        for byte in rest.prefix(digits) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
        }
        rest = rest.dropFirst(digits)
        return value
    }

    private static func take(_ rest: inout ArraySlice<UInt8>, _ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }
}
