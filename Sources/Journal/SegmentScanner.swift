import TraceStorage

/// Walks a segment file from its first to its last readable record.
///
/// A record whose header is intact and whose body is not is passed over. Where a header is damaged, every later offset
/// is tried until one holds a whole record of a position that fits: a flipped bit then costs one record and not all
/// behind it.
struct SegmentScanner {
    /// Bytes read at once, for many small records.
    private static let windowBytes = 64 << 10
    /// Bytes read at once for the header of a record among large ones.
    private static let headerWindowBytes = 4 << 10
    /// Zeros that are passed over together on the way through room without records.
    private static let zerosAtOnce = 64

    let file: any File
    let path: String
    let fileBytes: Int
    let first: JournalPosition
    /// The first position of the next segment; records from it on do not belong here.
    let limit: JournalPosition?
    /// Whether bodies are checked; headers always are.
    let verifiesBodies: Bool

    private(set) var segment: Segment
    private(set) var damages: [RecoveryReport.Damage] = []
    /// Why the bytes behind the last readable record are none.
    private(set) var tailDefect: RecordDefect?
    private var window: [UInt8] = []
    private var windowStart = 0
    private var lastRecordBytes = 0

    init(
        file: any File, path: String, first: JournalPosition, limit: JournalPosition?, before: JournalVolume,
        verifiesBodies: Bool
    ) throws(FileError) {
        self.file = file
        self.path = path
        self.first = first
        self.limit = limit
        self.verifiesBodies = verifiesBodies
        fileBytes = try file.size()
        segment = Segment(first: first, path: path, before: before)
    }

    /// Walks the whole file; `body` sees the header of each record.
    mutating func scan(_ body: (RecordHeader) -> Void) throws(FileError) {
        var offset = SegmentFormat.headerBytes
        var damageStart: Int?
        while offset < fileBytes {
            do throws(RecordDefect) {
                let header = try record(at: offset)
                if let start = damageStart { noteDamage(start..<offset, before: header.position) }
                damageStart = nil
                tailDefect = nil
                segment.append(
                    position: header.position, start: offset, bytes: header.recordBytes, spans: header.spanCount,
                    receivedAt: header.receivedAt)
                body(header)
                lastRecordBytes = header.recordBytes
                offset += header.recordBytes
            } catch {
                if let failure { throw failure }
                if tailDefect == nil { tailDefect = error }
                if error == .bodyChecksum, let header = try? header(at: offset) {
                    damagedSpans += Int(header.spanCount)
                }
                damageStart = damageStart ?? offset
                guard let next = try nextOffset(after: offset, error) else { return }
                offset = next
            }
        }
    }

    /// The bytes behind the last readable record.
    var tailBytes: Int { max(0, fileBytes - segment.endOffset) }

    /// Where the file's last byte that is not 0 lies, plus one, but at least `offset`. Behind it is room that was taken
    /// and not written.
    func writtenEnd(from offset: Int) throws(FileError) -> Int {
        var end = fileBytes
        while end > offset {
            let start = max(offset, end - Self.windowBytes)
            let bytes = try file.readBytes(at: start, count: end - start)
            if let last = bytes.lastIndex(where: { $0 != 0 }) { return start + last + 1 }
            end = start
        }
        return offset
    }

    // MARK: private

    private var failure: FileError?
    /// Spans of damaged records that are not noted yet, as far as a record's header still tells.
    private var damagedSpans = 0

    /// The record at an offset, checked.
    private mutating func record(at offset: Int) throws(RecordDefect) -> RecordHeader {
        let header = try header(at: offset)
        guard offset + header.recordBytes <= fileBytes else { throw .shortBody }
        guard header.position > segment.last, header.position < (limit ?? JournalPosition(.max)) else {
            throw .position
        }
        // Positions in a segment follow on one another, so every one before this has, or had, a record before this. A
        // larger number is wrong, and its index would have no bound. What lies behind the record does not count: it may
        // be cut off before the next look.
        let recordsMax = (offset - SegmentFormat.headerBytes) / RecordFormat.fixedBytes
        guard header.position.rawValue - first.rawValue <= UInt64(recordsMax) else { throw .position }
        if verifiesBodies, try bodyChecksum(header, at: offset) != header.bodyChecksum { throw .bodyChecksum }
        return header
    }

    private mutating func header(at offset: Int) throws(RecordDefect) -> RecordHeader {
        try load(offset, min(RecordFormat.headerBytesMax, fileBytes - offset))
        return try RecordHeader(parsing: window.span.bytes.extracting(offset - windowStart..<window.count))
    }

    private mutating func bodyChecksum(_ header: RecordHeader, at offset: Int) throws(RecordDefect) -> UInt32 {
        try load(offset, header.recordBytes)
        let start = offset - windowStart
        return window.span.bytes.extracting(start + header.headerBytes..<start + header.recordBytes).crc32c()
    }

    /// Has the window cover `count` bytes from `offset`, all of which lie in the file.
    private mutating func load(_ offset: Int, _ count: Int) throws(RecordDefect) {
        if offset >= windowStart, offset + count <= windowStart + window.count { return }
        do throws(FileError) {
            let ahead = lastRecordBytes < Self.windowBytes ? Self.windowBytes : Self.headerWindowBytes
            window = try file.readBytes(at: offset, count: min(max(count, ahead), fileBytes - offset))
            windowStart = offset
        } catch {
            failure = error
            throw .shortHeader
        }
        // The file shrank while it was read.
        if window.count < count { throw .shortBody }
    }

    /// Where to go on after a defect; nil when nothing behind it can be a record.
    private mutating func nextOffset(after offset: Int, _ defect: RecordDefect) throws(FileError) -> Int? {
        switch defect {
        case .bodyChecksum, .position, .undecodable:
            guard let header = try? header(at: offset) else { return nil }
            return offset + header.recordBytes
        case .shortBody: return nil
        case .shortHeader, .length, .headerChecksum, .segmentHeader: return try resynchronize(after: offset)
        }
    }

    /// The next offset that holds a whole record.
    private mutating func resynchronize(after offset: Int) throws(FileError) -> Int? {
        var candidate = offset + 1
        while candidate + RecordFormat.fixedBytes <= fileBytes {
            guard (try? load(candidate, RecordFormat.fixedBytes)) != nil else {
                if let failure { throw failure }
                return nil
            }
            if isZero(candidate) {
                // No record starts with a length of 0, which is four bytes.
                candidate += Self.zerosAtOnce - 3
                continue
            }
            let isRecord = mayStartRecord(candidate) && wholeRecord(at: candidate)
            if let failure { throw failure }
            if isRecord { return candidate }
            candidate += 1
        }
        return nil
    }

    /// Whether ``zerosAtOnce`` bytes from an offset in the window on are 0.
    private func isZero(_ offset: Int) -> Bool {
        let start = offset - windowStart
        guard start + Self.zerosAtOnce <= window.count else { return false }
        let bytes = window.span.bytes
        var bits: UInt64 = 0
        for step in stride(from: start, to: start + Self.zerosAtOnce, by: 8) {
            bits |= bytes.littleEndian(step, as: UInt64.self)
        }
        return bits == 0
    }

    /// A cheap look before the checksums.
    private func mayStartRecord(_ offset: Int) -> Bool {
        let bytes = window.span.bytes.extracting(offset - windowStart..<window.count)
        let length = Int(bytes.littleEndian(RecordFormat.Offset.length, as: UInt32.self))
        guard length >= RecordFormat.fixedBytes, offset + length <= fileBytes else { return false }
        let position = bytes.littleEndian(RecordFormat.Offset.position, as: UInt64.self)
        return position > segment.last.rawValue && position < (limit?.rawValue ?? .max)
    }

    private mutating func wholeRecord(at offset: Int) -> Bool {
        guard let header = try? record(at: offset) else { return false }
        return (try? bodyChecksum(header, at: offset)) == header.bodyChecksum
    }

    private mutating func noteDamage(_ range: Range<Int>, before position: JournalPosition) {
        damages.append(
            RecoveryReport.Damage(
                path: path, offset: range.lowerBound, bytes: range.count,
                records: Int(position.rawValue - segment.last.rawValue - 1),
                reason: (tailDefect ?? .headerChecksum).rawValue, spans: damagedSpans))
        damagedSpans = 0
    }
}
