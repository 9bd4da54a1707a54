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
    private var body = ByteWriter()
    // Scratch of one record.
    private var numbers: [UInt64] = []
    private var room: [UInt8] = []

    /// Numbers of the texts of a record.
    private static let numbersMax = 8 + GenAIConfiguration.attributionsMax
    /// 42 bytes of fixed size, 11 varints and those of the texts, 10 bytes each.
    private static let recordBytesMax = 42 + 10 * (11 + numbersMax)

    /// Far below what a reader takes, ``UsageChunk/bytesMax``.
    private static let bytesMax = 16 << 20

    var isFull: Bool { count >= Self.recordsMax || texts.keyBytes + body.bytes.count >= Self.bytesMax }

    mutating func append(_ record: UsageRecord) {
        times =
            count == 0
            ? record.time...record.time : min(times.lowerBound, record.time)...max(times.upperBound, record.time)
        count += 1
        numbers.removeAll(keepingCapacity: true)
        numbers.append(number(of: record.tenant.name))
        numbers.append(number(of: record.service))
        numbers.append(number(of: record.agent))
        numbers.append(number(of: record.operation))
        numbers.append(number(of: record.provider))
        numbers.append(number(of: record.model))
        numbers.append(number(of: record.conversation))
        let attributions = record.attribution.prefix(GenAIConfiguration.attributionsMax)
        numbers.append(UInt64(attributions.count))
        for text in attributions { numbers.append(number(of: text)) }
        if room.isEmpty { room = Array(repeating: 0, count: Self.recordBytesMax) }
        let bytes = Self.write(record, numbers, to: &room)
        body.raw(room[..<bytes])
    }

    /// - Parameter numbers: Of the texts; before those of the attribution their count.
    /// - Returns: Bytes written.
    private static func write(_ record: UsageRecord, _ numbers: [UInt64], to room: inout [UInt8]) -> Int {
        room.withUnsafeMutableBytes { room in
            var writer = RoomWriter(room: room)
            writer.fixed(record.kind.rawValue)
            writer.varint(numbers[0])
            writer.varint(record.time)
            writer.fixed(record.traceID.high)
            writer.fixed(record.traceID.low)
            writer.fixed(record.spanID.rawValue)
            writer.varint(record.calls)
            writer.varint(record.errors)
            for bucket in record.tokens.counts.indices { writer.varint(record.tokens.counts[bucket]) }
            writer.fixed(record.cost.bitPattern)
            writer.fixed(record.costSource.code)
            for number in numbers.dropFirst() { writer.varint(number) }
            return writer.end
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
        payload.raw(body.bytes)
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
