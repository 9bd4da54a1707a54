import CZstd
import TraceStorage

/// A run of chunks as one compressed chunk; docs/formats/usage-v1.md describes it.
enum UsagePack {
    /// Of chunks of ``UsageChunk/version``.
    static let version: UInt32 = 2
    /// Of chunks of which one or more are of ``UsageChunk/versionWithOtherCosts``.
    static let versionWithOtherCosts: UInt32 = 4
    /// A later one is refused.
    static let versionMax = versionWithOtherCosts
    /// Bytes of chunks that are compressed together: texts that come in every chunk are found again over 2 MiB, and a
    /// reader holds all of them at a time.
    static let contentBytesGoal = 4 << 20
    /// Past it a run is damaged: one of as many bytes as the goal, and the largest chunk.
    static let contentBytesMax = contentBytesGoal + UsageChunk.bytesMax + UsageChunk.headerBytes
    /// Of zstd: higher ones take twice the time for 3 % fewer bytes, as half of them are ids.
    private static let level: Int32 = 3

    static func isPacked(_ version: UInt32) -> Bool { version == Self.version || version == versionWithOtherCosts }

    /// What a run says of itself without being decompressed.
    struct Summary {
        var position = JournalPosition.beginning
        var records: UInt64 = 0
        var times = UInt64.max...UInt64.max
        /// Of the compressed chunk.
        var version = UsagePack.version

        /// - Returns: false for the payload of something else than a chunk.
        mutating func add(_ payload: [UInt8], version: UInt32) -> Bool {
            if version == UsageChunk.versionWithOtherCosts { self.version = UsagePack.versionWithOtherCosts }
            var reader = ByteReader(payload[...])
            guard let position = reader.varint(), let count = reader.varint(), let low = reader.varint(),
                let high = reader.varint(), low <= high
            else { return false }
            self.position = max(self.position, JournalPosition(position))
            // An empty chunk has no times.
            guard count > 0 else { return true }
            times = records == 0 ? low...high : min(times.lowerBound, low)...max(times.upperBound, high)
            records += count
            return true
        }
    }

    /// The chunk of a run, with its header; nil when there is no memory to compress it.
    static func chunk(of content: [UInt8], _ summary: Summary) -> [UInt8]? {
        var frame = [UInt8](repeating: 0, count: ZSTD_compressBound(content.count))
        let bytes = ZSTD_compress(&frame, frame.count, content, content.count, level)
        guard ZSTD_isError(bytes) == 0 else { return nil }
        var chunk = ByteWriter()
        chunk.reserve(UsageChunk.headerBytes + 60 + bytes)
        chunk.raw(UsageChunk.magic)
        chunk.fixed(summary.version)
        // Length and checksum of what follows, once it is there.
        chunk.fixed(UInt64(0))
        chunk.varint(summary.position.rawValue)
        chunk.varint(summary.records)
        chunk.varint(summary.records == 0 ? 0 : summary.times.lowerBound)
        chunk.varint(summary.records == 0 ? 0 : summary.times.upperBound)
        chunk.varint(UInt64(content.count))
        chunk.raw(frame[..<bytes])
        chunk.set(UInt32(chunk.bytes.count - UsageChunk.headerBytes), at: UsageChunk.headerBytes - 8)
        chunk.set(
            DerivedCheckpoint.checksum(chunk.bytes[UsageChunk.headerBytes...]), at: UsageChunk.headerBytes - 4)
        return chunk.bytes
    }

    /// The chunks of a run, with their headers; nil when the payload holds something else.
    static func content(of payload: [UInt8]) -> [UInt8]? {
        var reader = ByteReader(payload[...])
        for _ in 0..<4 where reader.varint() == nil { return nil }
        guard let count = reader.varint(), count <= UInt64(contentBytesMax), let frame = reader.take(reader.remaining)
        else { return nil }
        var content = [UInt8](repeating: 0, count: Int(count))
        let bytes = frame.withUnsafeBytes { ZSTD_decompress(&content, content.count, $0.baseAddress, $0.count) }
        return ZSTD_isError(bytes) == 0 && bytes == content.count ? content : nil
    }

    /// Calls `body` with the payload of each chunk of a run until it returns false.
    ///
    /// - Returns: false when the run holds something else.
    static func forEachPayload(_ content: [UInt8], _ body: ([UInt8]) -> Bool) -> Bool {
        var offset = 0
        while offset < content.count {
            guard let header = UsageChunk.Header(content[offset...]), UsageChunk.isKnown(header.version),
                header.payloadBytes <= content.count - offset - UsageChunk.headerBytes
            else { return false }
            let start = offset + UsageChunk.headerBytes
            offset = start + header.payloadBytes
            guard body(Array(content[start..<offset])) else { return true }
        }
        return true
    }
}
