import OTLP

/// Values as people read them.
package enum AlertText {
    package static func value(_ value: Double, _ unit: AlertMetric.Unit) -> String {
        guard value.isFinite else { return "\(value)" }
        switch unit {
        case .share: return "\(number(value * 100, digits: 2)) %"
        case .duration: return GoDuration.text(.milliseconds(Int64(clamping: Int(max(0, min(value, 1e12)) * 1000))))
        case .perSecond: return "\(number(value, digits: 3))/s"
        case .dollars: return "$\(number(value, digits: 4))"
        case .number: return number(value, digits: 2)
        case .flag: return value == 0 ? "no" : "yes"
        }
    }

    /// What the condition of a rule asks for.
    package static func condition(_ rule: AlertRule) -> String {
        switch rule.condition {
        case .threshold(let threshold) where rule.metric.unit == .flag:
            return "\(rule.metric.rawValue) is \(threshold.isMet(by: 1) ? "yes" : "no")"
        case .threshold(let threshold):
            return "\(rule.metric.rawValue) \(threshold.direction.rawValue) \(value(threshold.value, rule.metric.unit))"
        case .baseline(let threshold, let offset):
            let factor = number(threshold.value, digits: 3)
            return "\(rule.metric.rawValue) \(threshold.direction.rawValue) \(factor) times that of \(ago(offset)) ago"
        case .budget(let budget):
            return "\(rule.metric.rawValue) of a \(budget.period.rawValue), budget "
                + value(budget.amount, rule.metric.unit)
        }
    }

    /// A share of a budget in percent.
    package static func percent(_ share: Double) -> String { "\(number(share * 100, digits: 1)) %" }

    package static func ago(_ nanoseconds: UInt64) -> String {
        let days = nanoseconds / AlertClock.day
        guard nanoseconds % AlertClock.day == 0, days > 0 else {
            return GoDuration.text(.nanoseconds(Int64(clamping: nanoseconds)))
        }
        return days == 1 ? "1 day" : "\(days) days"
    }

    /// At most so many digits after the point, and no zeros at the end.
    static func number(_ value: Double, digits: Int) -> String {
        guard value.isFinite, value.magnitude < 1e14 else { return "\(value)" }
        let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
        let scaled = Int64((value.magnitude * scale).rounded())
        let whole = scaled / Int64(scale)
        var fraction = String(scaled % Int64(scale))
        fraction = String(repeating: "0", count: max(0, digits - fraction.count)) + fraction
        while fraction.last == "0" { fraction.removeLast() }
        let sign = value < 0 && scaled != 0 ? "-" : ""
        return fraction.isEmpty ? "\(sign)\(whole)" : "\(sign)\(whole).\(fraction)"
    }

    /// A text with `{{ $labels.name }}` and `{{ $value }}` filled in, as in Prometheus' rules; what is neither is left.
    package static func expand(_ text: String, labels: AlertLabels, value: String) -> String {
        parts(of: text).map { part in
            switch part {
            case .text(let text), .unknown(let text): text
            case .value: value
            case .label(let name, _): labels[name] ?? ""
            }
        }.joined()
    }

    /// What of a text would not be filled in, as it is written: what is no value and no label of these.
    package static func unknownParts(of text: String, labels: [String]) -> [String] {
        parts(of: text).compactMap { part in
            switch part {
            case .text, .value: nil
            case .unknown(let text): text
            case .label(let name, let text): labels.contains(name) ? nil : text
            }
        }
    }

    private enum Part {
        case text(String)
        case value
        case label(name: String, text: String)
        /// Something else in braces, or braces without an end.
        case unknown(String)
    }

    private static func parts(of text: String) -> [Part] {
        var parts: [Part] = []
        var rest = text[...]
        while let open = rest.firstRange(of: "{{") {
            if open.lowerBound > rest.startIndex { parts.append(.text(String(rest[..<open.lowerBound]))) }
            rest = rest[open.lowerBound...]
            guard let close = rest[open.upperBound...].firstRange(of: "}}") else {
                return parts + [.unknown(String(rest))]
            }
            let whole = String(rest[..<close.upperBound])
            let word = rest[open.upperBound..<close.lowerBound].filter { !$0.isWhitespace }
            if word == "$value" {
                parts.append(.value)
            } else if word.hasPrefix("$labels.") {
                parts.append(.label(name: String(word.dropFirst("$labels.".count)), text: whole))
            } else {
                parts.append(.unknown(whole))
            }
            rest = rest[close.upperBound...]
        }
        return rest.isEmpty ? parts : parts + [.text(String(rest))]
    }
}
