import TraceStorage

/// What opening a journal found and did.
package struct RecoveryReport: Sendable, Hashable {
    /// The end of the last segment that held no whole record and was cut off.
    package struct Truncation: Sendable, Hashable, CustomStringConvertible {
        package let path: String
        /// The file's new size.
        package let offset: Int
        package let bytes: Int
        package let reason: String

        package var description: String { "\(path): cut \(bytes) bytes at offset \(offset): \(reason)" }
    }

    /// A stretch of a segment that holds no readable record and has readable ones behind it.
    package struct Damage: Sendable, Hashable, CustomStringConvertible {
        package let path: String
        package let offset: Int
        package let bytes: Int
        /// Positions that are gone with it.
        package let records: Int
        package let reason: String
        /// Their spans, as far as their headers still tell.
        package var spans = 0

        package var description: String {
            "\(path): \(bytes) bytes at offset \(offset) skipped, \(records) records lost: \(reason)"
        }
    }

    package var segments = 0
    package var records = 0
    package var spans = 0
    package var bytes = 0
    /// Digests that are known again.
    package var digests = 0
    package var truncations: [Truncation] = []
    package var damages: [Damage] = []
    /// Positions between two segments that no file holds, because the disk lost the end of the first one without a
    /// trace or a file was taken away.
    package var missingRecords = 0
    /// The cursor file could not be used, and why; readers without a cursor of their own start at the oldest record.
    package var cursorDefect: String?

    package init() {}

    package var truncatedBytes: Int { truncations.reduce(0) { $0 + $1.bytes } }
    package var lostRecords: Int { damages.reduce(0) { $0 + $1.records } }
    package var lostSpans: Int { damages.reduce(0) { $0 + $1.spans } }
}
