import Alerting
import Hummingbird
import OTLP

/// `GET /api/skein/v1/alerts`: rules and their states, alerts, silences, notifiers and incidents.
struct SkeinAlertsAPI: Sendable {
    let report: @Sendable () -> AlertsReport

    func addRoutes(to router: Router<QueryRequestContext>) {
        router.get("/api/skein/v1/alerts") { request, _ in request.json(report().json) }
    }
}

extension AlertsReport {
    /// The answer of `/alerts`.
    var json: [UInt8] {
        var json = JSONWriter()
        let inDollars = Set(rules.filter { $0.rule.metric.unit == .dollars }.map(\.rule.name))
        json.object { json in
            json.array("rules") { json in
                for rule in rules { rule.write(to: &json) }
            }
            json.array("alerts") { json in
                for alert in alerts { alert.write(to: &json, isInDollars: inDollars.contains(alert.alert.key.rule)) }
            }
            json.array("silences") { json in
                for silence in silences { silence.write(to: &json) }
            }
            json.array("notifiers") { json in
                for notifier in notifiers { notifier.write(to: &json) }
            }
            json.array("incidents") { json in
                for incident in incidents { incident.write(to: &json, isInDollars: inDollars.contains(incident.rule)) }
            }
        }
        return json.takeBytes()
    }
}

extension AlertsReport.Rule {
    fileprivate func write(to json: inout JSONWriter) {
        json.object { json in
            json.string("name", rule.name)
            json.string("metric", rule.metric.rawValue)
            json.string("condition", AlertText.condition(rule))
            json.string("severity", rule.severity.rawValue)
            json.string("state", state?.rawValue ?? "inactive")
            json.int("alerts", alerts)
            json.int("groupsOverLimit", groupsOverLimit)
            json.time("evaluatedAtUnixNano", evaluatedAt)
            if let problem { json.string("problem", problem) }
        }
    }
}

extension AlertsReport.ActiveAlert {
    fileprivate func write(to json: inout JSONWriter, isInDollars: Bool) {
        json.object { json in
            json.string("rule", alert.key.rule)
            json.string("fingerprint", alert.fingerprint)
            json.labels(alert.labels)
            json.string("state", alert.state.rawValue)
            json.string("severity", alert.severity.rawValue)
            json.bool("silenced", isSilenced)
            json.time("activeAtUnixNano", alert.activeAt)
            json.time("firingAtUnixNano", alert.firingAt)
            json.value("value", alert.value, isInDollars)
            json.value("threshold", alert.threshold, isInDollars)
            if let baseline = alert.baseline { json.value("baseline", baseline, isInDollars) }
            if let step = alert.stepText { json.string("budgetStep", step) }
            json.string("summary", alert.annotations["summary"] ?? "")
            json.string("condition", alert.conditionText)
            json.string("valueText", alert.valueText)
            json.examples(alert.examples)
            json.string("queryURL", alert.queryURL)
        }
    }
}

extension AlertsReport.ActiveSilence {
    fileprivate func write(to json: inout JSONWriter) {
        json.object { json in
            json.array("matchers") { json in
                for matcher in silence.matchers { json.string(matcher.description) }
            }
            if silence.start > 0 { json.time("startsAtUnixNano", silence.start) }
            if silence.end < .max { json.time("endsAtUnixNano", silence.end) }
            json.string("comment", silence.comment)
            json.bool("active", isActive)
        }
    }
}

extension AlertsReport.Notifier {
    fileprivate func write(to json: inout JSONWriter) {
        json.object { json in
            json.string("id", id)
            json.string("type", kind)
            json.bool("healthy", isHealthy)
            json.int("queued", queued)
            json.int("sent", sent)
            json.int("retried", retried)
            json.int("refused", refused)
            json.int("expired", expired)
            json.int("dropped", dropped)
            json.time("lastSuccessUnixNano", lastSuccess)
            json.time("lastErrorUnixNano", lastErrorAt)
            if let lastError { json.string("lastError", lastError) }
        }
    }
}

extension Incident {
    fileprivate func write(to json: inout JSONWriter, isInDollars: Bool) {
        json.object { json in
            json.int("id", id)
            json.string("rule", rule)
            json.string("fingerprint", fingerprint)
            json.labels(labels)
            json.string("severity", severity.rawValue)
            json.string("state", end == nil ? "firing" : "resolved")
            json.time("startUnixNano", start)
            json.time("endUnixNano", end)
            json.value("value", value, isInDollars)
            json.value("peak", peak, isInDollars)
            json.value("threshold", threshold, isInDollars)
            json.string("summary", summary)
            json.string("condition", conditionText)
            json.examples(examples)
            json.string("queryURL", queryURL)
        }
    }
}

extension JSONWriter {
    fileprivate mutating func value(_ key: StaticString, _ value: Double, _ isInDollars: Bool) {
        if isInDollars { dollars(key, value) } else { double(key, value) }
    }

    fileprivate mutating func time(_ key: StaticString, _ time: UInt64?) {
        if let time { int64String(key, time) }
    }

    fileprivate mutating func labels(_ labels: AlertLabels) {
        object("labels") { json in
            for (name, value) in labels.sorted {
                json.key(name)
                json.string(value)
            }
        }
    }

    fileprivate mutating func examples(_ ids: [TraceID]) {
        array("exampleTraceIDs") { json in
            for id in ids { json.traceID(id) }
        }
    }
}
