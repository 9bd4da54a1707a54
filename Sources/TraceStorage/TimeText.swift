import OTLP

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Points in time as text.
package enum TimeText {
    /// Unix nanoseconds as digits, or RFC 3339; nil for anything else and for times before 1970 or after 2554.
    package static func parse(_ text: String) -> UInt64? {
        text.utf8.allSatisfy(isDigit) ? UInt64(text) : parseRFC3339(text)
    }

    /// `2026-01-02T03:04:05.678901234+01:00` as unix nanoseconds. Digits past the ninth of a fraction are cut off. A
    /// space where the offset's `+` should be is taken for one: that is what a query's decoding makes of it.
    package static func parseRFC3339(_ text: String) -> UInt64? {
        var reader = Digits(Array(text.utf8))
        guard let year = reader.number(4), reader.take("-"), let month = reader.number(2), reader.take("-"),
            let day = reader.number(2), reader.take("T") || reader.take("t") || reader.take(" "),
            let hour = reader.number(2), reader.take(":"), let minute = reader.number(2), reader.take(":"),
            let second = reader.number(2), let nanosecond = reader.fraction(), let offset = reader.offset(),
            reader.isAtEnd, hour < 24, minute < 60, second < 60, let midnight = midnight(year, month, day)
        else { return nil }
        let seconds = midnight + hour * 3_600 + minute * 60 + second - offset
        guard seconds >= 0 else { return nil }
        let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = product.addingReportingOverflow(UInt64(nanosecond))
        return overflow || carry ? nil : sum
    }

    /// `2026-01-02T03:04:05.678Z` of unix nanoseconds; what is finer than milliseconds is cut off.
    package static func rfc3339(_ time: UInt64) -> String {
        let milliseconds = "\(1000 + time / 1_000_000 % 1000)".dropFirst()
        return "\(utc(time, "%Y-%m-%dT%H:%M:%S")).\(milliseconds)Z"
    }

    /// Unix nanoseconds in a format of `strftime`, of 62 bytes at most.
    package static func utc(_ time: UInt64, _ format: String) -> String {
        var seconds = time_t(time / 1_000_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 64)
        let count = strftime(&buffer, buffer.count, format, &parts)
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Unix nanoseconds by the wall clock.
    package static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(max(0, time.tv_sec)) &* 1_000_000_000 &+ UInt64(max(0, time.tv_nsec))
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// Seconds since 1970 of midnight UTC; nil for a day that the month does not have.
    private static func midnight(_ year: Int, _ month: Int, _ day: Int) -> Int? {
        var parts = tm()
        parts.tm_year = Int32(year - 1900)
        parts.tm_mon = Int32(month - 1)
        parts.tm_mday = Int32(day)
        let seconds = timegm(&parts)
        // The C library takes 31 April for 1 May.
        return parts.tm_mon == month - 1 && parts.tm_mday == day ? seconds : nil
    }

    /// Reads fixed fields of a text.
    private struct Digits {
        private let bytes: [UInt8]
        private var index = 0

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        var isAtEnd: Bool { index == bytes.count }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard index < bytes.count, bytes[index] == UInt8(ascii: character) else { return false }
            index += 1
            return true
        }

        mutating func number(_ digits: Int) -> Int? {
            guard bytes.count - index >= digits else { return nil }
            var value = 0
            for byte in bytes[index..<index + digits] {
                guard isDigit(byte) else { return nil }
                value = value * 10 + Int(byte - UInt8(ascii: "0"))
            }
            index += digits
            return value
        }

        /// Nanoseconds of an optional fraction.
        mutating func fraction() -> Int? {
            guard take(".") else { return 0 }
            var value = 0
            var digits = 0
            while index < bytes.count, isDigit(bytes[index]) {
                if digits < 9 { value = value * 10 + Int(bytes[index] - UInt8(ascii: "0")) }
                digits += 1
                index += 1
            }
            guard digits > 0 else { return nil }
            for _ in min(digits, 9)..<9 { value *= 10 }
            return value
        }

        /// Seconds east of UTC.
        mutating func offset() -> Int? {
            if take("Z") || take("z") { return 0 }
            let isEast = take("+") || take(" ")
            guard isEast || take("-"), let hours = number(2), take(":"), let minutes = number(2), hours < 24,
                minutes < 60
            else { return nil }
            return (isEast ? 1 : -1) * (hours * 3_600 + minutes * 60)
        }
    }
}
