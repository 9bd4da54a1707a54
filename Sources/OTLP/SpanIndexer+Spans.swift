extension SpanIndexer {
    /// Indexes one `Span` with its events and links, or rejects it and takes back every row of it.
    mutating func span(
        _ range: ByteRange, scope: UInt32, inherited: SpanRejectionReason?
    ) throws(WireError) {
        let mark = mark
        begin(inherited: inherited)
        var row = SpanRow(range: range, scope: scope)
        try spanFields(&row)
        row.attributes = RowRange(start: mark.attributes, end: tables.attributes.count)
        row.events = RowRange(start: mark.events, end: tables.events.count)
        row.links = RowRange(start: mark.links, end: tables.links.count)
        for index in row.events.indices where rejection == nil { try event(at: index) }
        for index in row.links.indices where rejection == nil { try link(at: index) }
        if let rejection {
            tables.rejections[rejection, default: 0] += 1
            return truncate(to: mark)
        }
        row.needsRaw = needsRaw
        row.attributeShape = attributeShape(row.attributes)
        try charge(MemoryLayout<SpanRow>.stride, at: range)
        tables.spans.append(row)
    }

    private func attributeShape(_ rows: RowRange) -> UInt64 {
        tables.attributes.withUnsafeBufferPointer { attributes in
            byteHash.shape(
                UnsafeBufferPointer(rebasing: attributes[rows.indices]), base.assumingMemoryBound(to: UInt8.self))
        }
    }

    private mutating func spanFields(_ row: inout SpanRow) throws(WireError) {
        var reader = WireReader(base: base, range: row.raw)
        var isParentValid = true
        while !reader.isAtEnd {
            let tag = try reader.tag()
            switch tag {
            case Tag.Span.traceID: row.traceID = traceID(try reader.lengthDelimited()) ?? .invalid
            case Tag.Span.spanID: row.spanID = spanID(try reader.lengthDelimited()) ?? .invalid
            case Tag.Span.traceState: row.traceState = try reader.lengthDelimited()
            case Tag.Span.parentSpanID:
                let range = try reader.lengthDelimited()
                isParentValid = range.isEmpty || range.count == 8
                row.parentSpanID = spanID(range) ?? .invalid
            case Tag.Span.name: row.name = try reader.lengthDelimited()
            case Tag.Span.kind: row.kind = Int32(truncatingIfNeeded: try reader.varint())
            case Tag.Span.startTime: row.startTime = try reader.fixed64()
            case Tag.Span.endTime: row.endTime = try reader.fixed64()
            case Tag.Span.attributes: try attribute(reader.lengthDelimited())
            case Tag.Span.droppedAttributesCount:
                row.droppedAttributesCount = UInt32(truncatingIfNeeded: try reader.varint())
            case Tag.Span.events: try append(EventRow(raw: reader.lengthDelimited()))
            case Tag.Span.droppedEventsCount:
                row.droppedEventsCount = UInt32(truncatingIfNeeded: try reader.varint())
            case Tag.Span.links: try append(LinkRow(raw: reader.lengthDelimited()))
            case Tag.Span.droppedLinksCount:
                row.droppedLinksCount = UInt32(truncatingIfNeeded: try reader.varint())
            case Tag.Span.status: try status(reader.lengthDelimited(), &row)
            case Tag.Span.flags: row.flags = try reader.fixed32()
            default:
                try reader.skip(tag: tag)
                needsRaw = true
            }
        }
        if !row.traceID.isValid { reject(.invalidTraceID) }
        if !row.spanID.isValid { reject(.invalidSpanID) }
        if !isParentValid { reject(.invalidParentSpanID) }
    }

    private mutating func status(_ range: ByteRange, _ row: inout SpanRow) throws(WireError) {
        row.hasStatus = true
        var reader = WireReader(base: base, range: range)
        while !reader.isAtEnd {
            let tag = try reader.tag()
            switch tag {
            case Tag.Status.message: row.statusMessage = try reader.lengthDelimited()
            case Tag.Status.code: row.statusCode = Int32(truncatingIfNeeded: try reader.varint())
            default:
                try reader.skip(tag: tag)
                needsRaw = true
            }
        }
    }

    private mutating func event(at index: Int) throws(WireError) {
        var row = tables.events[index]
        let first = tables.attributes.count
        var reader = WireReader(base: base, range: row.raw)
        while !reader.isAtEnd {
            let tag = try reader.tag()
            switch tag {
            case Tag.Event.time: row.time = try reader.fixed64()
            case Tag.Event.name: row.name = try reader.lengthDelimited()
            case Tag.Event.attributes: try attribute(reader.lengthDelimited())
            case Tag.Event.droppedAttributesCount:
                row.droppedAttributesCount = UInt32(truncatingIfNeeded: try reader.varint())
            default:
                try reader.skip(tag: tag)
                needsRaw = true
            }
        }
        row.attributes = RowRange(start: first, end: tables.attributes.count)
        tables.events[index] = row
    }

    private mutating func link(at index: Int) throws(WireError) {
        var row = tables.links[index]
        let first = tables.attributes.count
        var reader = WireReader(base: base, range: row.raw)
        while !reader.isAtEnd {
            let tag = try reader.tag()
            switch tag {
            case Tag.Link.traceID: linkID(traceID(try reader.lengthDelimited()), &row.traceID)
            case Tag.Link.spanID: linkID(spanID(try reader.lengthDelimited()), &row.spanID)
            case Tag.Link.traceState: row.traceState = try reader.lengthDelimited()
            case Tag.Link.attributes: try attribute(reader.lengthDelimited())
            case Tag.Link.droppedAttributesCount:
                row.droppedAttributesCount = UInt32(truncatingIfNeeded: try reader.varint())
            case Tag.Link.flags: row.flags = try reader.fixed32()
            default:
                try reader.skip(tag: tag)
                needsRaw = true
            }
        }
        row.attributes = RowRange(start: first, end: tables.attributes.count)
        tables.links[index] = row
    }

    private mutating func append(_ row: EventRow) throws(WireError) {
        try charge(MemoryLayout<EventRow>.stride, at: row.raw)
        tables.events.append(row)
    }

    private mutating func append(_ row: LinkRow) throws(WireError) {
        try charge(MemoryLayout<LinkRow>.stride, at: row.raw)
        tables.links.append(row)
    }

    private mutating func linkID<ID>(_ id: ID?, _ target: inout ID) {
        if let id { target = id } else { needsRaw = true }
    }

    private func traceID(_ range: ByteRange) -> TraceID? {
        guard range.count == 16 else { return nil }
        return TraceID(
            high: WireReader.bigEndian64(base, at: range.offset),
            low: WireReader.bigEndian64(base, at: range.offset + 8))
    }

    private func spanID(_ range: ByteRange) -> SpanID? {
        guard range.count == 8 else { return nil }
        return SpanID(WireReader.bigEndian64(base, at: range.offset))
    }
}

extension SpanRow {
    init(range: ByteRange, scope: UInt32) {
        self.init(
            raw: range, traceID: .invalid, spanID: .invalid, parentSpanID: .invalid, startTime: 0, endTime: 0,
            name: .empty, traceState: .empty, statusMessage: .empty, scope: scope, kind: 0, statusCode: 0, flags: 0,
            attributes: .empty, attributeShape: 0, events: .empty, links: .empty, droppedAttributesCount: 0,
            droppedEventsCount: 0, droppedLinksCount: 0, hasStatus: false, needsRaw: false)
    }
}

extension EventRow {
    init(raw: ByteRange) {
        self.init(raw: raw, time: 0, name: .empty, attributes: .empty, droppedAttributesCount: 0)
    }
}

extension LinkRow {
    init(raw: ByteRange) {
        self.init(
            raw: raw, traceID: .invalid, spanID: .invalid, traceState: .empty, flags: 0, attributes: .empty,
            droppedAttributesCount: 0)
    }
}
