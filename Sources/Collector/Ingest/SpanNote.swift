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
        let rows = batch.spans
        let spans = rows.span
        for index in spans.indices {
            let (start, end) = (spans[index].startTime, spans[index].endTime)
            if end < start { ended += 1 }
            if start > receivedAt &+ aheadMax || start &+ behindMax < receivedAt { late += 1 }
        }
        // Nearly all text is ASCII, which takes no closer look.
        for index in batch.spansBeyondASCII() where !isUTF8(rows[index], of: batch) { garbled += 1 }
        var notes: [SpanNote: Int] = [:]
        if ended > 0 { notes[.endBeforeStart] = ended }
        if late > 0 { notes[.outOfRangeTime] = late }
        if garbled > 0 { notes[.invalidUTF8] = garbled }
        return notes
    }
}

/// Whether all text of a span is UTF-8.
private func isUTF8(_ span: SpanRow, of batch: SpanBatch) -> Bool {
    func check(_ text: ByteRange) -> Bool { String(validating: batch.bytes[text.indices], as: UTF8.self) != nil }
    return check(span.name) && check(span.statusMessage)
        && batch.attributes[span.attributes.indices].allSatisfy { row in
            check(row.key) && (row.kind != .string || check(row.slice))
        }
}
