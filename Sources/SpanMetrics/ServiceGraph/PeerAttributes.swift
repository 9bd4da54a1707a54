import OTLP

/// Finds in one pass the attributes of a client's span that say whom it asked.
struct PeerAttributes: Sendable {
    /// The names for a database, then those for other peers, each in the order in which they count.
    private struct Name: Sendable {
        /// Where it is in `text`.
        var start: Int
        var count: Int
        var first: UInt8
    }

    /// An attribute whose key is as long as one of the names.
    struct Candidate: Sendable {
        /// Of the batch's attributes.
        let row: UInt32
        /// Of its key.
        fileprivate let offset: UInt32
        /// Of the value, where it is a text; else empty.
        fileprivate let value: ByteRange
        /// The end of the value and the first byte of the key, once ``read(_:of:)`` has read them.
        fileprivate(set) var lastBytes: UInt64 = 0
        fileprivate var first: UInt8 = 0
    }

    private let names: [Name]
    /// All names, end to end.
    private let text: [UInt8]
    private let databaseNames: Int
    /// Bit n is set when a name has n bytes, the last one for all that are longer.
    private let lengths: UInt64

    init(database: [String], peer: [String]) {
        var text: [UInt8] = []
        names = (database + peer).filter { !$0.isEmpty }.map { name in
            defer { text.append(contentsOf: name.utf8) }
            return Name(start: text.count, count: name.utf8.count, first: name.utf8.first ?? 0)
        }
        self.text = text
        databaseNames = database.count { !$0.isEmpty }
        lengths = names.reduce(0) { $0 | 1 << UInt64(min($1.count, 63)) }
    }

    // For several spans each step is taken for all before the next one. Their attributes and bytes are often in no cache
    // yet, and what such a loop reads the processor fetches side by side.

    /// Whether one of a span's attributes has a key as long as one of the names.
    @inline(__always)
    func mayBe(in rows: RowRange, of batch: SpanBatch) -> Bool {
        batch.attributes.withUnsafeBufferPointer { attributes in
            var found: UInt64 = 0
            for index in rows.indices { found |= 1 &<< UInt64(min(attributes[index].key.count, 63)) }
            return found & lengths != 0
        }
    }

    /// Adds the attributes of a span that may be one of those that are looked for.
    func gather(_ rows: RowRange, of batch: SpanBatch, to candidates: inout [Candidate]) {
        batch.attributes.withUnsafeBufferPointer { attributes in
            for index in rows.indices {
                let row = attributes[index]
                guard lengths &>> UInt64(min(row.key.count, 63)) & 1 != 0 else { continue }
                candidates.append(
                    Candidate(
                        row: UInt32(truncatingIfNeeded: index), offset: row.key.offset,
                        value: row.kind == .string ? row.slice : .empty))
            }
        }
    }

    func read(_ candidates: inout [Candidate], of batch: SpanBatch) {
        batch.bytes.withUnsafeBufferPointer { bytes in
            candidates.withUnsafeMutableBufferPointer { candidates in
                for index in candidates.indices {
                    candidates[index].first = bytes[Int(candidates[index].offset)]
                    candidates[index].lastBytes = candidates[index].value.lastBytes(of: batch)
                }
            }
        }
    }

    /// The first of each that has a value.
    @inline(__always)
    func find(_ candidates: ArraySlice<Candidate>, of batch: SpanBatch) -> (database: Candidate?, peer: Candidate?) {
        var database: (found: Candidate?, rank: Int) = (nil, Int.max)
        var peer: (found: Candidate?, rank: Int) = (nil, Int.max)
        for candidate in candidates {
            let row = batch.attributes[Int(candidate.row)]
            for rank in names.indices where names[rank].first == candidate.first {
                guard isEqual(row.key, names[rank], batch), Self.hasValue(row) else { continue }
                // Of attributes with one key the first counts.
                if rank < databaseNames {
                    if rank < database.rank { database = (candidate, rank) }
                } else if rank < peer.rank {
                    peer = (candidate, rank)
                }
            }
        }
        return (database.found, peer.found)
    }

    @inline(__always)
    private func isEqual(_ key: ByteRange, _ name: Name, _ batch: SpanBatch) -> Bool {
        guard Int(key.count) == name.count else { return false }
        return batch.bytes.withUnsafeBytes { bytes in
            text.withUnsafeBytes { ByteEquality.isEqual(bytes, Int(key.offset), $0, name.start, name.count) }
        }
    }

    private static func hasValue(_ row: AttributeRow) -> Bool {
        switch row.kind {
        case .absent, .empty: false
        case .string: !row.slice.isEmpty
        default: true
        }
    }
}
