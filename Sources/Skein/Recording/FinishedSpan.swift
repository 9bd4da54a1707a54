import OTLP
import Tracing

/// A span at its end, as span processors see it. It lives for the call it is passed to.
public struct FinishedSpan: ~Copyable {
    /// Ids, flags and trace state.
    public let context: SpanContext
    /// The parent; not valid on the first span of a trace.
    public let parentSpanID: SpanID
    /// Whether the parent is in another process.
    public let isParentRemote: Bool
    /// The kind.
    public let kind: SpanKind
    /// Unix time in nanoseconds.
    public let startNanoseconds: UInt64
    /// Unix time in nanoseconds, never before the start.
    public let endNanoseconds: UInt64
    /// The name at the end.
    public let name: String
    /// The outcome; nil where none was set.
    public let status: SpanStatus?
    /// Attributes, events and links, encoded.
    let fields: SpanFields

    /// The attributes. Decodes all of them at each call.
    public var attributes: SpanAttributes { fields.attributes }
    /// Attributes that went over the limits.
    public var droppedAttributes: Int { Int(fields.droppedAttributes) }
    /// Events that went over the limits.
    public var droppedEvents: Int { Int(fields.droppedEvents) }
    /// Links that went over the limits.
    public var droppedLinks: Int { Int(fields.droppedLinks) }

    /// The span as a batch of its own.
    func batch(_ framing: SpanFraming) -> ExportBatch {
        let messageSize = messageSize
        var buffer = SpanBuffer()
        buffer.append(fieldSize(messageSize)) { write(messageSize, to: &$0) }
        return framing.batch([buffer.bytes], count: 1)
    }

    // MARK: encoding

    /// Bytes of the span as a message, without tag and length.
    var messageSize: Int {
        var size = 18 + 10 + (parentSpanID.isValid ? 10 : 0) + 2 + 9 + 9 + 6
        size += fieldSize(name.utf8.count) + fields.buffer.count
        if !context.traceState.isEmpty { size += fieldSize(context.traceState.header.utf8.count) }
        if fields.hasDropped {
            size += Self.countSize(fields.droppedAttributes) + Self.countSize(fields.droppedEvents)
            size += Self.countSize(fields.droppedLinks)
        }
        if let status { size += fieldSize(Self.statusSize(status)) }
        return size
    }

    /// Writes the span as one `ScopeSpans.spans` field.
    func write(_ messageSize: Int, to cursor: inout WireCursor) {
        cursor.byte(0x12)
        cursor.varint(UInt64(messageSize))
        cursor.byte(0x0A)
        cursor.byte(16)
        cursor.fixed64(context.traceID.high.byteSwapped)
        cursor.fixed64(context.traceID.low.byteSwapped)
        cursor.byte(0x12)
        cursor.byte(8)
        cursor.fixed64(context.spanID.rawValue.byteSwapped)
        if !context.traceState.isEmpty { cursor.text(tag: 0x1A, context.traceState.header) }
        if parentSpanID.isValid {
            cursor.byte(0x22)
            cursor.byte(8)
            cursor.fixed64(parentSpanID.rawValue.byteSwapped)
        }
        cursor.text(tag: 0x2A, name)
        cursor.byte(0x30)
        cursor.byte(kind.wireValue)
        cursor.byte(0x39)
        cursor.fixed64(startNanoseconds)
        cursor.byte(0x41)
        cursor.fixed64(endNanoseconds)
        cursor.raw(fields.buffer.bytes)
        if fields.hasDropped { writeDropped(to: &cursor) }
        if let status { Self.write(status, to: &cursor) }
        cursor.byte(0x85)
        cursor.byte(0x01)
        cursor.fixed32(SpanFlags.wire(context.flags, isRemote: isParentRemote))
    }

    private func writeDropped(to cursor: inout WireCursor) {
        Self.write(tag: 0x50, dropped: fields.droppedAttributes, to: &cursor)
        Self.write(tag: 0x60, dropped: fields.droppedEvents, to: &cursor)
        Self.write(tag: 0x70, dropped: fields.droppedLinks, to: &cursor)
    }

    private static func countSize(_ dropped: UInt32) -> Int {
        dropped == 0 ? 0 : 1 + varintSize(UInt64(dropped))
    }

    private static func write(tag: UInt8, dropped: UInt32, to cursor: inout WireCursor) {
        guard dropped > 0 else { return }
        cursor.byte(tag)
        cursor.varint(UInt64(dropped))
    }

    private static func statusSize(_ status: SpanStatus) -> Int {
        2 + (status.wireMessage.isEmpty ? 0 : fieldSize(status.wireMessage.utf8.count))
    }

    private static func write(_ status: SpanStatus, to cursor: inout WireCursor) {
        cursor.byte(0x7A)
        cursor.varint(UInt64(statusSize(status)))
        if !status.wireMessage.isEmpty { cursor.text(tag: 0x12, status.wireMessage) }
        cursor.byte(0x18)
        cursor.byte(status.code == .ok ? 1 : 2)
    }
}

extension SpanStatus {
    /// Only an error has a message (OpenTelemetry, "set status").
    fileprivate var wireMessage: String { code == .error ? message ?? "" : "" }
}

extension SpanKind {
    /// The number of the kind in OTLP.
    fileprivate var wireValue: UInt8 {
        switch self {
        case .internal: 1
        case .server: 2
        case .client: 3
        case .producer: 4
        case .consumer: 5
        }
    }
}
