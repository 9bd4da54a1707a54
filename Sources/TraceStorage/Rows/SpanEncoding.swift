import OTLP

extension SpanBatch {
    /// The `Span` message of a row in the one form that stores write: fields in the order of their numbers, defaults
    /// left out; a span that its rows do not express is given back as it was sent.
    ///
    /// Two spans are the same span to every reader exactly when these bytes are equal.
    package func canonicalSpan(_ row: Int) -> [UInt8] {
        let span = spans[row]
        if span.needsRaw { return Array(slice(span.raw)) }
        var writer = WireWriter(reservingCapacity: Int(span.raw.count) + 16)
        writer.spanHead(
            SpanHead(
                traceID: span.traceID, spanID: span.spanID, parentSpanID: span.parentSpanID, kind: span.kind,
                startTime: span.startTime, endTime: span.endTime),
            name: slice(span.name), traceState: slice(span.traceState))
        for index in span.attributes.indices { append(attributes[index], 9, to: &writer) }
        writer.count(10, span.droppedAttributesCount)
        for index in span.events.indices {
            let event = events[index]
            writer.message(11) { writer in
                writer.eventHead(time: event.time, name: slice(event.name))
                for index in event.attributes.indices { append(attributes[index], 3, to: &writer) }
                writer.count(4, event.droppedAttributesCount)
            }
        }
        writer.count(12, span.droppedEventsCount)
        for index in span.links.indices {
            let link = links[index]
            writer.message(13) { writer in
                writer.linkHead(traceID: link.traceID, spanID: link.spanID, traceState: slice(link.traceState))
                for index in link.attributes.indices { append(attributes[index], 4, to: &writer) }
                writer.count(5, link.droppedAttributesCount)
                if link.flags != 0 { writer.fixed32(6, link.flags) }
            }
        }
        writer.count(14, span.droppedLinksCount)
        if span.hasStatus { writer.status(message: slice(span.statusMessage), code: span.statusCode) }
        if span.flags != 0 { writer.fixed32(16, span.flags) }
        return writer.takeBytes()
    }

    private func append(_ row: AttributeRow, _ field: UInt32, to writer: inout WireWriter) {
        bytes.withUnsafeBytes { base in
            writer.attribute(
                field, key: UnsafeRawBufferPointer(rebasing: base[row.key.indices]), ValueView(row, base: base))
        }
    }
}

/// The fields of a span that stand before its attributes and have a fixed size.
package struct SpanHead {
    package var traceID: TraceID
    package var spanID: SpanID
    package var parentSpanID: SpanID
    package var kind: Int32
    package var startTime: UInt64
    package var endTime: UInt64

    package init(
        traceID: TraceID, spanID: SpanID, parentSpanID: SpanID, kind: Int32, startTime: UInt64, endTime: UInt64
    ) {
        self.traceID = traceID
        self.spanID = spanID
        self.parentSpanID = parentSpanID
        self.kind = kind
        self.startTime = startTime
        self.endTime = endTime
    }
}

/// The parts of the canonical form, for those who have the values in columns.
extension WireWriter {
    package mutating func spanHead(
        _ head: SpanHead, name: some Collection<UInt8>, traceState: some Collection<UInt8>
    ) {
        traceID(1, head.traceID)
        spanID(2, head.spanID)
        if !traceState.isEmpty { bytes(3, traceState) }
        if head.parentSpanID.isValid { spanID(4, head.parentSpanID) }
        if !name.isEmpty { bytes(5, name) }
        if head.kind != 0 { varint(6, UInt64(bitPattern: Int64(head.kind))) }
        if head.startTime != 0 { fixed64(7, head.startTime) }
        if head.endTime != 0 { fixed64(8, head.endTime) }
    }

    package mutating func eventHead(time: UInt64, name: some Collection<UInt8>) {
        if time != 0 { fixed64(1, time) }
        if !name.isEmpty { bytes(2, name) }
    }

    package mutating func linkHead(traceID id: TraceID, spanID span: SpanID, traceState: some Collection<UInt8>) {
        if id.isValid { traceID(1, id) }
        if span.isValid { spanID(2, span) }
        if !traceState.isEmpty { bytes(3, traceState) }
    }

    package mutating func status(message text: some Collection<UInt8>, code: Int32) {
        message(15) { writer in
            if !text.isEmpty { writer.bytes(2, text) }
            if code != 0 { writer.varint(3, UInt64(bitPattern: Int64(code))) }
        }
    }

    /// A count that is left out when it is 0.
    package mutating func count(_ field: UInt32, _ value: UInt32) {
        if value != 0 { varint(field, UInt64(value)) }
    }

    /// A `KeyValue` field; what tells an attribute without a value from one with an empty value is kept.
    package mutating func attribute(_ field: UInt32, key: UnsafeRawBufferPointer, _ value: ValueView) {
        message(field) { writer in
            if !key.isEmpty { writer.bytes(1, key) }
            switch value.kind {
            case .absent: break
            case .empty: writer.bytes(2, EmptyCollection())
            case .string: writer.message(2) { $0.bytes(1, value.bytes) }
            case .bool: writer.message(2) { $0.varint(2, value.bits) }
            case .int: writer.message(2) { $0.varint(3, value.bits) }
            case .double: writer.message(2) { $0.fixed64(4, value.bits) }
            case .array: writer.message(2) { $0.bytes(5, value.bytes) }
            case .keyValueList: writer.message(2) { $0.bytes(6, value.bytes) }
            case .bytes: writer.message(2) { $0.bytes(7, value.bytes) }
            }
        }
    }
}
