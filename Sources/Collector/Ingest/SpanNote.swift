import OTLP

/// Something odd about a span that is kept as it came.
package enum SpanNote: String, CaseIterable, Sendable {
    /// Its duration counts as 0.
    case endBeforeStart = "end_before_start"
    /// Some text is no UTF-8; it is kept byte for byte and shown with U+FFFD in JSON.
    case invalidUTF8 = "invalid_utf8"
    /// It starts more than an hour after or thirty days before it came in.
    case outOfRangeTime = "out_of_range_time"

    /// Nanoseconds that a span may start after its arrival: clocks of one fleet differ by less.
    package static let aheadMax: UInt64 = 3600 * 1_000_000_000
    /// Nanoseconds that a span may start before its arrival.
    package static let behindMax: UInt64 = 30 * 86_400 * 1_000_000_000

    /// Counts what is odd about a batch's spans. Complexity: O(attributes), about 2 ns each.
    static func notes(on batch: SpanBatch, receivedAt: UInt64) -> [SpanNote: Int] {
        var ended = 0
        var late = 0
        var garbled = 0
        let (rows, attributeRows, body) = (batch.spans, batch.attributes, batch.bytes)
        let spans = rows.span
        let attributes = attributeRows.span
        let bytes = body.span.bytes
        for index in spans.indices {
            let (start, end) = (spans[index].startTime, spans[index].endTime)
            if end < start { ended += 1 }
            if start > receivedAt &+ aheadMax || start &+ behindMax < receivedAt { late += 1 }
            // Nearly all text is ASCII, which takes no closer look.
            if !isASCII(spans[index], attributes, bytes), !isUTF8(spans[index], of: batch) { garbled += 1 }
        }
        var notes: [SpanNote: Int] = [:]
        if ended > 0 { notes[.endBeforeStart] = ended }
        if late > 0 { notes[.outOfRangeTime] = late }
        if garbled > 0 { notes[.invalidUTF8] = garbled }
        return notes
    }
}

/// Whether all text of a span, as ``SpanNote`` counts it, is ASCII: every byte's high bit, gathered eight at a time.
private func isASCII(_ span: borrowing SpanRow, _ attributes: Span<AttributeRow>, _ bytes: RawSpan) -> Bool {
    var bits = highBits(span.name, bytes) | highBits(span.statusMessage, bytes)
    for index in Int(span.attributes.start)..<Int(span.attributes.start) + Int(span.attributes.count) {
        bits |= highBits(attributes[index].key, bytes)
        if case .string = attributes[index].kind {
            let slice = attributes[index].payload
            bits |= highBits(ByteRange(offset: UInt32(slice >> 32), count: UInt32(truncatingIfNeeded: slice)), bytes)
        }
    }
    return bits & 0x8080_8080_8080_8080 == 0
}

/// The bytes of a text, one laid over the other; the last load overlaps the one before.
@inline(__always)
private func highBits(_ text: ByteRange, _ bytes: RawSpan) -> UInt64 {
    let (start, count) = (Int(text.offset), Int(text.count))
    if count >= 8 {
        let last = start + count - 8
        var bits = bytes.unsafeLoadUnaligned(fromByteOffset: last, as: UInt64.self)
        var offset = start
        while offset < last {
            bits |= bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
            offset += 8
        }
        return bits
    }
    if count >= 4 {
        return UInt64(
            bytes.unsafeLoadUnaligned(fromByteOffset: start, as: UInt32.self)
                | bytes.unsafeLoadUnaligned(fromByteOffset: start + count - 4, as: UInt32.self))
    }
    var bits: UInt8 = 0
    for offset in start..<start + count { bits |= bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self) }
    return UInt64(bits)
}

/// Whether all text of a span is UTF-8.
private func isUTF8(_ span: SpanRow, of batch: SpanBatch) -> Bool {
    func check(_ text: ByteRange) -> Bool { String(validating: batch.bytes[text.indices], as: UTF8.self) != nil }
    return check(span.name) && check(span.statusMessage)
        && batch.attributes[span.attributes.indices].allSatisfy { row in
            check(row.key) && (row.kind != .string || check(row.slice))
        }
}
