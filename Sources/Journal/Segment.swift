import TraceStorage

/// A segment as the journal knows it in memory: which records it holds and where.
///
/// Costs 8 bytes for each record, so that lag, skips and seeks are exact without a look at the disk.
struct Segment: Sendable {
    let first: JournalPosition
    let path: String
    /// Bytes, spans and records in all segments before this one, since the journal was opened.
    let before: JournalVolume
    /// Bytes of the file that hold segment header and records.
    private(set) var endOffset: Int
    /// Bytes that the file takes, when room was taken ahead of the records.
    var allocatedBytes = 0
    /// Received-at of the newest record.
    private(set) var newestReceivedAt: UInt64 = 0

    /// Where each record starts, from `first` on. A position whose record is damaged has the start of the one after it.
    private var starts: [UInt32] = []
    /// Spans of this segment up to and with each record.
    private var spanSums: [UInt32] = []
    /// Stretches of records that came within a second, from old to new, for skips by age.
    private var stretches: [Stretch] = []

    /// Records behind the stretch before, up to and with `last`.
    private struct Stretch: Sendable {
        var last: JournalPosition
        let oldestReceivedAt: UInt64
        var newestReceivedAt: UInt64
    }

    /// Received-at of one stretch's records, in nanoseconds: how much later than its time a record may be skipped.
    private static let stretchNanoseconds: UInt64 = 1_000_000_000

    init(first: JournalPosition, path: String, before: JournalVolume) {
        self.first = first
        self.path = path
        self.before = before
        endOffset = SegmentFormat.headerBytes
    }

    /// The last position; the one before `first` while the segment is empty.
    var last: JournalPosition { JournalPosition(first.rawValue &+ UInt64(starts.count) &- 1) }
    var isEmpty: Bool { starts.isEmpty }
    var fileBytes: Int { max(endOffset, allocatedBytes) }

    /// Everything up to the end of this segment.
    var total: JournalVolume {
        JournalVolume(
            bytes: before.bytes + endOffset - SegmentFormat.headerBytes,
            spans: before.spans + Int(spanSums.last ?? 0), records: before.records + starts.count)
    }

    /// Adds a record. Positions between the last one and this one have none.
    mutating func append(position: JournalPosition, start: Int, bytes: Int, spans: UInt32, receivedAt: UInt64) {
        let missing = Int(position.rawValue - last.rawValue - 1)
        let spansBefore = spanSums.last ?? 0
        for _ in 0..<missing {
            starts.append(UInt32(start))
            spanSums.append(spansBefore)
        }
        starts.append(UInt32(start))
        spanSums.append(spansBefore &+ spans)
        endOffset = start + bytes
        newestReceivedAt = max(newestReceivedAt, receivedAt)
        extendStretches(to: position, receivedAt)
    }

    private mutating func extendStretches(to position: JournalPosition, _ receivedAt: UInt64) {
        if var stretch = stretches.last, receivedAt < stretch.oldestReceivedAt &+ Self.stretchNanoseconds {
            stretch.last = position
            stretch.newestReceivedAt = max(stretch.newestReceivedAt, receivedAt)
            stretches[stretches.count - 1] = stretch
        } else {
            stretches.append(Stretch(last: position, oldestReceivedAt: receivedAt, newestReceivedAt: receivedAt))
        }
    }

    /// The last position with nothing at or before it that was received later than `limit`, to the second; nil when
    /// there is none.
    func lastPosition(receivedBefore limit: UInt64) -> JournalPosition? {
        stretches.prefix { $0.newestReceivedAt < limit }.last?.last
    }

    /// When the first record behind a position was received, to the second; nil when there is none.
    func oldestReceivedAt(after position: JournalPosition) -> UInt64? {
        var low = 0
        var high = stretches.count
        while low < high {
            let middle = (low + high) / 2
            if stretches[middle].last <= position { low = middle + 1 } else { high = middle }
        }
        return low < stretches.count ? stretches[low].oldestReceivedAt : nil
    }

    /// Offsets of the records from one position to another, both in this segment. Damaged ones are empty.
    func range(of position: JournalPosition) -> Range<Int> {
        let index = Int(position.rawValue - first.rawValue)
        return Int(starts[index])..<(index + 1 < starts.count ? Int(starts[index + 1]) : endOffset)
    }

    func spans(at position: JournalPosition) -> Int {
        let index = Int(position.rawValue - first.rawValue)
        return Int(spanSums[index] &- (index == 0 ? 0 : spanSums[index - 1]))
    }

    /// Everything up to and with a position.
    func volume(through position: JournalPosition) -> JournalVolume {
        guard position >= first else { return before }
        guard position < last else { return total }
        let index = Int(position.rawValue - first.rawValue)
        return JournalVolume(
            bytes: before.bytes + Int(starts[index + 1]) - SegmentFormat.headerBytes,
            spans: before.spans + Int(spanSums[index]), records: before.records + index + 1)
    }
}

/// How much of the journal lies before some point.
struct JournalVolume: Sendable, Hashable {
    var bytes = 0
    var spans = 0
    var records = 0

    static func += (a: inout JournalVolume, b: JournalVolume) {
        a.bytes += b.bytes
        a.spans += b.spans
        a.records += b.records
    }

    static func - (a: JournalVolume, b: JournalVolume) -> JournalVolume {
        JournalVolume(
            bytes: max(0, a.bytes - b.bytes), spans: max(0, a.spans - b.spans), records: max(0, a.records - b.records))
    }
}
