/// Chunks in order, oldest first, with a count of their records.
struct ChunkList {
    private var chunks: [RecordChunk?] = []
    private var head = 0
    private(set) var recordCount = 0
    private(set) var byteCount = 0

    var first: RecordChunk? { head < chunks.count ? chunks[head] : nil }

    mutating func append(_ chunk: RecordChunk) {
        chunks.append(chunk)
        count(chunk, 1)
    }

    /// Puts a chunk that was not used up back.
    mutating func prepend(_ chunk: RecordChunk) {
        if head > 0 {
            head -= 1
            chunks[head] = chunk
        } else {
            chunks.insert(chunk, at: 0)
        }
        count(chunk, 1)
    }

    mutating func popFirst() -> RecordChunk? {
        guard let chunk = first else { return nil }
        chunks[head] = nil
        head += 1
        if head == chunks.count {
            chunks.removeAll(keepingCapacity: true)
            head = 0
        }
        count(chunk, -1)
        return chunk
    }

    /// Takes chunks until they hold `records` records, the last of which may hold more, or 4 MiB: collectors take
    /// requests of that size.
    mutating func take(records: Int) -> [RecordChunk] {
        var taken: [RecordChunk] = []
        var left = records
        var bytesLeft = Self.batchBytesMax
        while left > 0, let chunk = first, taken.isEmpty || chunk.byteCount <= bytesLeft, let next = popFirst() {
            left -= next.recordCount
            bytesLeft -= next.byteCount
            taken.append(next)
        }
        return taken
    }

    /// Whether a batch cannot grow further.
    func holdsBatch(of records: Int) -> Bool {
        recordCount >= records || byteCount >= Self.batchBytesMax
    }

    /// Forgets the oldest record and returns the chunk it was in, which is taken out when it is empty.
    mutating func dropFirstRecord() -> RecordChunk? {
        guard let chunk = popFirst() else { return nil }
        _ = chunk.take(1)
        if chunk.recordCount > 0 { prepend(chunk) }
        return chunk
    }

    private static let batchBytesMax = 4 << 20

    private mutating func count(_ chunk: RecordChunk, _ sign: Int) {
        recordCount += sign * chunk.recordCount
        byteCount += sign * chunk.byteCount
    }
}
