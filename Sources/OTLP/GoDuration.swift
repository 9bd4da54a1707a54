/// Durations as the OpenTelemetry Collector writes them: `1h30m`, `1.5s`, `200ms`, `0`.
package enum GoDuration {
    private static let units: [(name: String, nanoseconds: Double)] = [
        ("ns", 1), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12),
        ("d", 8.64e13),
    ]

    /// Nil for any text that is no duration, or one of more than 292 years.
    package static func parse(_ text: String) -> Duration? {
        guard text != "0" else { return .zero }
        var rest = text[...]
        var nanoseconds = 0.0
        let isNegative = rest.first == "-"
        if isNegative { rest = rest.dropFirst() }
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard let number = Double(digits) else { return nil }
            rest = rest.dropFirst(digits.count)
            let name = rest.prefix { !($0.isNumber || $0 == ".") }
            guard let unit = units.first(where: { $0.name == name }) else { return nil }
            nanoseconds += number * unit.nanoseconds
            rest = rest.dropFirst(name.count)
        }
        guard nanoseconds < 9.2e18 else { return nil }
        return .nanoseconds(Int64(isNegative ? -nanoseconds : nanoseconds))
    }

    /// The shortest of the common forms: `90s` is written `1m30s`.
    package static func text(_ duration: Duration) -> String {
        var rest = duration.nanosecondsClamped
        guard rest != 0 else { return "0s" }
        if rest < 0 { return "-" + text(.nanoseconds(-rest)) }
        guard rest >= 1_000_000_000 else {
            if rest % 1_000_000 == 0 { return "\(rest / 1_000_000)ms" }
            return rest % 1000 == 0 ? "\(rest / 1000)us" : "\(rest)ns"
        }
        var result = ""
        for (name, size) in [("h", 3_600_000_000_000), ("m", 60_000_000_000)] as [(String, Int64)] where rest >= size {
            result += "\(rest / size)\(name)"
            rest %= size
        }
        if rest % 1_000_000_000 == 0 {
            if rest > 0 { result += "\(rest / 1_000_000_000)s" }
        } else {
            result += "\(Double(rest) / 1e9)s"
        }
        return result
    }
}

extension Duration {
    /// Whole nanoseconds; ±292 years where the duration is longer.
    package var nanosecondsClamped: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, overflow2) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow2 ? (seconds < 0 ? .min : .max) : sum
    }

    package var seconds: Double { Double(nanosecondsClamped) / 1e9 }
}
