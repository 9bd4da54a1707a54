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

    /// Counts what is odd about a batch's spans. Complexity: O(attributes), about 5 ns each.
    static func notes(on batch: SpanBatch, receivedAt: UInt64) -> [SpanNote: Int] {
        var ended = 0
        var late = 0
        var garbled = 0
        batch.bytes.withUnsafeBytes { bytes in
            for span in batch.spans {
                if span.endTime < span.startTime { ended += 1 }
                if span.startTime > receivedAt &+ aheadMax || span.startTime &+ behindMax < receivedAt { late += 1 }
                if !isUTF8(span, of: batch, bytes) { garbled += 1 }
            }
        }
        var notes: [SpanNote: Int] = [:]
        if ended > 0 { notes[.endBeforeStart] = ended }
        if late > 0 { notes[.outOfRangeTime] = late }
        if garbled > 0 { notes[.invalidUTF8] = garbled }
        return notes
    }

    private static func isUTF8(_ span: SpanRow, of batch: SpanBatch, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard isUTF8(span.name, bytes), isUTF8(span.statusMessage, bytes) else { return false }
        for index in span.attributes.indices {
            let row = batch.attributes[index]
            guard isUTF8(row.key, bytes), row.kind != .string || isUTF8(row.slice, bytes) else { return false }
        }
        return true
    }

    /// ASCII, which nearly all text is, is recognised eight bytes at a time.
    private static func isUTF8(_ range: ByteRange, _ bytes: UnsafeRawBufferPointer) -> Bool {
        let text = UnsafeRawBufferPointer(rebasing: bytes[range.indices])
        var offset = 0
        while offset + 8 <= text.count {
            if text.loadUnaligned(fromByteOffset: offset, as: UInt64.self) & 0x8080_8080_8080_8080 != 0 { break }
            offset += 8
        }
        while offset < text.count, text[offset] < 0x80 { offset += 1 }
        return offset == text.count || String(validating: text, as: UTF8.self) != nil
    }
}
