import Alerting
import OTLP
import TraceStorage

extension EffectiveConfiguration {
    func alerts(_ alerts: AlertsConfiguration, _ writer: inout YAMLWriter) {
        writer.value("interval", Self.duration(alerts.interval))
        if let url = alerts.externalURL { writer.value("external_url", SecretMask.url(url)) }
        writer.list("group_by", alerts.groupBy)
        writer.value("group_wait", Self.duration(alerts.groupWait))
        writer.value("group_interval", Self.duration(alerts.groupInterval))
        writer.value("repeat_interval", Self.duration(alerts.repeatInterval))
        writer.value("max_groups", alerts.groupsMax)
        if !alerts.rules.isEmpty { writer.items("rules", alerts.rules) { Self.rule($0, &$1) } }
        if !alerts.notifiers.isEmpty {
            writer.section("notifiers") { writer in
                for notifier in alerts.notifiers { writer.section(notifier.id) { Self.notifier(notifier, &$0) } }
            }
        }
        if !alerts.silences.isEmpty {
            writer.items("silences", alerts.silences) { silence, writer in
                writer.list("matchers", silence.matchers.map(\.description))
                if silence.start > 0 { writer.value("starts_at", TimeText.rfc3339(silence.start)) }
                if silence.end < .max { writer.value("ends_at", TimeText.rfc3339(silence.end)) }
                if !silence.comment.isEmpty { writer.value("comment", silence.comment) }
            }
        }
    }

    private static func duration(_ nanoseconds: UInt64) -> String {
        GoDuration.text(.nanoseconds(Int64(clamping: nanoseconds)))
    }

    /// A number in the form in which a rule's metric takes it.
    private static func number(_ value: Double, _ unit: AlertMetric.Unit?) -> String {
        unit == .duration ? GoDuration.text(.nanoseconds(Int64((value * 1e9).rounded()))) : "\(value)"
    }

    private static func rule(_ rule: AlertRule, _ writer: inout YAMLWriter) {
        writer.value("name", rule.name)
        writer.value("metric", rule.metric.rawValue)
        switch rule.condition {
        case .threshold(let threshold):
            writer.value(threshold.direction.rawValue, number(threshold.value, rule.metric.unit))
        case .baseline(let threshold, let offset):
            writer.value(threshold.direction.rawValue, number(threshold.value, nil))
            writer.value("baseline", duration(offset))
            if let least = rule.minValue { writer.value("min_value", number(least, rule.metric.unit)) }
        case .budget(let budget):
            writer.value("budget", number(budget.amount, nil))
            writer.value("period", budget.period.rawValue)
            writer.list("steps", budget.steps.map { "\($0)" })
        }
        if !rule.matchers.isEmpty { writer.list("where", rule.matchers.map(\.description)) }
        if !rule.groupings.isEmpty { writer.list("by", rule.groupings) }
        if !rule.metric.isMomentary, rule.budget == nil { writer.value("window", duration(rule.window)) }
        writer.value("min_count", "\(rule.minCount)")
        if rule.budget == nil { writer.value("for", duration(rule.holdFor)) }
        writer.value("keep_firing_for", duration(rule.keepFiringFor))
        writer.value("cooldown", duration(rule.cooldown))
        writer.value("severity", rule.severity.rawValue)
        if !rule.labels.values.isEmpty {
            writer.section("labels") { writer in
                for (name, value) in rule.labels.sorted { writer.value(name, value) }
            }
        }
        for (name, text) in rule.annotations.sorted(by: { $0.key < $1.key }) { writer.value(name, text) }
        if let names = rule.notifiers { writer.list("notify", names) }
    }

    private static func notifier(_ notifier: NotifierConfiguration, _ writer: inout YAMLWriter) {
        switch notifier.kind {
        case .webhook(let webhook):
            secret("url", webhook.url, isShown: true, &writer)
            if !webhook.headers.isEmpty {
                // A header may be a secret under any name, so none is shown.
                writer.section("headers") { writer in
                    for header in webhook.headers { writer.value(header.name, SecretMask.text) }
                }
            }
            if let token = webhook.bearerToken { secret("bearer_token", token, &writer) }
            if let signing = webhook.signingSecret { secret("signing_secret", signing, &writer) }
        case .slack(let slack): secret("api_url", slack.url, &writer)
        case .pagerDuty(let pagerDuty):
            secret("routing_key", pagerDuty.routingKey, &writer)
            writer.value("url", SecretMask.url(pagerDuty.url))
        case .email(let email):
            writer.list("to", email.to)
            writer.value("from", email.from)
            writer.value("smarthost", "\(email.host):\(email.port)")
            writer.value("hello", email.hello)
            if let name = email.username { writer.value("auth_username", name) }
            if let password = email.password { secret("auth_password", password, &writer) }
            writer.value("implicit_tls", email.isTLSImplicit)
            writer.value("require_tls", email.requiresTLS)
        }
        writer.value("min_severity", notifier.minSeverity.rawValue)
        writer.value("send_resolved", notifier.sendsResolved)
        writer.value("timeout", GoDuration.text(notifier.timeout))
        writer.section("retry_on_failure") { writer in
            writer.value("initial_interval", duration(notifier.retry.initialInterval))
            writer.value("max_interval", duration(notifier.retry.maxInterval))
            writer.value("max_elapsed_time", duration(notifier.retry.maxElapsedTime))
        }
        let tls = notifier.tls
        guard tls != .init() else { return }
        writer.section("tls") { writer in
            if let file = tls.caFile { writer.value("ca_file", file) }
            if let file = tls.clientCertificateFile { writer.value("cert_file", file) }
            if let file = tls.clientKeyFile { writer.value("key_file", file) }
            writer.value("insecure_skip_verify", tls.isInsecure)
        }
    }

    private static func secret(
        _ key: String, _ secret: AlertSecret, isShown: Bool = false, _ writer: inout YAMLWriter
    ) {
        switch secret {
        case .file(let path): writer.value(key + "_file", path)
        case .text(let text): writer.value(key, isShown ? SecretMask.url(text) : SecretMask.text)
        }
    }
}
