import Journal
import Logging
import Synchronization

/// Tells the operator what the journal found and what happened to it.
enum JournalLog {
    static func report(_ recovery: RecoveryReport, to logger: Logger) {
        if recovery.records > 0 {
            logger.info(
                "journal opened",
                metadata: [
                    "segments": "\(recovery.segments)", "records": "\(recovery.records)", "spans": "\(recovery.spans)",
                ])
        }
        for truncation in recovery.truncations {
            logger.warning(
                "cut the torn end of the journal; nothing of it was acknowledged as durable",
                metadata: ["cut": "\(truncation)"])
        }
        for damage in recovery.damages {
            logger.error("passed over a damaged part of the journal", metadata: ["damage": "\(damage)"])
        }
        if recovery.missingRecords > 0 {
            logger.error("records are missing in the journal", metadata: ["records": "\(recovery.missingRecords)"])
        }
        if let defect = recovery.cursorDefect {
            logger.warning(
                "exporters start over with the oldest spans of the journal", metadata: ["reason": "\(defect)"])
        }
    }

    /// Reports events of a running journal; those that repeat while a disk is full or broken only now and then.
    static func reporter(to logger: Logger) -> @Sendable (JournalEvent) -> Void {
        let warnings = RateLimitedLog()
        return { event in
            if case .writeFailed = event, !warnings.allow("write") { return }
            if case .cursorsFailed = event, !warnings.allow("cursors") { return }
            if case .removeFailed = event, !warnings.allow("remove") { return }
            if case .cutFailed = event, !warnings.allow("cut") { return }
            report(event, to: logger)
        }
    }

    private final class RateLimitedLog: Sendable {
        private let state = Mutex(RateLimitedWarning())

        func allow(_ kind: String) -> Bool { state.withLock { $0.allow(kind) } != nil }
    }

    private static func report(_ event: JournalEvent, to logger: Logger) {
        switch event {
        case .skipped(let reader, let reason, let records, let spans):
            let message: Logger.Message =
                switch reason {
                case .bytes: "a full sending queue let go of its oldest spans"
                case .age: "a sending queue let go of spans older than its max_age"
                }
            logger.error(
                message, metadata: ["reader": "\(reader)", "requests": "\(records)", "spans": "\(spans)"])
        case .writeFailed(let message, let records):
            logger.error(
                "requests were not journaled and were refused",
                metadata: ["error": "\(message)", "requests": "\(records)"])
        case .syncFailed(let path, let message, let records):
            logger.critical(
                "the disk did not confirm acknowledged requests",
                metadata: ["path": "\(path)", "error": "\(message)", "requests": "\(records)"])
        case .damaged(let damage, let spans):
            logger.error(
                "passed over a damaged part of the journal", metadata: ["damage": "\(damage)", "spans": "\(spans)"])
        case .cursorsFailed(let message):
            logger.error("cannot write the exporters' places in the journal", metadata: ["error": "\(message)"])
        case .cutFailed(let message):
            logger.error("a finished segment of the journal keeps its spare room", metadata: ["error": "\(message)"])
        case .removeFailed(let message):
            logger.error("cannot remove a finished segment of the journal", metadata: ["error": "\(message)"])
        }
    }
}
