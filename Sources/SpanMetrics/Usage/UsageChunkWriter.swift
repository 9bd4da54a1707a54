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

    /// Far below what a reader takes, ``UsageChunk/bytesMax``.
    private static let bytesMax = 16 << 20

    var isFull: Bool { count >= Self.recordsMax || texts.keyBytes + body.bytes.count >= Self.bytesMax }

    mutating func append(_ record: UsageRecord) {
        times =
            count == 0
            ? record.time...record.time : min(times.lowerBound, record.time)...max(times.upperBound, record.time)
        count += 1
        body.fixed(record.kind.rawValue)
        append(record.tenant.name)
        body.varint(record.time)
        body.fixed(record.traceID.high)
        body.fixed(record.traceID.low)
        body.fixed(record.spanID.rawValue)
        body.varint(record.calls)
        body.varint(record.errors)
        record.tokens.write(to: &body)
        body.fixed(record.cost.bitPattern)
        body.fixed(record.costSource.code)
        append(record.service)
        append(record.agent)
        append(record.operation)
        append(record.provider)
        append(record.model)
        append(record.conversation)
        body.varint(UInt64(record.attribution.count))
        for text in record.attribution { append(text) }
    }

    private mutating func append(_ text: String) {
        var text = text
        let number = text.withUTF8 { bytes in
            let key = UnsafeRawBufferPointer(bytes)
            return texts.index(of: key) ?? texts.insert(key)
        }
        body.varint(UInt64(number))
    }

    /// The chunk without its header.
    ///
    /// - Parameter position: What the file has everything up to, with this chunk.
    func payload(position: JournalPosition) -> [UInt8] {
        var payload = ByteWriter()
        payload.varint(position.rawValue)
        payload.varint(UInt64(count))
        payload.varint(count == 0 ? 0 : times.lowerBound)
        payload.varint(count == 0 ? 0 : times.upperBound)
        payload.varint(UInt64(texts.count))
        for text in 0..<texts.count { payload.block(texts.key(text)) }
        payload.raw(body.bytes)
        return payload.bytes
    }

    func chunk(position: JournalPosition) -> [UInt8] {
        let payload = payload(position: position)
        var chunk = ByteWriter()
        chunk.raw(UsageChunk.magic)
        chunk.fixed(UsageChunk.version)
        chunk.fixed(UInt32(payload.count))
        chunk.fixed(DerivedCheckpoint.checksum(payload[...]))
        chunk.raw(payload)
        return chunk.bytes
    }
}
