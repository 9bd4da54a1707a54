/// When an append is acknowledged and when the disk is told to keep it.
package enum JournalDurability: String, CaseIterable, Sendable {
    /// Acknowledged after the write; the disk is told at most ``JournalConfiguration/syncInterval`` later. The death of
    /// the process loses nothing, the loss of power at most that time.
    case interval
    /// Acknowledged after the disk was told: the loss of power loses nothing either.
    case fsync
    /// Acknowledged after the write; when it reaches the disk is the operating system's business.
    case os
}

/// Where the journal lies and what it may take.
package struct JournalConfiguration: Sendable {
    /// Made when absent. Nothing else may be kept in it.
    package var directory: String
    package var durability = JournalDurability.interval

    /// Time between two calls that make writes durable under ``JournalDurability/interval``. 100 ms is what the loss of
    /// power may cost by default; shorter costs more disk operations.
    package var syncInterval: Duration = .milliseconds(100)

    /// Bytes of all segments. When readers that must not skip hold more, appends fail as
    /// ``JournalError/full(message:)``.
    package var maxBytes = 1 << 30

    /// Bytes at which a segment is followed by the next, and so the grain in which disk space is given back. Never more
    /// than a quarter of ``maxBytes``; a record larger than a segment has a segment of its own.
    package var segmentBytesMax = 64 << 20

    /// Bytes by which room on the disk is taken ahead of the records, so that few appends change a file's size and none
    /// finds the disk full in its middle. Never past the segment's end or ``maxBytes``; an idle journal holds on to no
    /// more than this. 0 lets files grow with every write.
    package var allocationBytes = 8 << 20

    /// Bytes of segments that are kept, for as long as their records could be sent again, after all readers have
    /// passed them: a start after a crash knows duplicates only from what is in the journal. Never more than a quarter
    /// of ``maxBytes``.
    package var historyBytes = 128 << 20

    /// Bytes that may wait for the writer. 64 MiB are half a second of a slow disk; past it appends fail as
    /// ``JournalError/busy(queuedBytes:limitBytes:)``.
    package var queueBytesMax = 64 << 20

    /// Bytes of decoded batches kept for readers that are up to date. A reader further behind reads the disk.
    package var recentBytesMax = 32 << 20

    /// Bytes a second that are written at least while a reader that must not skip is about to leave the batches in
    /// memory, so that it can keep up: as fast as a slow core stores and derives. Less, in proportion, as that reader
    /// brings the journal nearer to its cap. 0 never waits for readers.
    package var crowdedBytesPerSecond = 100_000_000

    /// How long a digest is known, by received-at: longer than any exporter retries a request.
    package var duplicateWindow: Duration = .seconds(600)

    /// Digests known at once: ten minutes of 1,000 requests a second, in 24 MB. The oldest is forgotten first.
    package var duplicatesMax = 600_000

    /// Time between two writes of the readers' cursors: how much a forwarder sends again after a crash.
    package var cursorInterval: Duration = .seconds(1)

    /// Time between two looks at how old a waiting reader's records are; only while a reader has such a limit and is
    /// behind.
    package var ageCheckInterval: Duration = .seconds(1)

    package init(directory: String) {
        self.directory = directory
    }

    /// The directory's own path with a file's name.
    func path(_ name: String) -> String { directory + "/" + name }

    var segmentBytes: Int { min(segmentBytesMax, maxBytes / 4) }
    /// Bytes in one write, unless a record is larger, so that the first of many waiting appends is not acknowledged after
    /// the last, and readers do not fall out of memory by one group.
    var groupBytes: Int { recentBytesMax > 0 ? min(4 << 20, recentBytesMax / 4) : 4 << 20 }
    var keptBytes: Int { min(historyBytes, maxBytes / 4) }

    func validate() throws(JournalError) {
        guard !directory.isEmpty else { throw .invalid(message: "journal directory is empty, expected a path") }
        guard maxBytes >= Self.bytesMin else {
            throw .invalid(message: "journal max_bytes is \(maxBytes), expected at least \(Self.bytesMin)")
        }
        guard segmentBytesMax >= Self.segmentBytesMin, segmentBytesMax <= Self.segmentBytesLimit else {
            throw .invalid(
                message: "journal segment of \(segmentBytesMax) bytes, expected \(Self.segmentBytesMin) to "
                    + "\(Self.segmentBytesLimit)")
        }
        guard queueBytesMax > 0, recentBytesMax >= 0, historyBytes >= 0, duplicatesMax >= 0,
            allocationBytes >= 0, crowdedBytesPerSecond >= 0
        else {
            throw .invalid(message: "journal sizes must not be negative")
        }
    }

    /// A journal smaller than this could not hold four segments of the smallest size.
    package static let bytesMin = 16 << 10
    /// Below this a segment is little but its header.
    package static let segmentBytesMin = 4 << 10
    /// Offsets within a segment are 32 bits wide, and a record may lie behind this mark.
    package static let segmentBytesLimit = 1 << 30
}
