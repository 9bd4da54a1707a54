import OTLP
import TraceStorage

/// Records that wait to be written, already as a chunk of ``UsageChunk`` has them: a third of the room, and nothing to
/// be retained.
struct UsageChunkWriter: Sendable {
    /// Records of a chunk: a query passes over whole chunks, and reads one at a time.
    static let recordsMax = 16_384

    private(set) var count = 0
    private var times = ClosedRange<UInt64>(uncheckedBounds: (.max, .max))
    private var texts = KeyTable(seed: .random(in: 0...(.max)))
    /// The records, up to `bodyBytes`, and room for more.
    private var body: [UInt8] = []
    private var bodyBytes = 0
    /// By the number of a text in the table that records come with: its number here + 1, or 0 where it has none.
    private var known: [UInt32] = []
    private var knownTable: UInt64 = 0
    private var lastTenant: (id: TenantID, number: UInt64)?
    /// Scratch of one record.
    private var numbers: [UInt64] = []

    /// Numbers of the texts of a record.
    private static let numbersMax = 8 + GenAIConfiguration.attributionsMax
    /// 42 bytes of fixed size, 11 varints and those of the texts, 10 bytes each.
    private static let recordBytesMax = 42 + 10 * (11 + numbersMax)

    /// Far below what a reader takes, ``UsageChunk/bytesMax``.
    private static let bytesMax = 16 << 20

    var isFull: Bool { count >= Self.recordsMax || texts.keyBytes + bodyBytes >= Self.bytesMax }

    /// - Parameter table: Of the entry's texts.
    mutating func append(_ entry: UsageEntry, of tenant: TenantID, _ table: TextTable) {
        times =
            count == 0
            ? entry.time...entry.time : min(times.lowerBound, entry.time)...max(times.upperBound, entry.time)
        count += 1
        if knownTable != table.identity || known.count < table.textCount { know(table) }
        numbers.removeAll(keepingCapacity: true)
        numbers.append(number(of: tenant))
        numbers.append(number(of: entry.service, table))
        numbers.append(number(of: entry.agent, table))
        numbers.append(number(of: entry.operation, table))
        numbers.append(number(of: entry.provider, table))
        numbers.append(number(of: entry.model, table))
        numbers.append(number(of: entry.conversation, table))
        let attributions = table.members(entry.attribution).prefix(GenAIConfiguration.attributionsMax)
        numbers.append(UInt64(attributions.count))
        for text in attributions { numbers.append(number(of: text, table)) }
        if body.count < bodyBytes + Self.recordBytesMax {
            body.append(contentsOf: repeatElement(0, count: body.count + 16 * Self.recordBytesMax))
        }
        bodyBytes += Self.write(entry, numbers, to: &body, at: bodyBytes)
    }

    private mutating func know(_ table: TextTable) {
        if knownTable != table.identity { known.removeAll(keepingCapacity: true) }
        knownTable = table.identity
        known.append(contentsOf: repeatElement(0, count: table.textCount * 3 / 2 - known.count))
    }

    /// - Parameter numbers: Of the texts; before those of the attribution their count.
    /// - Returns: Bytes written.
    private static func write(
        _ entry: UsageEntry, _ numbers: [UInt64], to body: inout [UInt8], at start: Int
    ) -> Int {
        body.withUnsafeMutableBytes { body in
            var writer = RoomWriter(room: body, end: start)
            writer.fixed(entry.kind.rawValue)
            writer.varint(numbers[0])
            writer.varint(entry.time)
            writer.fixed(entry.traceID.high)
            writer.fixed(entry.traceID.low)
            writer.fixed(entry.spanID.rawValue)
            writer.varint(entry.calls)
            writer.varint(entry.errors)
            for bucket in entry.tokens.counts.indices { writer.varint(entry.tokens.counts[bucket]) }
            writer.fixed(entry.cost.bitPattern)
            writer.fixed(entry.costSource.code)
            for number in numbers.dropFirst() { writer.varint(number) }
            return writer.end - start
        }
    }

    /// Writes where there is room for a record of any size.
    private struct RoomWriter {
        let room: UnsafeMutableRawBufferPointer
        var end = 0

        mutating func fixed(_ value: some FixedWidthInteger & BitwiseCopyable) {
            room.storeBytes(of: value.littleEndian, toByteOffset: end, as: type(of: value))
            end += MemoryLayout.size(ofValue: value)
        }

        mutating func varint(_ value: UInt64) {
            var rest = value
            while rest >= 0x80 {
                room[end] = UInt8(truncatingIfNeeded: rest) | 0x80
                rest >>= 7
                end += 1
            }
            room[end] = UInt8(truncatingIfNeeded: rest)
            end += 1
        }
    }

    @inline(__always)
    private mutating func number(of text: TextNumber, _ table: TextTable) -> UInt64 {
        let number = known[Int(text.index)]
        if number != 0 { return UInt64(number - 1) }
        let found = self.number(of: table.text(text))
        known[Int(text.index)] = UInt32(found + 1)
        return found
    }

    private mutating func number(of tenant: TenantID) -> UInt64 {
        if let lastTenant, lastTenant.id == tenant { return lastTenant.number }
        let number = number(of: tenant.name)
        lastTenant = (tenant, number)
        return number
    }

    private mutating func number(of text: String) -> UInt64 {
        var text = text
        return text.withUTF8 { UInt64(texts.number(of: UnsafeRawBufferPointer($0)).index) }
    }

    /// The chunk without its header.
    ///
    /// - Parameters:
    ///   - position: What the file has everything up to, with this chunk.
    ///   - names: The attribution keys of the records.
    func payload(position: JournalPosition, names: [String]) -> [UInt8] {
        var payload = ByteWriter()
        payload.varint(position.rawValue)
        payload.varint(UInt64(count))
        payload.varint(count == 0 ? 0 : times.lowerBound)
        payload.varint(count == 0 ? 0 : times.upperBound)
        payload.varint(UInt64(names.count))
        for name in names { payload.block(name.utf8) }
        payload.varint(UInt64(texts.count))
        for text in 0..<texts.count { payload.block(texts.key(text)) }
        payload.raw(body[..<bodyBytes])
        return payload.bytes
    }

    func chunk(position: JournalPosition, names: [String]) -> [UInt8] {
        let payload = payload(position: position, names: names)
        var chunk = ByteWriter()
        chunk.raw(UsageChunk.magic)
        chunk.fixed(UsageChunk.version)
        chunk.fixed(UInt32(payload.count))
        chunk.fixed(DerivedCheckpoint.checksum(payload[...]))
        chunk.raw(payload)
        return chunk.bytes
    }
}
