import OTLP

/// Finds in one pass the attributes of a client's span that say whom it asked.
struct PeerAttributes: Sendable {
    /// The names for a database, then those for other peers, each in the order in which they count.
    private let names: [[UInt8]]
    private let databaseNames: Int
    /// Bit n is set when a name has n bytes, the last one for all that are longer.
    private let lengths: UInt64

    init(database: [String], peer: [String]) {
        names = (database + peer).map { Array($0.utf8) }
        databaseNames = database.count
        lengths = names.reduce(0) { $0 | 1 << UInt64(min($1.count, 63)) }
    }

    /// Rows of the batch's attributes; -1 where the span has none with a value.
    @inline(__always)
    func find(_ rows: RowRange, of batch: SpanBatch) -> (database: Int, peer: Int) {
        var database = (row: -1, rank: Int.max)
        var peer = (row: -1, rank: Int.max)
        for index in rows.indices {
            let key = batch.attributes[index].key
            guard lengths >> UInt64(min(key.count, 63)) & 1 != 0 else { continue }
            for rank in names.indices where names[rank].count == Int(key.count) {
                guard batch.equals(key, names[rank]), Self.hasValue(batch.attributes[index]) else { continue }
                // Of attributes with one key the first counts.
                if rank < databaseNames {
                    if rank < database.rank { database = (index, rank) }
                } else if rank < peer.rank {
                    peer = (index, rank)
                }
            }
        }
        return (database.row, peer.row)
    }

    private static func hasValue(_ row: AttributeRow) -> Bool {
        switch row.kind {
        case .absent, .empty: false
        case .string: !row.slice.isEmpty
        default: true
        }
    }
}
