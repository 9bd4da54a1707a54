import TraceStorage

/// The digests of the last minutes.
///
/// Time is the requests' received-at, so that the table is the same after it was rebuilt from the journal.
struct DuplicateTable {
    enum Match: Equatable {
        case none
        /// A request with this digest is being written.
        case pending
        case known(JournalPosition)
    }

    private struct Entry {
        let receivedAt: UInt64
        /// Nil while the record is being written.
        let position: JournalPosition?
    }

    private let windowNanoseconds: UInt64
    private let entriesMax: Int
    private var entries: [RequestDigest: Entry] = [:]
    /// Written ones from old to new. A digest that came again after its time stands here twice for a while.
    private var order = FIFO<(digest: RequestDigest, position: JournalPosition, receivedAt: UInt64)>()

    init(window: Duration, entriesMax: Int) {
        windowNanoseconds = window.wholeNanoseconds
        self.entriesMax = entriesMax
    }

    var count: Int { entries.count }

    func match(_ digest: RequestDigest, receivedAt: UInt64) -> Match {
        guard let entry = entries[digest] else { return .none }
        guard let position = entry.position else { return .pending }
        return isExpired(entry.receivedAt, at: receivedAt) ? .none : .known(position)
    }

    mutating func begin(_ digest: RequestDigest, receivedAt: UInt64) {
        entries[digest] = Entry(receivedAt: receivedAt, position: nil)
    }

    /// The record was not written.
    mutating func forget(_ digest: RequestDigest) {
        entries[digest] = nil
    }

    /// The record was written, or found when the journal was opened.
    mutating func insert(_ digest: RequestDigest, position: JournalPosition, receivedAt: UInt64) {
        entries[digest] = Entry(receivedAt: receivedAt, position: position)
        order.append((digest, position, receivedAt))
        while let oldest = order.first, order.count > entriesMax || isExpired(oldest.receivedAt, at: receivedAt) {
            order.popFirst()
            if entries[oldest.digest]?.position == oldest.position { entries[oldest.digest] = nil }
        }
    }

    private func isExpired(_ receivedAt: UInt64, at now: UInt64) -> Bool {
        now > receivedAt && now - receivedAt >= windowNanoseconds
    }
}
