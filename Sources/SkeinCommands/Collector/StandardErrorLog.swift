import Collector
import Logging

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

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
        var line = "\(Self.timestamp()) \(Self.name(event.level)) \(event.message)"
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(Self.quoted("\(value)"))" }
        Terminal.message(line)
    }

    private static func name(_ level: Logger.Level) -> String {
        level.rawValue.uppercased()
    }

    private static func quoted(_ text: String) -> String {
        let isPlain = !text.isEmpty && text.allSatisfy { !$0.isWhitespace && $0 != "\"" && $0 != "=" }
        return isPlain ? text : text.debugDescription
    }

    /// UTC with milliseconds, as RFC 3339.
    private static func timestamp() -> String {
        let now = ProcessStatistics.now()
        var seconds = time_t(now / 1_000_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        let count = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%S", &parts)
        let date = String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let milliseconds = "\(1000 + now / 1_000_000 % 1000)".dropFirst()
        return "\(date).\(milliseconds)Z"
    }
}
