import Collector
import Logging
import QueryAPI
import Synchronization

/// Reads the configuration again on SIGHUP and has the collector use what can be changed while it runs: exporters,
/// processors, alerts, and what calls of models cost. A configuration with a mistake changes nothing.
final class ConfigurationReloader: Sendable {
    private let read: @Sendable () throws(CommandFailure) -> SkeinConfiguration
    private let collector: Collector
    private let logger: Logger
    /// What the collector was started with; all but exporters, processors, alerts and prices is as it was then.
    private let start: SkeinConfiguration

    init(
        _ start: SkeinConfiguration, collector: Collector, logger: Logger,
        read: @escaping @Sendable () throws(CommandFailure) -> SkeinConfiguration
    ) {
        self.start = start
        self.collector = collector
        self.logger = logger
        self.read = read
    }

    /// Blocks until it is done. To be called by one thread at a time.
    func reload() {
        var read: SkeinConfiguration
        do throws(CommandFailure) { read = try self.read() } catch {
            // The first of several lines only says that mistakes follow.
            let lines = error.message.split(separator: "\n")
            for line in lines.dropFirst(lines.count > 1 ? 1 : 0) {
                logger.error("the configuration stays as it was", metadata: ["reason": "\(line)"])
            }
            return
        }
        for warning in read.warnings { logger.warning("\(warning)") }
        // Of one time zone with the answers about usage, which are as at the start.
        read.collector.alerts.calendar = start.collector.alerts.calendar
        do throws(Collector.ReloadError) { try collector.use(read.collector) } catch {
            switch error {
            case .refused(let reason):
                logger.error("the configuration stays as it was", metadata: ["reason": "\(reason)"])
            case .alertsEnded(let reason):
                logger.error("alerts have ended, a restart is needed", metadata: ["reason": "\(reason)"])
            }
            return
        }
        logger.notice("configuration read again: exporters, processors, alerts and prices are those of now")
        let others = Self.differences(start, read)
        guard !others.isEmpty else { return }
        logger.warning("other changes need a restart", metadata: ["keys": "\(others.joined(separator: ", "))"])
    }

    /// The keys, two levels deep, of what cannot be changed while a collector runs and is another now. Secrets are not
    /// compared.
    static func differences(_ old: SkeinConfiguration, _ new: SkeinConfiguration) -> [String] {
        var old = old
        old.collector.exporters = new.collector.exporters
        old.collector.remoteWriters = new.collector.remoteWriters
        old.collector.memoryLimiter = new.collector.memoryLimiter
        old.collector.alerts = new.collector.alerts
        old.collector.genAI.costs = new.collector.genAI.costs
        old.collector.genAI.pricesFile = new.collector.genAI.pricesFile
        old.collector.genAI.usesBuiltInPrices = new.collector.genAI.usesBuiltInPrices
        let (before, now) = (sections(old), sections(new))
        return Set(before.keys).union(now.keys).filter { before[$0] != now[$0] }.sorted()
    }

    private static func sections(_ configuration: SkeinConfiguration) -> [String: String] {
        var result: [String: String] = [:]
        var path = ["", ""]
        for line in EffectiveConfiguration(configuration).yaml.split(separator: "\n") {
            let level = line.prefix { $0 == " " }.count / 2
            if level < 2 {
                path[level] = String(line.dropFirst(2 * level).prefix { $0 != ":" })
                if level == 0 { path[1] = "" }
            }
            let key = path[1].isEmpty ? path[0] : path[0] + "." + path[1]
            result[key, default: ""] += line + "\n"
        }
        return result
    }
}
