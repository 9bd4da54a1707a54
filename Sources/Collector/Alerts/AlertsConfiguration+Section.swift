import Alerting
import OTLP
import SpanMetrics
import TraceStorage

extension AlertsConfiguration {
    /// `alerts`, with the words of Prometheus' rules and Alertmanager's receivers where they have them.
    ///
    /// - Parameters:
    ///   - metrics: What series there are to look at.
    ///   - genAI: What usage can be told apart by.
    ///   - retention: How long spans are kept.
    init(
        _ section: ConfigurationSection, metrics: SpanMetricsConfiguration, genAI: GenAIConfiguration,
        retention: Duration
    ) {
        self.init()
        interval = section.nanoseconds("interval", default: interval, in: .seconds(1) ... .seconds(3600))
        if let url = section.optionalString("external_url") { externalURL = Self.checked(url, section) }
        groupBy = section.strings("group_by") ?? groupBy
        groupWait = section.nanoseconds("group_wait", default: groupWait, in: .zero ... .seconds(3600))
        groupInterval = section.nanoseconds("group_interval", default: groupInterval, in: .zero ... .seconds(86_400))
        repeatInterval = section.nanoseconds(
            "repeat_interval", default: repeatInterval, in: .seconds(60) ... .seconds(30 * 86_400))
        groupsMax = section.integer("max_groups", default: groupsMax, in: 1...10_000)
        fields = SpanFields(
            dimensions: Dictionary(
                (metrics.dimensions + metrics.callsDimensions + metrics.histogramDimensions).map {
                    (PrometheusName.label($0.name), $0.name)
                }, uniquingKeysWith: { $1 }),
            resourceKeys: Dictionary(
                metrics.resourceKeys.map { (PrometheusName.label($0), $0) }, uniquingKeysWith: { $1 }))
        notifiers = NotifierConfiguration.all(section.section("notifiers"))
        let context = AlertRuleContext(
            metrics: metrics, genAI: genAI, retention: retention, notifiers: notifiers.map(\.id))
        for item in section.sections("rules") {
            if let rule = AlertRule(item, context) { rules.append(rule) }
        }
        var names: Set<String> = []
        for rule in rules where !names.insert(rule.name).inserted {
            section.fail("rules", "'\(rule.name)' is the name of two rules, expected each only once")
        }
        if rules.count > Self.rulesMax {
            section.fail("rules", "has \(rules.count) rules, expected at most \(Self.rulesMax)")
        }
        silences = section.sections("silences").compactMap { Silence($0) }
        if silences.count > Self.silencesMax {
            section.fail("silences", "has \(silences.count) entries, expected at most \(Self.silencesMax)")
        }
        section.end()
    }

    private static func checked(_ url: String, _ section: ConfigurationSection) -> String {
        guard url.hasPrefix("http://") || url.hasPrefix("https://"), !url.contains(where: \.isWhitespace) else {
            section.fail("external_url", "'\(url)' is not valid, expected a URL such as https://skein.example.com")
            return url
        }
        return url.hasSuffix("/") ? String(url.dropLast()) : url
    }
}

extension Silence {
    /// One of `silences`; nil after an error.
    fileprivate init?(_ section: ConfigurationSection) {
        let texts = section.strings("matchers") ?? []
        if texts.isEmpty {
            section.fail("matchers", "is missing, expected a list such as [alertname=\"HighErrorRate\"]")
        }
        let matchers = section.matchers("matchers", texts)
        let start = section.time("starts_at") ?? 0
        let end = section.time("ends_at") ?? .max
        if start >= end { section.fail("ends_at", "is not after starts_at") }
        let comment = section.string("comment", default: "")
        section.end()
        guard !matchers.isEmpty, matchers.count == texts.count else { return nil }
        self.init(matchers: matchers, start: start, end: end, comment: comment)
    }
}

extension ConfigurationSection {
    func nanoseconds(_ key: String, default standard: UInt64, in range: ClosedRange<Duration>) -> UInt64 {
        UInt64(
            max(0, duration(key, default: .nanoseconds(Int64(clamping: standard)), in: range).nanosecondsClamped))
    }

    /// Conditions on labels, as Alertmanager writes them.
    func matchers(_ key: String, _ texts: [String]) -> [LabelMatcher] {
        texts.compactMap { text in
            do throws(LabelMatcher.ParsingError) { return try LabelMatcher(parsing: text) } catch {
                fail(key, error.description)
                return nil
            }
        }
    }

    /// RFC 3339 in UTC or with an offset, as unix nanoseconds.
    fileprivate func time(_ key: String) -> UInt64? {
        guard let text = optionalString(key) else { return nil }
        guard let time = TimeText.parseRFC3339(text) else {
            fail(key, "'\(text)' is not valid, expected a time such as 2026-12-24T18:00:00Z")
            return nil
        }
        return time
    }

    /// A secret: a value from the environment, or the file that `key_file` names.
    func secret(_ key: String) -> AlertSecret? {
        let file = optionalString(key + "_file")
        let text = optionalString(key)
        if text != nil, file != nil { fail(key, "and \(key)_file exclude each other") }
        if let file {
            let secret = AlertSecret.file(file)
            do { _ = try secret.read() } catch { fail(key + "_file", "\(error)") }
            return secret
        }
        guard let text else { return nil }
        if !isFromEnvironment(key) {
            fail(key, "is a secret, expected ${env:NAME} or \(key)_file, so that it does not stand in this file")
        } else if text.isEmpty {
            fail(key, "is empty, expected a value in the environment")
        }
        return .text(text)
    }
}
