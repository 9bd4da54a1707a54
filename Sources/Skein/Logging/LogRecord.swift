import Logging

/// A line of a log on its way into the queue, as an OTLP `LogRecord`.
struct LogRecord: ~Copyable {
    /// Unix time in nanoseconds: of the line and of its observation, which are the same here.
    let timeNanoseconds: UInt64
    let level: Logger.Level
    let body: String
    /// The current span; nil where there is none.
    let span: SpanContext?
    let attributes: LogAttributes

    /// Bytes of the record as a message, without tag and length.
    var messageSize: Int {
        var size = 9 + 2 + fieldSize(level.rawValue.utf8.count) + fieldSize(fieldSize(body.utf8.count))
        size += attributes.buffer.count + 9
        if attributes.dropped > 0 { size += 1 + varintSize(UInt64(attributes.dropped)) }
        if span != nil { size += 5 + 18 + 10 }
        return size
    }

    /// Writes the record as one `ScopeLogs.log_records` field.
    func write(_ messageSize: Int, to cursor: inout WireCursor) {
        cursor.byte(LogFraming.tag)
        cursor.varint(UInt64(messageSize))
        cursor.byte(0x09)
        cursor.fixed64(timeNanoseconds)
        cursor.byte(0x10)
        cursor.byte(level.severityNumber)
        cursor.text(tag: 0x1A, level.rawValue)
        cursor.byte(0x2A)
        cursor.varint(UInt64(fieldSize(body.utf8.count)))
        cursor.text(tag: 0x0A, body)
        cursor.raw(attributes.buffer.bytes)
        if attributes.dropped > 0 {
            cursor.byte(0x38)
            cursor.varint(UInt64(attributes.dropped))
        }
        if let span { Self.write(span, to: &cursor) }
        cursor.byte(0x59)
        cursor.fixed64(timeNanoseconds)
    }

    private static func write(_ span: SpanContext, to cursor: inout WireCursor) {
        cursor.byte(0x45)
        cursor.fixed32(UInt32(span.flags.rawValue))
        cursor.byte(0x4A)
        cursor.byte(16)
        cursor.fixed64(span.traceID.high.byteSwapped)
        cursor.fixed64(span.traceID.low.byteSwapped)
        cursor.byte(0x52)
        cursor.byte(8)
        cursor.fixed64(span.spanID.rawValue.byteSwapped)
    }
}

extension Logger.Level {
    /// OpenTelemetry's number for the level: the lowest of its range, and the second of INFO for `notice`.
    var severityNumber: UInt8 {
        switch self {
        case .trace: 1
        case .debug: 5
        case .info: 9
        case .notice: 10
        case .warning: 13
        case .error: 17
        case .critical: 21
        }
    }
}
