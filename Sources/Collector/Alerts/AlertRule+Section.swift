import Alerting
import OTLP
import SpanMetrics

/// What rules may speak of.
struct AlertRuleContext {
    let metrics: SpanMetricsConfiguration
    let genAI: GenAIConfiguration
    let retention: Duration
    /// Ids of notifiers.
    let notifiers: [String]

    /// Labels that a metric has.
    func labels(of metric: AlertMetric) -> [String] {
        switch metric.source {
        case .spans:
            let fixed: [(SpanMetricsConfiguration.FixedDimension, String)] = [
                (.serviceName, "service"), (.spanName, "operation"), (.spanKind, "kind"),
            ]
            let further = metric.quantile == nil ? metrics.callsDimensions : metrics.histogramDimensions
            return fixed.filter { !metrics.excludeDimensions.contains($0.0) }.map(\.1)
                + (metrics.resourceKeys + (metrics.dimensions + further).map(\.name)).map(PrometheusName.label)
        case .tools: return ["service", "agent", "tool"]
        case .usage: return UsageQuery.Key.names(genAI)
        case .collector:
            return metric == .forwardQueueAge || metric == .forwardSkippedSpans ? ["exporter"] : []
        }
    }
}

extension AlertRule {
    /// One of `rules`; nil after an error that leaves nothing to go on with.
    init?(_ section: ConfigurationSection, _ context: AlertRuleContext) {
        let name = section.string("name", default: "")
        if name.isEmpty { section.fail("name", "is missing, expected a name such as HighErrorRate") }
        let metrics = AlertMetric.allCases.map { ($0.rawValue, $0) }
        if !section.has("metric") {
            section.fail("metric", "is missing, expected one of \(metrics.map(\.0).joined(separator: ", "))")
        }
        let metric = section.choice("metric", default: AlertMetric.errorRate, metrics)
        let condition = Condition(section, metric)
        self.init(name: name, metric: metric, condition: condition ?? .threshold(.init(.above, 0)))
        readSelection(section, context)
        readMinValue(section)
        readTimes(section)
        readText(section)
        if let names = section.strings("notify") {
            notifiers = names
            for name in names where !context.notifiers.contains(name) {
                let known = context.notifiers.isEmpty ? "there is none" : context.notifiers.joined(separator: ", ")
                section.fail("notify", "'\(name)' is no notifier of alerts.notifiers, expected one of: \(known)")
            }
        }
        check(section, context)
        section.end()
        if name.isEmpty || condition == nil { return nil }
    }

    private mutating func readSelection(_ section: ConfigurationSection, _ context: AlertRuleContext) {
        let labels = context.labels(of: metric)
        let expected = labels.isEmpty ? "this metric has none" : "expected one of \(labels.joined(separator: ", "))"
        /// Dimensions may be written as attributes are.
        func known(_ name: String, _ key: String) -> String {
            let word = metric.source == .spans ? PrometheusName.label(name) : name
            if !labels.contains(word) {
                section.fail(key, "'\(name)' is no label of \(metric.rawValue), \(expected)")
            }
            return word
        }
        groupings = (section.strings("by") ?? []).map { known($0, "by") }
        if Set(groupings).count != groupings.count { section.fail("by", "names a label twice") }
        matchers = section.matchers("where", section.strings("where") ?? []).compactMap { matcher in
            try? LabelMatcher(known(matcher.name, "where"), matcher.comparison, matcher.value)
        }
        let needsCount = metric.unit == .share && metric.source != .collector || metric.quantile != nil
        minCount = section.number("min_count", default: needsCount ? Self.minCountStandard : 0, in: 0...1e12)
    }

    /// Requests that a share or a latency must be made of unless the rule says otherwise: of three, one is 33 %.
    private static let minCountStandard = 10.0

    private mutating func readTimes(_ section: ConfigurationSection) {
        window = metric.source == .usage ? 3_600 * AlertClock.second : window
        if metric.isMomentary || budget != nil {
            if section.has("window") {
                section.fail("window", "does not go with \(budget == nil ? metric.rawValue : "budget")")
            }
            section.know("window")
        } else {
            let longest: Duration = metric.source == .usage ? .seconds(7 * 86_400) : .seconds(86_400)
            window = section.nanoseconds("window", default: window, in: .seconds(1)...longest)
        }
        let day = Duration.zero ... .seconds(7 * 86_400)
        holdFor = section.nanoseconds("for", default: 0, in: day)
        keepFiringFor = section.nanoseconds("keep_firing_for", default: 0, in: day)
        cooldown = section.nanoseconds("cooldown", default: 0, in: day)
    }

    private mutating func readText(_ section: ConfigurationSection) {
        severity = section.choice("severity", default: severity, AlertSeverity.allCases.map { ($0.rawValue, $0) })
        for (name, value) in section.section("labels").texts() {
            if ["alertname", "severity"].contains(name) {
                section.fail("labels", "'\(name)' is given by the rule itself")
            }
            labels[name] = value
        }
        for key in ["summary", "description", "runbook_url"] {
            guard let text = section.optionalString(key) else { continue }
            annotations[key] = text
            let fixed = matchers.filter { $0.comparison == .equal }.map(\.name)
            let names = groupings + fixed.filter { !groupings.contains($0) } + labels.values.map(\.key).sorted()
            let known = names + ["alertname", "severity"].filter { !names.contains($0) }
            for part in AlertText.unknownParts(of: text, labels: known) {
                section.fail(
                    key,
                    "'\(part)' is not valid, expected {{ $value }} or {{ $labels.NAME }} with one of "
                        + known.joined(separator: ", "))
            }
        }
    }

    /// What only the whole of a rule can get wrong.
    private func check(_ section: ConfigurationSection, _ context: AlertRuleContext) {
        switch metric.source {
        case .spans where metric == .errorRate && context.metrics.excludeDimensions.contains(.statusCode):
            section.fail("metric", "needs status.code, which connectors.spanmetrics.exclude_dimensions leaves out")
        case .spans where metric.quantile != nil && !context.metrics.isHistogramEnabled:
            section.fail("metric", "needs connectors.spanmetrics.histogram, which is disabled")
        case .usage, .tools:
            if !context.genAI.isEnabled { section.fail("metric", "needs connectors.gen_ai, which is not enabled") }
        default: break
        }
        let names = Set(groupings + matchers.map(\.name))
        if metric.source == .usage, names.count > UsageQuery.keysMax {
            section.fail("by", "and where name \(names.count) labels, expected at most \(UsageQuery.keysMax)")
        }
        guard let offset = baselineOffset else { return }
        if metric.source == .collector || metric.source == .tools {
            section.fail("baseline", "does not go with \(metric.rawValue)")
        } else if metric.source == .spans {
            if groupings.count > SpanFields.baselineGroupingsMax {
                section.fail(
                    "by", "has \(groupings.count) labels, with baseline at most \(SpanFields.baselineGroupingsMax)")
            }
            let needed = Duration.nanoseconds(Int64(clamping: offset + window))
            if needed > context.retention {
                section.fail(
                    "baseline",
                    "needs spans of \(GoDuration.text(needed)) ago, storage.retention.max_age is "
                        + GoDuration.text(context.retention))
            }
        }
    }
}

extension AlertRule.Condition {
    /// `above`, `below`, with `baseline` or not, or `budget`; nil after an error.
    fileprivate init?(_ section: ConfigurationSection, _ metric: AlertMetric) {
        let isBaseline = section.has("baseline")
        let unit: AlertMetric.Unit? = isBaseline ? nil : metric.unit
        let given = ["above", "below", "budget"].filter(section.has)
        section.know("above", "below", "budget", "period", "steps", "baseline", "min_value")
        let isOf = { (key: String) in section.fail(key, "does not go with \(given.first ?? "this rule")") }
        if given.count > 1 {
            section.fail(given[1], "and \(given[0]) exclude each other")
            return nil
        }
        if given.first == "budget" {
            for key in ["baseline", "min_value", "for"] where section.has(key) { isOf(key) }
            self.init(budget: section, metric)
            return
        }
        for key in ["period", "steps"] where section.has(key) { isOf(key) }
        let direction: AlertRule.Direction = given.first == "below" ? .below : .above
        let value: Double
        if given.isEmpty {
            // What should not be at all.
            guard [.refusing, .damagedBlocks, .forwardSkippedSpans].contains(metric), !isBaseline else {
                section.issues.add(
                    "has no condition, expected above, below\(metric.mayHaveBudget ? " or budget" : "")",
                    key: section.path, place: section.place)
                return nil
            }
            value = 0
        } else {
            guard let read = section.value(direction.rawValue, unit) else { return nil }
            value = read
        }
        let threshold = AlertRule.Threshold(direction, value)
        guard isBaseline else {
            if section.has("min_value") { section.fail("min_value", "goes with baseline alone") }
            self = .threshold(threshold)
            return
        }
        let offset = section.nanoseconds(
            "baseline", default: AlertClock.day, in: .seconds(3600) ... .seconds(400 * 86_400))
        self = .baseline(threshold, offset: offset)
    }

    private init?(budget section: ConfigurationSection, _ metric: AlertMetric) {
        guard metric.mayHaveBudget else {
            let all = AlertMetric.allCases.filter(\.mayHaveBudget).map(\.rawValue).joined(separator: ", ")
            section.fail("budget", "does not go with \(metric.rawValue), expected metric to be one of \(all)")
            return nil
        }
        guard let amount = section.value("budget", metric.unit), amount > 0 else {
            section.fail("budget", "expected a number over 0")
            return nil
        }
        let period = section.choice(
            "period", default: AlertRule.Period.month, AlertRule.Period.allCases.map { ($0.rawValue, $0) })
        var budget = AlertRule.Budget(amount: amount, period: period)
        if let texts = section.strings("steps") {
            budget.steps = texts.compactMap { AlertNumber.share($0) }
            let isAscending = zip(budget.steps, budget.steps.dropFirst()).allSatisfy { $0 < $1 }
            guard budget.steps.count == texts.count, !texts.isEmpty, texts.count <= 20, isAscending,
                budget.steps.allSatisfy({ $0 > 0 && $0 <= 10 })
            else {
                section.fail("steps", "expected up to 20 shares in ascending order, such as [80%, 90%, 100%]")
                return nil
            }
        }
        self = .budget(budget)
    }
}

extension AlertRule {
    /// `min_value`, read after the condition.
    mutating func readMinValue(_ section: ConfigurationSection) {
        guard baselineOffset != nil, section.has("min_value") else { return }
        minValue = section.value("min_value", metric.unit)
    }
}

/// Numbers of rules as people write them.
enum AlertNumber {
    /// `5%` or `0.05`.
    static func share(_ text: String) -> Double? {
        if text.hasSuffix("%") {
            let digits = text.dropLast()
            return Double(digits.last == " " ? digits.dropLast() : digits).map { $0 / 100 }
        }
        return Double(text)
    }
}

extension ConfigurationSection {
    /// A value in the unit of a metric; a factor where there is no unit. Nil after an error, or when it is absent.
    fileprivate func value(_ key: String, _ unit: AlertMetric.Unit?) -> Double? {
        guard let text = optionalString(key) else {
            fail(key, "is empty, expected a value")
            return nil
        }
        let value: Double?
        let expected: String
        switch unit {
        case .share:
            value = AlertNumber.share(text).flatMap { (0...1).contains($0) ? $0 : nil }
            expected = "a share such as 5% or 0.05"
        case .duration:
            value = GoDuration.parse(text).flatMap { $0 >= .zero ? $0.seconds : nil }
            expected = "a duration such as 10s or 500ms"
        case nil:
            value = AlertNumber.share(text).flatMap { $0 > 0 && $0.isFinite ? $0 : nil }
            expected = "a factor such as 2 or 200%"
        default:
            value = Double(text).flatMap { $0 >= 0 && $0.isFinite ? $0 : nil }
            expected = "a number of at least 0"
        }
        if value == nil { fail(key, "'\(text)' is not valid, expected \(expected)") }
        return value
    }
}
