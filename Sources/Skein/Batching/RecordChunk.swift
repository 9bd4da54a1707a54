/// Memory for encoded records, one after the other, with a first one that was not taken yet.
///
/// Unchecked because a chunk has one owner at a time: a stripe, the queue or the exporting thread, which hand it over
/// under their locks.
final class RecordChunk: @unchecked Sendable {
    private let base: UnsafeMutableRawPointer
    /// Bytes it has room for.
    let capacity: Int
    // The owner has exclusive access, which the compiler need not check again.
    @exclusivity(unchecked) private var count = 0
    @exclusivity(unchecked) private var takenBytes = 0
    /// Records in it that were not taken.
    @exclusivity(unchecked) private(set) var recordCount = 0
    /// When the first record came in.
    @exclusivity(unchecked) private(set) var openedAt = MonotonicTime.distantPast
    /// Its place in the order of the queue.
    @exclusivity(unchecked) var sequence: UInt64 = 0

    init(capacity: Int) {
        self.capacity = capacity
        base = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit {
        base.deallocate()
    }

    /// Bytes left for further records.
    @inline(__always)
    var room: Int { capacity - count }

    /// Bytes of the records that were not taken.
    var byteCount: Int { count - takenBytes }

    /// Adds a record of exactly `size` bytes, which must fit.
    @inline(__always)
    func append(_ size: Int, _ write: (inout WireCursor) -> Void) {
        precondition(size <= room, "a record is added where it fits")
        if recordCount == 0 { openedAt = .now }
        var cursor = WireCursor(base + count)
        write(&cursor)
        count += size
        recordCount += 1
        precondition(cursor.pointer == base + count, "a record is as large as it was measured")
    }

    /// Takes up to `max` records off its beginning; their bytes stay valid until the chunk is cleared.
    ///
    /// A record is a length-delimited field with a one-byte tag.
    func take(_ max: Int) -> (records: Int, bytes: UnsafeRawBufferPointer) {
        let start = takenBytes
        let records = min(max, recordCount)
        if records == recordCount {
            takenBytes = count
        } else {
            for _ in 0..<records { takenBytes = endOfField(at: takenBytes) }
        }
        recordCount -= records
        return (records, UnsafeRawBufferPointer(start: base + start, count: takenBytes - start))
    }

    /// Forgets what is in it.
    func removeAll() {
        count = 0
        takenBytes = 0
        recordCount = 0
    }

    private func endOfField(at start: Int) -> Int {
        var index = start + 1
        var length = 0
        var shift = 0
        while true {
            let byte = base.load(fromByteOffset: index, as: UInt8.self)
            index += 1
            length |= Int(byte & 0x7F) << shift
            if byte < 0x80 { return index + length }
            shift += 7
        }
    }
}
