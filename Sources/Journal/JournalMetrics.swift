import TraceStorage

/// What the journal did since it was opened and how it stands.
package struct JournalMetrics: Sendable {
    package var appendedRecords = 0
    package var appendedBytes = 0
    package var appendedSpans = 0
    /// Requests that were acknowledged again and not appended.
    package var duplicates = 0
    /// Appends that failed, by what they failed with.
    package var busyAppends = 0
    package var fullAppends = 0
    package var failedAppends = 0
    /// Writes, each of all that was waiting.
    package var groups = 0
    package var synchronizations = 0
    package var synchronizationFailures = 0
    package var synchronizationNanoseconds: UInt64 = 0
    /// Acknowledged records that were in the file when making it durable failed; see
    /// ``JournalEvent/syncFailed(path:message:recordsAtRisk:)``.
    package var recordsAtRisk = 0
    /// Time during which groups waited for readers that must not skip.
    package var pausedNanoseconds: UInt64 = 0
    /// Bytes that wait for the writer.
    package var queuedBytes = 0
    /// Bytes of decoded batches in memory for readers that are up to date.
    package var recentBytes = 0
    /// What the segments take on the disk, room for records to come included.
    package var diskBytes = 0
    package var segments = 0
    package var end = JournalPosition.beginning
    /// Records that could not be read back, and their spans.
    package var damagedRecords = 0
    package var damagedSpans = 0
    package var truncatedBytes = 0
    package var truncations = 0
    package var readers: [Reader] = []

    package init() {}

    /// How far one reader is.
    package struct Reader: Sendable, Hashable {
        package let name: String
        /// Everything up to here is done, or was skipped.
        package var committed = JournalPosition.beginning
        package var lagBytes = 0
        package var lagRecords = 0
        package var lagSpans = 0
        /// Records that were read from the disk, because they were not in memory any more.
        package var diskRecords = 0
        /// When the oldest record that is not done was received, to the second, in unix nanoseconds; nil when all is done.
        package var oldestReceivedAt: UInt64?
        /// What the reader was moved past, by why.
        package var skipped: [SkipReason: Skipped] = [:]

        package var skippedRecords: Int { skipped.values.reduce(0) { $0 + $1.records } }
        package var skippedSpans: Int { skipped.values.reduce(0) { $0 + $1.spans } }

        /// Records that a reader will not be given, and their spans.
        package struct Skipped: Sendable, Hashable {
            package let records: Int
            package let spans: Int

            package init(records: Int, spans: Int) {
                self.records = records
                self.spans = spans
            }
        }

        init(name: String) {
            self.name = name
        }
    }
}

/// Something that an operator should read of. Events come from the journal's threads, never under a lock.
package enum JournalEvent: Sendable, Hashable {
    /// A reader that may skip was too far behind, or what waited too old, and it will not see these.
    case skipped(reader: String, SkipReason, records: Int, spans: Int)
    /// A group of appends failed and may be tried again.
    case writeFailed(message: String, records: Int)
    /// The disk did not confirm what was written. The records were acknowledged before under `interval` or `os`, can be
    /// read as long as the system runs, and may be gone after it; the journal goes on in a new segment.
    case syncFailed(path: String, message: String, recordsAtRisk: Int)
    /// A record read back is damaged and was passed over.
    case damaged(RecoveryReport.Damage, spans: Int)
    /// The readers' cursors could not be written; readers may see more records again after a crash.
    case cursorsFailed(message: String)
    /// A finished segment keeps the room that was taken for more records; the next start gives it back.
    case cutFailed(message: String)
    /// A segment that nobody needs could not be removed; it is tried again.
    case removeFailed(message: String)
}
