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
            let head = SpanHead(
                traceID: span.traceID, spanID: span.spanID, parentSpanID: span.parentSpanID, kind: span.kind,
                startTime: span.startTime, endTime: span.endTime)
            writer.spanIdentity(head, traceState: base.slice(span.traceState))
            writer.spanBody(head, name: base.slice(span.name))
            if let parts {
                let wishes = span.attributes.indices.map { parts.wish(for: base.slice(attributes[$0].key)) }
                for (place, hasValue) in SpanParts.chosen(wishes) {
                    let row = attributes[span.attributes.indices.lowerBound + place]
                    let value = hasValue ? ValueView(row, base: base) : ValueView(kind: .empty)
                    writer.attribute(9, key: base.slice(row.key), value)
                }
            } else {
                for index in span.attributes.indices { append(attributes[index], 9, base, to: &writer) }
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
    /// The first fields of a span.
    package mutating func spanIdentity(_ head: SpanHead, traceState: UnsafeRawBufferPointer) {
        traceID(1, head.traceID)
        spanID(2, head.spanID)
        if !traceState.isEmpty { bytes(3, traceState) }
    }

    /// The fields that follow ``spanIdentity(_:traceState:)``, up to the attributes.
    package mutating func spanBody(_ head: SpanHead, name: UnsafeRawBufferPointer) {
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
        let contentBytes = keyBytes + (hasValue ? Self.headBytes(2, count: valueBytes) + valueBytes : 0)
        let fieldBytes = Self.headBytes(field, count: contentBytes) + contentBytes
        guard fieldBytes <= Self.shortFieldBytes else {
            head(field, count: contentBytes)
            if !key.isEmpty { bytes(1, key) }
            if hasValue {
                head(2, count: valueBytes)
                append(value)
            }
            return
        }
        // Put together where nothing has to be looked after, and copied once.
        withUnsafeTemporaryAllocation(byteCount: fieldBytes, alignment: 1) { room in
            var writer = FieldWriter(room)
            writer.head(UInt8(truncatingIfNeeded: field << 3 | 2), count: contentBytes)
            if !key.isEmpty {
                writer.head(0x0A, count: key.count)
                writer.append(key)
            }
            if hasValue {
                writer.head(0x12, count: valueBytes)
                writer.append(value)
            }
            raw(UnsafeRawBufferPointer(room))
        }
    }

    /// Bytes of an attribute's field up to which it is put together at once; few take more.
    private static let shortFieldBytes = 512

    /// The content of an `AnyValue`.
    private mutating func append(_ value: ValueView) {
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

/// Writes protobuf fields into memory of exactly their size.
private struct FieldWriter {
    private let room: UnsafeMutableRawBufferPointer
    private var end = 0

    init(_ room: UnsafeMutableRawBufferPointer) {
        self.room = room
    }

    /// A tag of one byte and a length.
    @inline(__always)
    mutating func head(_ tag: UInt8, count: Int) {
        room[end] = tag
        end += 1
        varint(UInt64(count))
    }

    @inline(__always)
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        UnsafeMutableRawBufferPointer(rebasing: room[end..<end + bytes.count]).copyMemory(from: bytes)
        end += bytes.count
    }

    /// The content of an `AnyValue`.
    @inline(__always)
    mutating func append(_ value: ValueView) {
        switch value.kind {
        case .absent, .empty: break
        case .string: append(0x0A, value.bytes)
        case .bool: number(0x10, value.bits)
        case .int: number(0x18, value.bits)
        case .double:
            room[end] = 0x21
            room.storeBytes(of: value.bits.littleEndian, toByteOffset: end + 1, as: UInt64.self)
            end += 9
        case .array: append(0x2A, value.bytes)
        case .keyValueList: append(0x32, value.bytes)
        case .bytes: append(0x3A, value.bytes)
        }
    }

    @inline(__always)
    private mutating func append(_ tag: UInt8, _ bytes: UnsafeRawBufferPointer) {
        head(tag, count: bytes.count)
        append(bytes)
    }

    @inline(__always)
    private mutating func number(_ tag: UInt8, _ value: UInt64) {
        room[end] = tag
        end += 1
        varint(value)
    }

    @inline(__always)
    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            room[end] = UInt8(truncatingIfNeeded: rest) | 0x80
            end += 1
            rest >>= 7
        }
        room[end] = UInt8(truncatingIfNeeded: rest)
        end += 1
    }
}
