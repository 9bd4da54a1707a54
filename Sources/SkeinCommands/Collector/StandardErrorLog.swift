import Collector
import Logging
import TraceStorage

/// Writes log lines to standard error: time, level, message, then metadata as `key=value`.
struct StandardErrorLog: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    static func logger(_ label: String, level: Logger.Level) -> Logger {
        Logger(label: label) { _ in StandardErrorLog(logLevel: level) }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line = "\(TimeText.rfc3339(ProcessStatistics.now())) \(Self.name(event.level)) \(event.message)"
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(Self.quoted("\(value)"))" }
        Terminal.message(line)
    }

    private static func name(_ level: Logger.Level) -> String {
        level.rawValue.uppercased()
    }

    private static func quoted(_ text: String) -> String {
        let isPlain = !text.isEmpty && text.allSatisfy { !$0.isWhitespace && $0 != "\"" && $0 != "=" }
        // An apostrophe between quotation marks needs no escape.
        return isPlain ? text : text.debugDescription.replacing("\\'", with: "'")
    }
}
