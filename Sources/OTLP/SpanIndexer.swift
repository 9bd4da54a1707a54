/// The one pass over a request's bytes that fills the tables of a ``SpanBatch``.
///
/// A `ResourceSpans` is walked twice at its top level only, because its resource may stand behind its spans on the
/// wire; so is a `ScopeSpans`. Events and links are noted while a span is walked and indexed after it, so that each
/// run of attributes is contiguous.
struct SpanIndexer {
    private(set) var resources: [ResourceRow] = []
    private(set) var scopes: [ScopeRow] = []
    private(set) var spans: [SpanRow] = []
    var attributes: [AttributeRow] = []
    private(set) var events: [EventRow] = []
    private(set) var links: [LinkRow] = []
    private(set) var rejections: [SpanRejectionReason: Int] = [:]

    let base: UnsafeRawPointer
    let limits: SpanLimits
    /// What is wrong with the message being walked; set by its parts, cleared by its owner.
    var rejection: SpanRejectionReason?
    /// The message being walked holds what the rows do not express.
    var needsRaw = false
    /// Bytes that further rows may take; see ``SpanLimits/rowBytesPerRequestByte``.
    private var rowBytesLeft: Int

    static func index(_ bytes: [UInt8], limits: SpanLimits) throws(WireError) -> SpanIndexer {
        // `withUnsafeBytes` cannot rethrow a typed error and return a value at once without this detour.
        let result: Result<SpanIndexer, WireError> = bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else {
                return .success(SpanIndexer(base: UnsafeRawPointer(bitPattern: 1)!, limits: limits, bytes: 0))
            }
            var indexer = SpanIndexer(base: base, limits: limits, bytes: buffer.count)
            do throws(WireError) {
                try indexer.request(ByteRange(offset: 0, count: UInt32(buffer.count)))
                return .success(indexer)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private init(base: UnsafeRawPointer, limits: SpanLimits, bytes: Int) {
        self.base = base
        self.limits = limits
        rowBytesLeft = SpanLimits.rowBytesAlways + bytes * SpanLimits.rowBytesPerRequestByte
        // Agent spans take about 500 bytes with 11 attributes; a wrong guess costs a reallocation, no more.
        spans.reserveCapacity(bytes / 480)
        attributes.reserveCapacity(bytes / 40)
    }

    private mutating func request(_ range: ByteRange) throws(WireError) {
        var reader = WireReader(base: base, range: range)
        while !reader.isAtEnd {
            let tag = try reader.tag()
            if tag == Tag.Request.resourceSpans {
                try resourceSpans(reader.lengthDelimited())
            } else {
                try reader.skip(tag: tag)
            }
        }
    }

    private mutating func resourceSpans(_ range: ByteRange) throws(WireError) {
        rejection = nil
        needsRaw = false
        var row = ResourceRow(
            envelope: range, raw: .empty, schemaURL: .empty, attributes: .empty, droppedAttributesCount: 0,
            scopes: .empty, needsRaw: false)
        let firstAttribute = attributes.count
        var reader = WireReader(base: base, range: range)
        var parts = 0
        while !reader.isAtEnd {
            let tag = try reader.tag()
            switch tag {
            case Tag.ResourceSpans.resource:
                row.raw = try reader.lengthDelimited()
                parts += 1
                try resource(row.raw, &row)
            case Tag.ResourceSpans.scopeSpans: _ = try reader.lengthDelimited()
            case Tag.ResourceSpans.schemaURL: row.schemaURL = try reader.lengthDelimited()
            default:
                try reader.skip(tag: tag)
                needsRaw = true
            }
        }
        row.attributes = RowRange(start: firstAttribute, end: attributes.count)
        row.needsRaw = needsRaw || parts > 1
        let index = UInt32(resources.count)
        try charge(ResourceRow.self, at: range)
        resources.append(row)
        let firstScope = scopes.count
        let inherited = rejection
        reader = WireReader(base: base, range: range)
        while !reader.isAtEnd {
            let tag = try reader.tag()
            if tag == Tag.ResourceSpans.scopeSpans {
                try scopeSpans(reader.lengthDelimited(), resource: index, inherited: inherited)
            } else {
                try reader.skip(tag: tag)
            }
        }
        resources[Int(index)].scopes = RowRange(start: firstScope, end: scopes.count)
    }

    private mutating func resource(_ range: ByteRange, _ row: inout ResourceRow) throws(WireError) {
        var reader = WireReader(base: base, range: range)
        while !reader.isAtEnd {
            let tag = try reader.tag()
            switch tag {
            case Tag.Resource.attributes: try attribute(reader.lengthDelimited())
            case Tag.Resource.droppedAttributesCount:
                row.droppedAttributesCount = UInt32(truncatingIfNeeded: try reader.varint())
            default:
                try reader.skip(tag: tag)
                needsRaw = true
            }
        }
    }

    private mutating func scopeSpans(
        _ range: ByteRange, resource: UInt32, inherited: SpanRejectionReason?
    ) throws(WireError) {
        rejection = inherited
        needsRaw = false
        var row = ScopeRow(
            resource: resource, envelope: range, raw: .empty, name: .empty, version: .empty, schemaURL: .empty,
            attributes: .empty, droppedAttributesCount: 0, spans: .empty, needsRaw: false)
        let firstAttribute = attributes.count
        var reader = WireReader(base: base, range: range)
        var parts = 0
        while !reader.isAtEnd {
            let tag = try reader.tag()
            switch tag {
            case Tag.ScopeSpans.scope:
                row.raw = try reader.lengthDelimited()
                parts += 1
                try scope(row.raw, &row)
            case Tag.ScopeSpans.spans: _ = try reader.lengthDelimited()
            case Tag.ScopeSpans.schemaURL: row.schemaURL = try reader.lengthDelimited()
            default:
                try reader.skip(tag: tag)
                needsRaw = true
            }
        }
        row.attributes = RowRange(start: firstAttribute, end: attributes.count)
        row.needsRaw = needsRaw || parts > 1
        let index = UInt32(scopes.count)
        try charge(ScopeRow.self, at: range)
        scopes.append(row)
        let firstSpan = spans.count
        let inherited = rejection
        reader = WireReader(base: base, range: range)
        while !reader.isAtEnd {
            let tag = try reader.tag()
            if tag == Tag.ScopeSpans.spans {
                try span(reader.lengthDelimited(), scope: index, inherited: inherited)
            } else {
                try reader.skip(tag: tag)
            }
        }
        scopes[Int(index)].spans = RowRange(start: firstSpan, end: spans.count)
    }

    private mutating func scope(_ range: ByteRange, _ row: inout ScopeRow) throws(WireError) {
        var reader = WireReader(base: base, range: range)
        while !reader.isAtEnd {
            let tag = try reader.tag()
            switch tag {
            case Tag.Scope.name: row.name = try reader.lengthDelimited()
            case Tag.Scope.version: row.version = try reader.lengthDelimited()
            case Tag.Scope.attributes: try attribute(reader.lengthDelimited())
            case Tag.Scope.droppedAttributesCount:
                row.droppedAttributesCount = UInt32(truncatingIfNeeded: try reader.varint())
            default:
                try reader.skip(tag: tag)
                needsRaw = true
            }
        }
    }

    private mutating func span(
        _ range: ByteRange, scope: UInt32, inherited: SpanRejectionReason?
    ) throws(WireError) {
        let mark = (attributes.count, events.count, links.count)
        rejection = inherited
        needsRaw = false
        var row = SpanRow(range: range, scope: scope)
        try spanFields(&row)
        row.attributes = RowRange(start: mark.0, end: attributes.count)
        row.events = RowRange(start: mark.1, end: events.count)
        row.links = RowRange(start: mark.2, end: links.count)
        for index in row.events.indices where rejection == nil { try event(at: index) }
        for index in row.links.indices where rejection == nil { try link(at: index) }
        if attributes.count - mark.0 > limits.attributesMax { reject(.attributeCount) }
        if let rejection {
            rejections[rejection, default: 0] += 1
            attributes.removeSubrange(mark.0...)
            events.removeSubrange(mark.1...)
            links.removeSubrange(mark.2...)
            return
        }
        row.needsRaw = needsRaw
        try charge(SpanRow.self, at: range)
        spans.append(row)
    }

    private mutating func spanFields(_ row: inout SpanRow) throws(WireError) {
        var reader = WireReader(base: base, range: row.raw)
        while !reader.isAtEnd {
            let tag = try reader.tag()
            switch tag {
            case Tag.Span.traceID: row.traceID = traceID(try reader.lengthDelimited()) ?? .invalid
            case Tag.Span.spanID: row.spanID = spanID(try reader.lengthDelimited()) ?? .invalid
            case Tag.Span.traceState: row.traceState = try reader.lengthDelimited()
            case Tag.Span.parentSpanID: try parent(reader.lengthDelimited(), &row)
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
        var row = events[index]
        let first = attributes.count
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
        row.attributes = RowRange(start: first, end: attributes.count)
        events[index] = row
    }

    private mutating func link(at index: Int) throws(WireError) {
        var row = links[index]
        let first = attributes.count
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
        row.attributes = RowRange(start: first, end: attributes.count)
        links[index] = row
    }

    private mutating func append(_ row: EventRow) throws(WireError) {
        try charge(EventRow.self, at: row.raw)
        events.append(row)
    }

    private mutating func append(_ row: LinkRow) throws(WireError) {
        try charge(LinkRow.self, at: row.raw)
        links.append(row)
    }

    /// Pays for one more row, so that a body of empty messages cannot take many times its own size in memory.
    @inline(__always)
    mutating func charge<Row>(_: Row.Type, at range: ByteRange) throws(WireError) {
        rowBytesLeft -= MemoryLayout<Row>.stride
        if rowBytesLeft < 0 { throw .tooManyMessages(offset: Int(range.offset)) }
    }

    // MARK: ids

    private mutating func parent(_ range: ByteRange, _ row: inout SpanRow) throws(WireError) {
        if range.isEmpty {
            row.parentSpanID = .invalid
        } else if let id = spanID(range) {
            row.parentSpanID = id
        } else {
            reject(.invalidParentSpanID)
        }
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

    /// The first reason found is the one that is reported.
    mutating func reject(_ reason: SpanRejectionReason) {
        if rejection == nil { rejection = reason }
    }
}

extension SpanRow {
    init(range: ByteRange, scope: UInt32) {
        self.init(
            raw: range, traceID: .invalid, spanID: .invalid, parentSpanID: .invalid, startTime: 0, endTime: 0,
            name: .empty, traceState: .empty, statusMessage: .empty, scope: scope, kind: 0, statusCode: 0, flags: 0,
            attributes: .empty, events: .empty, links: .empty, droppedAttributesCount: 0, droppedEventsCount: 0,
            droppedLinksCount: 0, hasStatus: false, needsRaw: false)
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
