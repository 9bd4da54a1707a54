import OTLP
import TraceStorage

/// What a record adds to a sum.
struct UsagePart {
    var kind: UsageRecord.Kind
    var calls: UInt64
    var errors: UInt64
    var tokens: TokenUsage
    /// US dollars.
    var cost: Double
    var costSource: CostSource
    /// As ``UsageRecord/otherCost``.
    var otherCost: Double

    init(_ record: UsageRecord) {
        (kind, calls, errors, tokens) = (record.kind, record.calls, record.errors, record.tokens)
        (cost, costSource, otherCost) = (record.cost, record.costSource, record.otherCost)
    }

    fileprivate init(kind: UsageRecord.Kind) {
        self.kind = kind
        (calls, errors, tokens, cost, costSource, otherCost) = (0, 0, TokenUsage(), 0, .unknown, 0)
    }
}

/// Reads a payload of ``UsageChunk`` without making its records; docs/formats/usage-v1.md describes it.
///
/// Past the end every number is 0, and ``isBroken`` says so: one look at the end of a record is enough.
struct UsagePayloadReader {
    /// What a record has in the place of a text that it does not have.
    static let noText = UInt32.max

    /// What comes before the records.
    struct Chunk {
        let recordCount: UInt64
        /// The attribution keys.
        let names: [String]
        /// Where each text is.
        let texts: [Range<Int>]

        init?(_ reader: inout UsagePayloadReader) {
            _ = reader.varint()
            recordCount = reader.varint()
            _ = reader.varint()
            _ = reader.varint()
            let nameCount = reader.varint()
            guard nameCount <= GenAIConfiguration.attributionsMax else { return nil }
            names = (0..<nameCount).map { _ in String(decoding: reader.bytes[reader.block()], as: UTF8.self) }
            let textCount = reader.varint()
            guard textCount <= UInt64(reader.bytes.count) else { return nil }
            texts = (0..<textCount).map { _ in reader.block() }
            guard !reader.isBroken else { return nil }
        }
    }

    /// A record but for its texts and ids.
    struct Record {
        /// A text.
        let tenant: UInt64
        /// Unix nanoseconds.
        let time: UInt64
        let part: UsagePart
    }

    private let bytes: UnsafeRawBufferPointer
    private var index = 0
    private(set) var isBroken = false

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { index == bytes.count && !isBroken }

    /// The next record; nil when there is something else.
    ///
    /// - Parameter fields: Takes its texts: those of every record, then those of the attribution.
    mutating func record(_ chunk: Chunk, _ fields: inout [UInt32]) -> Record? {
        guard let kind = UsageRecord.Kind(rawValue: byte()) else { return nil }
        var part = UsagePart(kind: kind)
        let tenant = varint()
        let time = varint()
        // Trace and span.
        skip(24)
        part.calls = varint()
        part.errors = varint()
        var counts = SIMD8<UInt64>()
        for bucket in counts.indices { counts[bucket] = varint() }
        part.tokens = TokenUsage(counts: counts)
        part.cost = Double(bitPattern: fixed())
        let code = byte()
        guard let source = CostSource(code: code & ~UsageChunk.otherCostFlag), tenant < chunk.texts.count else {
            return nil
        }
        part.costSource = source
        if code & UsageChunk.otherCostFlag != 0 { part.otherCost = Double(bitPattern: fixed()) }
        for field in 0..<6 { fields[field] = text(chunk) }
        let attributions = varint()
        guard attributions <= GenAIConfiguration.attributionsMax else { return nil }
        for field in 6..<fields.count { fields[field] = field - 6 < attributions ? text(chunk) : Self.noText }
        return isBroken ? nil : Record(tenant: tenant, time: time, part: part)
    }

    private mutating func text(_ chunk: Chunk) -> UInt32 {
        let number = varint()
        if number >= UInt64(chunk.texts.count) {
            isBroken = true
            return Self.noText
        }
        return UInt32(number)
    }

    // MARK: numbers

    @inline(__always)
    private mutating func byte() -> UInt8 {
        guard index < bytes.count else {
            isBroken = true
            return 0
        }
        defer { index += 1 }
        return bytes[index]
    }

    @inline(__always)
    private mutating func varint() -> UInt64 {
        let first = byte()
        if first < 0x80 { return UInt64(first) }
        var value = UInt64(first & 0x7F)
        var shift: UInt64 = 7
        while shift < 64 {
            let next = byte()
            value |= UInt64(next & 0x7F) &<< shift
            if next < 0x80 { return value }
            shift += 7
        }
        isBroken = true
        return 0
    }

    private mutating func fixed() -> UInt64 {
        guard bytes.count - index >= 8 else {
            isBroken = true
            return 0
        }
        defer { index += 8 }
        return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
    }

    private mutating func skip(_ count: Int) {
        if bytes.count - index >= count { index += count } else { isBroken = true }
    }

    private mutating func block() -> Range<Int> {
        let count = varint()
        guard count <= UInt64(bytes.count - index) else {
            isBroken = true
            return 0..<0
        }
        defer { index += Int(count) }
        return index..<index + Int(count)
    }
}
