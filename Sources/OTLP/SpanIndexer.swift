/// The tables of a ``SpanBatch`` while they are filled.
struct SpanTables {
    var resources: [ResourceRow] = []
    var scopes: [ScopeRow] = []
    var spans: [SpanRow] = []
    var attributes: [AttributeRow] = []
    var events: [EventRow] = []
    var links: [LinkRow] = []
    var rejections: [SpanRejectionReason: Int] = [:]
}

/// How far the tables were filled before a span.
struct SpanMark {
    let attributes: Int
    let events: Int
    let links: Int
    let rowBytesLeft: Int
}

/// The one pass over a request's bytes that fills the tables of a ``SpanBatch``.
///
/// A `ResourceSpans` is walked twice at its top level only, because its resource may stand behind its spans on the
/// wire; so is a `ScopeSpans`. Events and links are noted while a span is walked and indexed after it, so that each
/// run of attributes is contiguous.
struct SpanIndexer {
    var tables = SpanTables()

    let base: UnsafeRawPointer
    let limits: SpanLimits
    /// What is wrong with the message being walked; set by its parts, cleared by its owner.
    var rejection: SpanRejectionReason?
    /// The message being walked holds what the rows do not express.
    var needsRaw = false
    /// Bytes that further rows may take; see ``SpanLimits/rowBytesPerRequestByte``.
    private var rowBytesLeft: Int
    /// Where ``SpanTables/attributes`` is full for the message being walked.
    private var attributesEnd = 0

    /// - Throws: ``WireError`` when the bytes are no request.
    static func index(_ bytes: [UInt8], limits: SpanLimits) throws(WireError) -> SpanTables {
        // `withUnsafeBytes` cannot rethrow a typed error and return a value at once without this detour.
        let result: Result<SpanTables, WireError> = bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return .success(SpanTables()) }
            var indexer = SpanIndexer(base: base, limits: limits, bytes: buffer.count)
            do throws(WireError) {
                try indexer.request(ByteRange(offset: 0, count: UInt32(buffer.count)))
                return .success(indexer.tables)
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
        tables.spans.reserveCapacity(bytes / 480)
        tables.attributes.reserveCapacity(bytes / 40)
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
        begin(inherited: nil)
        var row = ResourceRow(
            envelope: range, raw: .empty, schemaURL: .empty, attributes: .empty, droppedAttributesCount: 0,
            scopes: .empty, needsRaw: false)
        let firstAttribute = tables.attributes.count
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
        row.attributes = envelopeAttributes(from: firstAttribute)
        row.needsRaw = needsRaw || parts > 1
        let index = UInt32(tables.resources.count)
        try charge(MemoryLayout<ResourceRow>.stride, at: range)
        tables.resources.append(row)
        let firstScope = tables.scopes.count
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
        tables.resources[Int(index)].scopes = RowRange(start: firstScope, end: tables.scopes.count)
    }

    /// The attributes that a resource or scope added. When one of them makes its spans be rejected none is kept: a
    /// reader never meets a value that was not walked to its end.
    private mutating func envelopeAttributes(from first: Int) -> RowRange {
        if rejection != nil { tables.attributes.removeSubrange(first...) }
        return RowRange(start: first, end: tables.attributes.count)
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
        begin(inherited: inherited)
        var row = ScopeRow(
            resource: resource, envelope: range, raw: .empty, name: .empty, version: .empty, schemaURL: .empty,
            attributes: .empty, droppedAttributesCount: 0, spans: .empty, needsRaw: false)
        let firstAttribute = tables.attributes.count
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
        row.attributes = envelopeAttributes(from: firstAttribute)
        row.needsRaw = needsRaw || parts > 1
        let index = UInt32(tables.scopes.count)
        try charge(MemoryLayout<ScopeRow>.stride, at: range)
        tables.scopes.append(row)
        let firstSpan = tables.spans.count
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
        tables.scopes[Int(index)].spans = RowRange(start: firstSpan, end: tables.spans.count)
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

    /// Sets the state of a message's walk back.
    mutating func begin(inherited: SpanRejectionReason?) {
        rejection = inherited
        needsRaw = false
        attributesEnd = tables.attributes.count + limits.attributesMax
    }

    @inline(__always)
    mutating func append(_ row: AttributeRow, at range: ByteRange) throws(WireError) {
        guard tables.attributes.count < attributesEnd else { return reject(.attributeCount) }
        try charge(MemoryLayout<AttributeRow>.stride, at: range)
        tables.attributes.append(row)
    }

    /// Pays for a row, so that a body of empty messages cannot take many times its own size in memory.
    @inline(__always)
    mutating func charge(_ bytes: Int, at range: ByteRange) throws(WireError) {
        rowBytesLeft -= bytes
        if rowBytesLeft < 0 { throw .tooManyMessages(offset: Int(range.offset)) }
    }

    /// Gives the rows of a rejected span back.
    mutating func truncate(to mark: SpanMark) {
        tables.attributes.removeSubrange(mark.attributes...)
        tables.events.removeSubrange(mark.events...)
        tables.links.removeSubrange(mark.links...)
        rowBytesLeft = mark.rowBytesLeft
    }

    /// How far the tables are filled.
    var mark: SpanMark {
        SpanMark(
            attributes: tables.attributes.count, events: tables.events.count, links: tables.links.count,
            rowBytesLeft: rowBytesLeft)
    }

    /// The first reason found is the one that is reported.
    mutating func reject(_ reason: SpanRejectionReason) {
        if rejection == nil { rejection = reason }
    }
}
