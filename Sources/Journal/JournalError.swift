import TraceStorage

/// Why the journal could not do what was asked.
package enum JournalError: Error, Hashable, Sendable {
    /// More waits to be written than ``JournalConfiguration/queueBytesMax``.
    case busy(queuedBytes: Int, limitBytes: Int)
    /// A reader that must not skip holds the journal at its cap.
    case full(message: String)
    /// The disk has no room, or the quota none.
    case diskFull(message: String)
    /// The disk refused; what was appended before is untouched.
    case io(message: String)
    /// The journal is not started yet or shuts down.
    case closed
    /// A record over ``RecordFormat/recordBytesMax``.
    case tooLarge(recordBytes: Int, limitBytes: Int)
    /// Another process has the directory open; the process id is nil when it cannot be told.
    case inUse(directory: String, processID: Int?)
    /// A file was written by a later version of Skein.
    case unsupportedVersion(path: String, found: UInt32, supported: UInt32)
    /// A name, size or other setting that cannot be.
    case invalid(message: String)

    /// Whether the same call may succeed later without anything being changed.
    package var isRetryable: Bool {
        switch self {
        case .busy, .full, .diskFull, .io, .closed: true
        case .tooLarge, .inUse, .unsupportedVersion, .invalid: false
        }
    }

    init(_ error: FileError) {
        self = error.isFull ? .diskFull(message: error.description) : .io(message: error.description)
    }
}

/// Runs file operations and gives their error as the journal's.
func journalErrors<Result>(_ body: () throws(FileError) -> Result) throws(JournalError) -> Result {
    do throws(FileError) { return try body() } catch { throw JournalError(error) }
}

extension JournalError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .busy(let queued, let limit):
            "journal is busy: \(queued) bytes wait to be written, at most \(limit) may"
        case .full(let message), .diskFull(let message), .io(let message), .invalid(let message): message
        case .closed: "journal takes no appends: it is not started or shuts down"
        case .tooLarge(let bytes, let limit): "journal record of \(bytes) bytes, at most \(limit) are possible"
        case .inUse(let directory, let processID):
            "data directory \(directory) is in use by process \(processID.map { "\($0)" } ?? "unknown")"
        case .unsupportedVersion(let path, let found, let supported):
            "\(path) has journal format version \(found), this program reads up to version \(supported)"
        }
    }
}
