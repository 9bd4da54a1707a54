import OTLP
import TraceStorage

/// An event of PagerDuty's Events API, version 2: an alert that fires triggers, its end resolves the same incident.
enum PagerDutyBody {
    /// What PagerDuty takes of a summary.
    private static let summaryMax = 1_024

    /// - Parameter notice: Of one alert; see ``NotifierConfiguration/tellsAlertsApart``.
    static func bytes(_ notice: Notice, routingKey: String, externalURL: String) -> [UInt8] {
        var json = JSONWriter()
        guard let entry = notice.entries.first else { return [] }
        json.object { json in
            json.string("routing_key", routingKey)
            json.string("event_action", entry.isFiring ? "trigger" : "resolve")
            json.string("dedup_key", "skein-\(entry.fingerprint)")
            json.string("client", "Skein")
            if !externalURL.isEmpty { json.string("client_url", externalURL) }
            json.object("payload") { json in
                json.string("summary", NoticeText.cut(entry.summary, summaryMax))
                json.string("source", source(entry))
                json.string("severity", entry.severity.rawValue)
                json.string("timestamp", TimeText.rfc3339(entry.end ?? entry.start))
                if let service = entry.labels["service"] { json.string("component", service) }
                json.string("group", entry.labels["application"] ?? source(entry))
                json.string("class", entry.labels["alertname"] ?? "")
                details(entry, &json)
            }
            links(entry, externalURL, &json)
        }
        return json.takeBytes()
    }

    /// What the alert is about.
    private static func source(_ entry: Notice.Entry) -> String {
        for name in ["service", "agent", "application", "exporter"] {
            if let value = entry.labels[name] { return value }
        }
        return "skein"
    }

    private static func details(_ entry: Notice.Entry, _ json: inout JSONWriter) {
        json.object("custom_details") { json in
            json.texts("labels", entry.labels.values)
            for (name, value) in WebhookBody.annotations(entry).sorted(by: { $0.key < $1.key }) where name != "summary"
            {
                json.key(name)
                json.string(value)
            }
        }
    }

    private static func links(_ entry: Notice.Entry, _ externalURL: String, _ json: inout JSONWriter) {
        var all: [(String, String)] = []
        if !entry.queryURL.isEmpty { all.append((entry.queryURL, "query")) }
        for (index, id) in entry.examples.enumerated() {
            all.append((NoticeText.traceURL(id, externalURL), "trace \(index + 1)"))
        }
        if let runbook = entry.annotations["runbook_url"] { all.append((runbook, "runbook")) }
        guard !all.isEmpty else { return }
        json.array("links") { json in
            for (href, text) in all {
                json.object { json in
                    json.string("href", href)
                    json.string("text", text)
                }
            }
        }
    }
}
