import OTLP
import TraceStorage

/// The body of Alertmanager's webhook, version 4, so that receivers made for it understand it.
enum WebhookBody {
    static func bytes(_ notice: Notice, externalURL: String) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.string("version", "4")
            json.string("groupKey", "{}:{\(notice.groupLabels.text)}")
            json.int("truncatedAlerts", notice.truncated)
            json.string("status", notice.isFiring ? "firing" : "resolved")
            json.string("receiver", notice.notifier)
            json.texts("groupLabels", notice.groupLabels.values)
            json.texts("commonLabels", common(notice.entries.map(\.labels.values)))
            json.texts("commonAnnotations", common(notice.entries.map { annotations($0) }))
            json.string("externalURL", externalURL)
            json.array("alerts") { json in
                for entry in notice.entries { write(entry, to: &json) }
            }
        }
        return json.takeBytes()
    }

    private static func write(_ entry: Notice.Entry, to json: inout JSONWriter) {
        json.object { json in
            json.string("status", entry.isFiring ? "firing" : "resolved")
            json.texts("labels", entry.labels.values)
            json.texts("annotations", annotations(entry))
            json.string("startsAt", TimeText.rfc3339(entry.start))
            // Alertmanager writes the zero time of Go for an alert that has no end.
            json.string("endsAt", entry.end.map(TimeText.rfc3339) ?? "0001-01-01T00:00:00Z")
            json.string("generatorURL", entry.queryURL)
            json.string("fingerprint", entry.fingerprint)
        }
    }

    /// The rule's own, and what the alert is about.
    static func annotations(_ entry: Notice.Entry) -> [String: String] {
        var result = entry.annotations
        result["value"] = entry.valueText
        result["condition"] = entry.conditionText
        if let step = entry.stepText { result["budget_step"] = step }
        if !entry.examples.isEmpty { result["trace_ids"] = entry.examples.map(\.hex).joined(separator: ",") }
        return result
    }

    /// What all of them have.
    private static func common(_ all: [[String: String]]) -> [String: String] {
        guard let first = all.first else { return [:] }
        return first.filter { pair in all.allSatisfy { $0[pair.key] == pair.value } }
    }
}

extension JSONWriter {
    /// An object of texts, in the order of names.
    mutating func texts(_ key: StaticString, _ values: [String: String]) {
        object(key) { json in
            for (name, value) in values.sorted(by: { $0.key < $1.key }) {
                json.key(name)
                json.string(value)
            }
        }
    }
}
