import OTLP

/// A span at its end, about to be written into a chunk as one `ScopeSpans.spans` field.
///
/// `fields` is valid only during the call it is passed to.
struct FinishedSpan {
    let context: SpanContext
    let parentID: SpanID
    let isParentRemote: Bool
    let kind: UInt8
    let startNanoseconds: UInt64
    let endNanoseconds: UInt64
    let name: UnsafeRawBufferPointer
    let traceState: UnsafeRawBufferPointer
    let statusMessage: UnsafeRawBufferPointer
    /// 0 unset, 1 ok, 2 error.
    let statusCode: UInt8
    let droppedAttributes: UInt32
    let droppedEvents: UInt32
    let droppedLinks: UInt32
    let fields: UnsafeRawBufferPointer

    /// Bytes of the whole field, tag and length included.
    var size: Int { fieldSize(messageSize) }

    private var messageSize: Int {
        var size = 18 + 10 + (parentID.isValid ? 10 : 0) + 2 + 9 + 9 + 6
        size += fieldSize(name.count) + fields.count
        if !traceState.isEmpty { size += fieldSize(traceState.count) }
        size += Self.countSize(droppedAttributes) + Self.countSize(droppedEvents) + Self.countSize(droppedLinks)
        if statusCode != 0 { size += fieldSize(statusSize) }
        return size
    }

    private var statusSize: Int { 2 + (statusMessage.isEmpty ? 0 : fieldSize(statusMessage.count)) }

    func write(to cursor: inout WireCursor) {
        cursor.byte(0x12)
        cursor.varint(UInt64(messageSize))
        cursor.byte(0x0A)
        cursor.byte(16)
        cursor.fixed64(context.traceID.high.byteSwapped)
        cursor.fixed64(context.traceID.low.byteSwapped)
        cursor.byte(0x12)
        cursor.byte(8)
        cursor.fixed64(context.spanID.rawValue.byteSwapped)
        if !traceState.isEmpty { cursor.bytes(tag: 0x1A, traceState) }
        if parentID.isValid {
            cursor.byte(0x22)
            cursor.byte(8)
            cursor.fixed64(parentID.rawValue.byteSwapped)
        }
        cursor.bytes(tag: 0x2A, name)
        cursor.byte(0x30)
        cursor.byte(kind)
        cursor.byte(0x39)
        cursor.fixed64(startNanoseconds)
        cursor.byte(0x41)
        cursor.fixed64(endNanoseconds)
        cursor.raw(fields)
        Self.write(tag: 0x50, dropped: droppedAttributes, to: &cursor)
        Self.write(tag: 0x60, dropped: droppedEvents, to: &cursor)
        Self.write(tag: 0x70, dropped: droppedLinks, to: &cursor)
        writeStatus(to: &cursor)
        cursor.byte(0x85)
        cursor.byte(0x01)
        cursor.fixed32(SpanFlags.wire(context.flags, isRemote: isParentRemote))
    }

    private static func countSize(_ dropped: UInt32) -> Int {
        dropped == 0 ? 0 : 1 + varintSize(UInt64(dropped))
    }

    private static func write(tag: UInt8, dropped: UInt32, to cursor: inout WireCursor) {
        guard dropped > 0 else { return }
        cursor.byte(tag)
        cursor.varint(UInt64(dropped))
    }

    private func writeStatus(to cursor: inout WireCursor) {
        guard statusCode != 0 else { return }
        cursor.byte(0x7A)
        cursor.varint(UInt64(statusSize))
        if !statusMessage.isEmpty { cursor.bytes(tag: 0x12, statusMessage) }
        cursor.byte(0x18)
        cursor.byte(statusCode)
    }
}
