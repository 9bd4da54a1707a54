import TraceStorage

/// The newest entries in memory, for readers that are up to date; positions follow one another without a gap.
struct RecentEntries {
    private let bytesMax: Int
    private var entries = FIFO<Recent>()
    private var bytes = 0
    /// Of all entries that were ever appended.
    private var total = 0

    private struct Recent {
        let entry: JournalEntry
        let memoryBytes: Int
        /// Of all entries up to and with this one.
        let total: Int
    }

    init(bytesMax: Int) {
        self.bytesMax = bytesMax
    }

    /// The oldest position held; nil when there is none.
    var first: JournalPosition? { entries.first?.entry.position }
    var memoryBytes: Int { bytes }

    mutating func append(_ entry: JournalEntry) {
        if let first, entry.position.rawValue != first.rawValue + UInt64(entries.count) { removeAll() }
        let memoryBytes = entry.batch.memoryBytes
        total += memoryBytes
        bytes += memoryBytes
        entries.append(Recent(entry: entry, memoryBytes: memoryBytes, total: total))
        while bytes > bytesMax, let oldest = entries.popFirst() { bytes -= oldest.memoryBytes }
    }

    /// Bytes of what is held behind a position; as many as may be held, when something behind it is gone.
    func memoryBytes(after position: JournalPosition) -> Int {
        guard let first = self.first, first.rawValue <= position.rawValue + 1 else { return bytesMax }
        let index = Int(position.rawValue + 1 - first.rawValue)
        guard index < entries.count else { return 0 }
        return total - entries[index].total + entries[index].memoryBytes
    }

    /// Entries from a position that is held on, at least one.
    func entries(from position: JournalPosition, maxRecords: Int, maxBytes: Int) -> [JournalEntry] {
        guard let first, position >= first else { return [] }
        var result: [JournalEntry] = []
        var taken = 0
        for index in Int(position.rawValue - first.rawValue)..<entries.count where result.count < max(1, maxRecords) {
            let entry = entries[index].entry
            taken += entry.batch.bytes.count
            if taken > maxBytes, !result.isEmpty { break }
            result.append(entry)
        }
        return result
    }

    /// Forgets entries that every reader has been given.
    mutating func removeAll(through position: JournalPosition) {
        while let first = entries.first, first.entry.position <= position {
            entries.popFirst()
            bytes -= first.memoryBytes
        }
    }

    mutating func removeAll() {
        entries = FIFO()
        bytes = 0
    }
}
