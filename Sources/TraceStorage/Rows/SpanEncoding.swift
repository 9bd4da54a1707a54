import OTLP

extension SpanBatch {
    /// The `Span` message of a row in the one form that stores write: fields in the order of their numbers, defaults
    /// left out; a span that its rows do not express is given back as it was sent.
    ///
    /// Two spans are the same span to every reader exactly when these bytes are equal.
    package func canonicalSpan(_ row: Int) -> [UInt8] {
        var writer = WireWriter(reservingCapacity: Int(spans[row].raw.count) + 16)
        writeSpan(row, to: &writer)
        return writer.takeBytes()
    }

    /// Writes the content of ``canonicalSpan(_:)``, or what of it is wanted.
    func writeSpan(_ row: Int, parts: SpanParts? = nil, to writer: inout WireWriter) {
        let span = spans[row]
        bytes.withUnsafeBytes { base in
            if span.needsRaw { return writer.raw(base.slice(span.raw)) }
            writer.spanHead(
                SpanHead(
                    traceID: span.traceID, spanID: span.spanID, parentSpanID: span.parentSpanID, kind: span.kind,
                    startTime: span.startTime, endTime: span.endTime),
                name: base.slice(span.name), traceState: base.slice(span.traceState))
            for index in span.attributes.indices {
                let row = attributes[index]
                switch parts?.wish(for: base.slice(row.key)) ?? .value {
                case .value: append(row, 9, base, to: &writer)
                case .key: writer.attribute(9, key: base.slice(row.key), ValueView(kind: .empty))
                case .nothing: break
                }
            }
            if parts == nil {
                writer.count(10, span.droppedAttributesCount)
                for index in span.events.indices { append(events[index], base, to: &writer) }
                writer.count(12, span.droppedEventsCount)
            }
            for index in span.links.indices { append(links[index], base, to: &writer) }
            if parts == nil { writer.count(14, span.droppedLinksCount) }
            if parts != nil {
                if span.statusCode != 0 { writer.status(message: .empty, code: span.statusCode) }
            } else if span.hasStatus {
                writer.status(message: base.slice(span.statusMessage), code: span.statusCode)
            }
            if parts == nil, span.flags != 0 { writer.fixed32(16, span.flags) }
        }
    }

    private func append(_ event: EventRow, _ base: UnsafeRawBufferPointer, to writer: inout WireWriter) {
        writer.message(11) { writer in
            writer.eventHead(time: event.time, name: base.slice(event.name))
            for index in event.attributes.indices { append(attributes[index], 3, base, to: &writer) }
            writer.count(4, event.droppedAttributesCount)
        }
    }

    private func append(_ link: LinkRow, _ base: UnsafeRawBufferPointer, to writer: inout WireWriter) {
        writer.message(13) { writer in
            writer.linkHead(
                traceID: link.traceID, spanID: link.spanID, traceState: base.slice(link.traceState))
            for index in link.attributes.indices { append(attributes[index], 4, base, to: &writer) }
            writer.count(5, link.droppedAttributesCount)
            if link.flags != 0 { writer.fixed32(6, link.flags) }
        }
    }

    private func append(
        _ row: AttributeRow, _ field: UInt32, _ base: UnsafeRawBufferPointer, to writer: inout WireWriter
    ) {
        writer.attribute(field, key: base.slice(row.key), ValueView(row, base: base))
    }
}

extension UnsafeRawBufferPointer {
    package static var empty: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

    fileprivate func slice(_ range: ByteRange) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range.indices])
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
        _ head: SpanHead, name: UnsafeRawBufferPointer, traceState: UnsafeRawBufferPointer
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

    package mutating func eventHead(time: UInt64, name: UnsafeRawBufferPointer) {
        if time != 0 { fixed64(1, time) }
        if !name.isEmpty { bytes(2, name) }
    }

    package mutating func linkHead(traceID id: TraceID, spanID span: SpanID, traceState: UnsafeRawBufferPointer) {
        if id.isValid { traceID(1, id) }
        if span.isValid { spanID(2, span) }
        if !traceState.isEmpty { bytes(3, traceState) }
    }

    package mutating func status(message text: UnsafeRawBufferPointer, code: Int32) {
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
        let keyBytes = key.isEmpty ? 0 : Self.headBytes(1, count: key.count) + key.count
        let valueBytes = Self.contentBytes(of: value)
        let hasValue = value.kind != .absent
        head(field, count: keyBytes + (hasValue ? Self.headBytes(2, count: valueBytes) + valueBytes : 0))
        if !key.isEmpty { bytes(1, key) }
        guard hasValue else { return }
        head(2, count: valueBytes)
        switch value.kind {
        case .absent, .empty: break
        case .string: bytes(1, value.bytes)
        case .bool: varint(2, value.bits)
        case .int: varint(3, value.bits)
        case .double: fixed64(4, value.bits)
        case .array: bytes(5, value.bytes)
        case .keyValueList: bytes(6, value.bytes)
        case .bytes: bytes(7, value.bytes)
        }
    }

    /// Bytes of an `AnyValue` message.
    private static func contentBytes(of value: ValueView) -> Int {
        switch value.kind {
        case .absent, .empty: 0
        case .bool, .int: 1 + varintBytes(value.bits)
        case .double: 9
        case .string, .array, .keyValueList, .bytes: headBytes(1, count: value.bytes.count) + value.bytes.count
        }
    }
}
