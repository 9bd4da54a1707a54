import Logging
import Synchronization

/// Tells the operator through swift-log what goes wrong with sending spans, or with sending log records: each kind at
/// most once in an interval, with what was left out in between.
final class Diagnostics: Sendable {
    enum Kind: Hashable {
        case queueFull, exportFailed, spill, delayed, partialSuccess, shutdown, shutdownWaits, noThread
    }

    private struct Entry {
        var lastReport: MonotonicTime
        var unreportedTimes = 0
        var unreportedRecords = 0
        /// Why the last ones were lost.
        var reason: String?
        var reportedTotal: UInt64 = 0
    }

    /// What the messages speak of.
    let records: RecordKind
    /// No kind is told twice within it.
    let interval: Duration
    private let logger: Logger
    /// What stands before every message: which exporter it is about, where there are several.
    private let exporter: String
    private let entries = Mutex<[Kind: Entry]>([:])

    /// - Parameter exporter: what messages call the exporter they are about; nil where there is but one.
    convenience init(_ logger: Logger, _ records: RecordKind = .span, exporter: String? = nil, interval: Duration) {
        self.init(logger, records, exporter: exporter.map { "exporter \($0): " } ?? "", interval)
    }

    private init(_ logger: Logger, _ records: RecordKind, exporter: String, _ interval: Duration) {
        self.logger = logger
        self.records = records
        self.exporter = exporter
        self.interval = interval
    }

    /// Logs `message` unless its kind was reported within the interval.
    ///
    /// - Parameter onceFor: no matter how long ago, the same reason is not reported a second time in a row, until
    ///   ``forgetReason(_:)``.
    func report(_ kind: Kind, _ message: @autoclosure () -> String, count: Int = 0, onceFor reason: String? = nil) {
        let now = MonotonicTime.now
        let omitted: (times: Int, records: Int)? = entries.withLock { entries in
            guard var entry = entries[kind] else {
                entries[kind] = Entry(lastReport: now, reason: reason)
                return (0, 0)
            }
            let isKnown = reason != nil && entry.reason == reason
            guard entry.lastReport + interval <= now, !isKnown else {
                entry.unreportedTimes += 1
                entry.unreportedRecords += count
                entries[kind] = entry
                return nil
            }
            entries[kind] = Entry(lastReport: now, reason: reason)
            return (entry.unreportedTimes, entry.unreportedRecords)
        }
        guard let omitted else { return }
        let since =
            omitted.times == 0
            ? "" : " (and \(omitted.times) times before with \(omitted.records) \(records.plural))"
        logger.warning("\(exporter)\(message())\(since)")
    }

    /// Logs how many records were lost for reasons that were told too recently to be told again.
    func tellRest() {
        let rest = entries.withLock { entries in
            defer { for kind in entries.keys { entries[kind]?.unreportedRecords = 0 } }
            return entries.values.reduce(0) { $0 + $1.unreportedRecords }
        }
        if rest > 0 { logger.warning("\(exporter)\(rest) further \(records.plural) lost for the reasons told before") }
    }

    /// The same for a child of `fork`, with a lock of its own.
    func ofChildProcess() -> Diagnostics {
        Diagnostics(logger, records, exporter: exporter, interval)
    }

    /// What went wrong is over: the same reason counts as a new one.
    func forgetReason(_ kind: Kind) {
        entries.withLock { $0[kind]?.reason = nil }
    }

    /// Logs that records arrive again, if it was told that they do not. The next failure is told at once.
    func reportRecovery(after attempts: Int) {
        let wasTold = entries.withLock { entries in
            let told = [Kind.delayed, .shutdownWaits].map { entries.removeValue(forKey: $0) }
            return told.contains { $0 != nil }
        }
        if wasTold { logger.notice("\(exporter)\(records.plural) are sent again, after \(attempts) attempts") }
    }

    /// Logs that a running total grew, unless its kind was reported within the interval.
    ///
    /// - Parameter isLast: there is no later report, so the interval does not count.
    func reportTotal(_ kind: Kind, _ total: UInt64, isLast: Bool = false, _ message: (UInt64) -> String) {
        guard total > 0 else { return }
        let now = MonotonicTime.now
        let grown: UInt64? = entries.withLock { entries in
            let entry = entries[kind]
            let grown = total - min(total, entry?.reportedTotal ?? 0)
            if let entry, now < entry.lastReport + interval, !isLast { return nil }
            guard grown > 0 else { return nil }
            entries[kind] = Entry(lastReport: now, reportedTotal: total)
            return grown
        }
        if let grown { logger.warning("\(exporter)\(message(grown))") }
    }
}
