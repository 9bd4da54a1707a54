import TraceStorage

/// The newest entries in memory, for readers that are up to date; positions follow one another without a gap.
struct RecentEntries {
    private let bytesMax: Int
    private var entries = FIFO<JournalEntry>()
    private var bytes = 0

    init(bytesMax: Int) {
        self.bytesMax = bytesMax
    }

    /// The oldest position held; nil when there is none.
    var first: JournalPosition? { entries.first?.position }
    var memoryBytes: Int { bytes }

    mutating func append(_ entry: JournalEntry) {
        if let first, entry.position.rawValue != first.rawValue + UInt64(entries.count) { removeAll() }
        entries.append(entry)
        bytes += entry.batch.memoryBytes
        while bytes > bytesMax, let oldest = entries.popFirst() { bytes -= oldest.batch.memoryBytes }
    }

    /// Entries from a position that is held on, at least one.
    func entries(from position: JournalPosition, maxRecords: Int, maxBytes: Int) -> [JournalEntry] {
        guard let first, position >= first else { return [] }
        var result: [JournalEntry] = []
        var taken = 0
        for index in Int(position.rawValue - first.rawValue)..<entries.count where result.count < max(1, maxRecords) {
            let entry = entries[index]
            taken += entry.batch.bytes.count
            if taken > maxBytes, !result.isEmpty { break }
            result.append(entry)
        }
        return result
    }

    /// Forgets entries that every reader has been given.
    mutating func removeAll(through position: JournalPosition) {
        while let first = entries.first, first.position <= position {
            entries.popFirst()
            bytes -= first.batch.memoryBytes
        }
    }

    mutating func removeAll() {
        entries = FIFO()
        bytes = 0
    }
}
