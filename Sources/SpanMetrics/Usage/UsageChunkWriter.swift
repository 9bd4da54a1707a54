import OTLP
import TraceStorage

/// Records that wait to be written, already as a chunk of ``UsageChunk`` has them: a third of the room, and nothing to
/// be retained.
struct UsageChunkWriter: Sendable {
    /// Records of a chunk: a query passes over whole chunks, and reads one at a time.
    static let recordsMax = 16_384

    private(set) var count = 0
    private var hasOtherCosts = false
    private var times = ClosedRange<UInt64>(uncheckedBounds: (.max, .max))
    /// The texts, each as a block. One that comes with several tables is there for each of them.
    private var textBlocks: [UInt8] = []
    private var textCount = 0
    /// The records, up to `bodyBytes`, and room for more.
    private var body: [UInt8] = []
    private var bodyBytes = 0
    /// By the number of a text in the table that records come with: its number here + 1, or 0 where it has none.
    private var known: [UInt32] = []
    private var knownTable: UInt64 = 0
    private var lastTenant: (id: TenantID, number: UInt64)?

    /// Begins a chunk anew in the room that it has.
    mutating func clear() {
        count = 0
        hasOtherCosts = false
        textBlocks.removeAll(keepingCapacity: true)
        textCount = 0
        bodyBytes = 0
        known.removeAll(keepingCapacity: true)
        knownTable = 0
        lastTenant = nil
    }

    /// Numbers of the texts of a record.
    private static let numbersMax = 8 + GenAIConfiguration.attributionsMax
    /// 50 bytes of fixed size, 11 varints and those of the texts, 10 bytes each.
    private static let recordBytesMax = 50 + 10 * (11 + numbersMax)

    /// Far below what a reader takes, ``UsageChunk/bytesMax``.
    private static let bytesMax = 16 << 20

    var isFull: Bool { count >= Self.recordsMax || textBlocks.count + bodyBytes >= Self.bytesMax }

    /// - Parameter table: Of the entry's texts.
    mutating func append(_ entry: UsageEntry, of tenant: TenantID, _ table: TextTable) {
        times =
            count == 0
            ? entry.time...entry.time : min(times.lowerBound, entry.time)...max(times.upperBound, entry.time)
        count += 1
        if knownTable != table.identity || known.count < table.textCount { know(table) }
        if body.count < bodyBytes + Self.recordBytesMax {
            body.append(contentsOf: repeatElement(0, count: body.count + 16 * Self.recordBytesMax))
        }
        // Apart, as numbers are given to texts while it is written.
        var room: [UInt8] = []
        swap(&room, &body)
        room.withUnsafeMutableBytes { room in
            var writer = ByteRoom(UnsafeMutableRawBufferPointer(rebasing: room[bodyBytes...]))
            write(entry, of: tenant, table, to: &writer)
            bodyBytes += writer.count
        }
        swap(&room, &body)
    }

    @inline(__always)
    private mutating func write(
        _ entry: UsageEntry, of tenant: TenantID, _ table: TextTable, to writer: inout ByteRoom
    ) {
        writer.fixed(entry.kind.rawValue)
        writer.varint(number(of: tenant))
        writer.varint(entry.time)
        writer.fixed(entry.traceID.high)
        writer.fixed(entry.traceID.low)
        writer.fixed(entry.spanID.rawValue)
        writer.varint(entry.calls)
        writer.varint(entry.errors)
        for bucket in entry.tokens.counts.indices { writer.varint(entry.tokens.counts[bucket]) }
        writer.fixed(entry.cost.bitPattern)
        if entry.otherCost == 0 {
            writer.fixed(entry.costSource.code)
        } else {
            hasOtherCosts = true
            writer.fixed(entry.costSource.code | UsageChunk.otherCostFlag)
            writer.fixed(entry.otherCost.bitPattern)
        }
        writer.varint(number(of: entry.service, table))
        writer.varint(number(of: entry.agent, table))
        writer.varint(number(of: entry.operation, table))
        writer.varint(number(of: entry.provider, table))
        writer.varint(number(of: entry.model, table))
        writer.varint(number(of: entry.conversation, table))
        let count = min(table.memberCount(entry.attribution.list), GenAIConfiguration.attributionsMax)
        writer.varint(UInt64(count))
        for key in 0..<count { writer.varint(number(of: table.value(key, of: entry.attribution), table)) }
    }

    private mutating func know(_ table: TextTable) {
        if knownTable != table.identity { known.removeAll(keepingCapacity: true) }
        knownTable = table.identity
        known.append(contentsOf: repeatElement(0, count: table.textCount * 3 / 2 - known.count))
    }

    @inline(__always)
    private mutating func number(of text: TextNumber, _ table: TextTable) -> UInt64 {
        let number = known[Int(text.index)]
        return number != 0 ? UInt64(number - 1) : newNumber(of: text, table)
    }

    private mutating func newNumber(of text: TextNumber, _ table: TextTable) -> UInt64 {
        table.appendBlock(text, to: &textBlocks)
        textCount += 1
        known[Int(text.index)] = UInt32(textCount)
        return UInt64(textCount - 1)
    }

    private mutating func number(of tenant: TenantID) -> UInt64 {
        if let lastTenant, lastTenant.id == tenant { return lastTenant.number }
        var name = tenant.name
        name.withUTF8 { SeriesTableKey.appendBlock(UnsafeRawBufferPointer($0), to: &textBlocks) }
        textCount += 1
        lastTenant = (tenant, UInt64(textCount - 1))
        return UInt64(textCount - 1)
    }

    /// The chunk without its header.
    ///
    /// - Parameters:
    ///   - position: What the file has everything up to, with this chunk.
    ///   - names: The attribution keys of the records.
    func payload(position: JournalPosition, names: [String]) -> [UInt8] {
        var payload = ByteWriter()
        write(to: &payload, position: position, names: names)
        return payload.bytes
    }

    func chunk(position: JournalPosition, names: [String]) -> [UInt8] {
        var chunk = ByteWriter()
        chunk.reserve(UsageChunk.headerBytes + textBlocks.count + bodyBytes + 4_096)
        chunk.raw(UsageChunk.magic)
        chunk.fixed(hasOtherCosts ? UsageChunk.versionWithOtherCosts : UsageChunk.version)
        // Length and checksum of what follows, once it is there.
        chunk.fixed(UInt64(0))
        write(to: &chunk, position: position, names: names)
        chunk.set(UInt32(chunk.bytes.count - UsageChunk.headerBytes), at: UsageChunk.headerBytes - 8)
        chunk.set(
            DerivedCheckpoint.checksum(chunk.bytes[UsageChunk.headerBytes...]), at: UsageChunk.headerBytes - 4)
        return chunk.bytes
    }

    private func write(to payload: inout ByteWriter, position: JournalPosition, names: [String]) {
        payload.varint(position.rawValue)
        payload.varint(UInt64(count))
        payload.varint(count == 0 ? 0 : times.lowerBound)
        payload.varint(count == 0 ? 0 : times.upperBound)
        payload.varint(UInt64(names.count))
        for name in names { payload.block(name.utf8) }
        payload.varint(UInt64(textCount))
        payload.raw(textBlocks)
        payload.raw(body[..<bodyBytes])
    }
}
