import OTLP
import TraceStorage

/// A message for an incoming webhook of Slack: a text for notifications and blocks for the channel, beside a bar in the
/// colour of the worst severity.
enum SlackBody {
    /// What Slack takes of a header, of a section's text, and of blocks in an attachment.
    private static let headerMax = 150
    private static let sectionMax = 3_000
    /// Alerts that are shown one by one; how many more there are is said.
    private static let shownMax = 10

    static func bytes(_ notice: Notice, externalURL: String) -> [UInt8] {
        let title = NoticeText.title(notice)
        var json = JSONWriter()
        json.object { json in
            json.string("text", escaped(title))
            json.array("attachments") { json in
                json.object { json in
                    json.string("color", color(notice))
                    json.string("fallback", title)
                    json.array("blocks") { json in
                        header(title, &json)
                        for entry in notice.entries.prefix(shownMax) { section(entry, externalURL, &json) }
                        let more = notice.entries.count + notice.truncated - min(notice.entries.count, shownMax)
                        if more > 0 { context("and \(more) more", &json) }
                    }
                }
            }
        }
        return json.takeBytes()
    }

    private static func header(_ title: String, _ json: inout JSONWriter) {
        json.object { json in
            json.string("type", "header")
            json.object("text") { json in
                json.string("type", "plain_text")
                json.string("text", NoticeText.cut(title, headerMax))
            }
        }
    }

    private static func section(_ entry: Notice.Entry, _ externalURL: String, _ json: inout JSONWriter) {
        var lines = ["*\(entry.isFiring ? entry.severity.rawValue : "resolved")* \(escaped(entry.summary))"]
        if let description = entry.annotations["description"] { lines.append(escaped(description)) }
        lines.append(escaped("\(entry.conditionText): \(entry.valueText)"))
        lines.append("_since \(TimeText.rfc3339(entry.start))_")
        if let end = entry.end { lines.append("_until \(TimeText.rfc3339(end))_") }
        var links: [String] = []
        if !entry.queryURL.isEmpty { links.append(link(entry.queryURL, "query")) }
        for (index, id) in entry.examples.enumerated() {
            links.append(link(NoticeText.traceURL(id, externalURL), "trace \(index + 1)"))
        }
        if let runbook = entry.annotations["runbook_url"] { links.append(link(runbook, "runbook")) }
        if !links.isEmpty { lines.append(links.joined(separator: " · ")) }
        // A link that is cut in two is none, so the texts before it give way.
        while lines.count > 2, lines.joined(separator: "\n").unicodeScalars.count > sectionMax { lines.removeLast() }
        json.object { json in
            json.string("type", "section")
            json.object("text") { json in
                json.string("type", "mrkdwn")
                json.string("text", NoticeText.cut(lines.joined(separator: "\n"), sectionMax))
            }
        }
    }

    private static func context(_ text: String, _ json: inout JSONWriter) {
        json.object { json in
            json.string("type", "context")
            json.array("elements") { json in
                json.object { json in
                    json.string("type", "mrkdwn")
                    json.string("text", text)
                }
            }
        }
    }

    private static func color(_ notice: Notice) -> String {
        guard notice.isFiring else { return "good" }
        return notice.severity >= .error ? "danger" : notice.severity == .warning ? "warning" : "#439FE0"
    }

    private static func link(_ url: String, _ text: String) -> String {
        "<\(escaped(url).replacing("|", with: "%7C"))|\(escaped(text))>"
    }

    /// The three characters that mean something in Slack's markup; also where a combining mark follows one.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

/// Notices as text.
enum NoticeText {
    /// `[FIRING:2] HighErrorRate (critical)`, as Alertmanager's subjects.
    static func title(_ notice: Notice) -> String {
        let firing = notice.entries.filter(\.isFiring).count
        let status = firing > 0 ? "[FIRING:\(firing)]" : "[RESOLVED]"
        let names = Set(notice.entries.compactMap { $0.labels["alertname"] }).sorted().joined(separator: ", ")
        if notice.entries.count == 1, let entry = notice.entries.first { return "\(status) \(entry.summary)" }
        return "\(status) \(names) (\(notice.severity.rawValue))"
    }

    /// The first so many characters as a receiver counts them.
    static func cut(_ text: String, _ max: Int) -> String {
        guard text.unicodeScalars.count > max else { return text }
        var result = String.UnicodeScalarView()
        result.append(contentsOf: text.unicodeScalars.prefix(max - 1))
        return String(result) + "…"
    }

    static func traceURL(_ id: TraceID, _ externalURL: String) -> String {
        "\(externalURL)/api/skein/v1/traces/\(id.hex)"
    }

    /// The whole notice for a mail.
    static func plain(_ notice: Notice, externalURL: String) -> String {
        var lines: [String] = []
        for entry in notice.entries {
            lines.append("\(entry.isFiring ? "firing" : "resolved"), \(entry.severity.rawValue): \(entry.summary)")
            if let description = entry.annotations["description"] { lines.append("  \(description)") }
            lines.append("  condition  \(entry.conditionText)")
            lines.append("  value      \(entry.valueText)")
            if let step = entry.stepText { lines.append("  step       \(step)") }
            lines.append("  labels     \(entry.labels.text)")
            lines.append("  since      \(TimeText.rfc3339(entry.start))")
            if let end = entry.end { lines.append("  until      \(TimeText.rfc3339(end))") }
            if !entry.queryURL.isEmpty { lines.append("  query      \(entry.queryURL)") }
            for id in entry.examples { lines.append("  trace      \(traceURL(id, externalURL))") }
            if let runbook = entry.annotations["runbook_url"] { lines.append("  runbook    \(runbook)") }
            lines.append("")
        }
        if notice.truncated > 0 { lines.append("and \(notice.truncated) more") }
        return lines.joined(separator: "\n")
    }
}

extension String {
    /// The text with one character in place of another text.
    fileprivate func replacing(_ character: Character, with text: String) -> String {
        var result = ""
        for next in self { if next == character { result += text } else { result.append(next) } }
        return result
    }
}
