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

/// How far the tables were filled before a resource or scope.
private struct EnvelopeMark {
    let resources: Int
    let scopes: Int
    let spans: Int
    let parts: SpanMark
    let rejections: [SpanRejectionReason: Int]
}

/// The one pass over a request's bytes that fills the tables of a ``SpanBatch``.
///
/// A `ResourceSpans` is taken to have its resource before its scopes, as all emitters write it. Where that turns out
/// wrong its rows are given back and it is walked again, the resource first; so is a `ScopeSpans`. Four walks over
/// any byte are the most. Events and links are noted while a span is walked and indexed after it, so that each run of
/// attributes is contiguous.
struct SpanIndexer {
    var tables = SpanTables()

    let base: UnsafeRawPointer
    let limits: SpanLimits
    /// What is wrong with the message being walked; set by its parts, cleared by its owner.
    var rejection: SpanRejectionReason?
    /// The message being walked holds what the rows do not express.
    var needsRaw = false
    let byteHash = ByteHash.ofProcess
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
        let mark = envelopeMark
        if try resourceSpans(range, isResourceFirst: true) { return }
        truncate(to: mark)
        _ = try resourceSpans(range, isResourceFirst: false)
    }

    /// - Returns: Whether the order of the fields is as `isResourceFirst` said.
    private mutating func resourceSpans(_ range: ByteRange, isResourceFirst: Bool) throws(WireError) -> Bool {
        begin(inherited: nil)
        var row = ResourceRow(
            envelope: range, raw: .empty, schemaURL: .empty, attributes: .empty, droppedAttributesCount: 0,
            scopes: .empty, needsRaw: false)
        let firstAttribute = tables.attributes.count
        var reader = WireReader(base: base, range: range)
        var parts = 0
        walk: while !reader.isAtEnd {
            let start = reader
            let tag = try reader.tag()
            switch tag {
            case Tag.ResourceSpans.resource:
                row.raw = try reader.lengthDelimited()
                parts += 1
                try resource(row.raw, &row)
            case Tag.ResourceSpans.scopeSpans where isResourceFirst:
                reader = start
                break walk
            case Tag.ResourceSpans.schemaURL: row.schemaURL = try reader.lengthDelimited()
            default:
                try reader.skip(tag: tag)
                if tag != Tag.ResourceSpans.scopeSpans { needsRaw = true }
            }
        }
        row.attributes = envelopeAttributes(from: firstAttribute)
        row.needsRaw = needsRaw || parts > 1
        try charge(MemoryLayout<ResourceRow>.stride, at: range)
        tables.resources.append(row)
        if !isResourceFirst { reader = WireReader(base: base, range: range) }
        return try scopes(&reader, inherited: rejection, isResourceFirst: isResourceFirst)
    }

    /// Indexes the scopes from where the reader stands.
    private mutating func scopes(
        _ reader: inout WireReader, inherited: SpanRejectionReason?, isResourceFirst: Bool
    ) throws(WireError) -> Bool {
        let index = tables.resources.count - 1
        let firstScope = tables.scopes.count
        while !reader.isAtEnd {
            let tag = try reader.tag()
            switch tag {
            case Tag.ResourceSpans.scopeSpans:
                try scopeSpans(reader.lengthDelimited(), resource: UInt32(index), inherited: inherited)
            case Tag.ResourceSpans.resource where isResourceFirst: return false
            case Tag.ResourceSpans.schemaURL: tables.resources[index].schemaURL = try reader.lengthDelimited()
            default:
                try reader.skip(tag: tag)
                if tag != Tag.ResourceSpans.resource { tables.resources[index].needsRaw = true }
            }
        }
        tables.resources[index].scopes = RowRange(start: firstScope, end: tables.scopes.count)
        return true
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
        let mark = envelopeMark
        if try scopeSpans(range, resource: resource, inherited: inherited, isScopeFirst: true) { return }
        truncate(to: mark)
        _ = try scopeSpans(range, resource: resource, inherited: inherited, isScopeFirst: false)
    }

    /// - Returns: Whether the order of the fields is as `isScopeFirst` said.
    private mutating func scopeSpans(
        _ range: ByteRange, resource: UInt32, inherited: SpanRejectionReason?, isScopeFirst: Bool
    ) throws(WireError) -> Bool {
        begin(inherited: inherited)
        var row = ScopeRow(
            resource: resource, envelope: range, raw: .empty, name: .empty, version: .empty, schemaURL: .empty,
            attributes: .empty, droppedAttributesCount: 0, spans: .empty, needsRaw: false)
        let firstAttribute = tables.attributes.count
        var reader = WireReader(base: base, range: range)
        var parts = 0
        walk: while !reader.isAtEnd {
            let start = reader
            let tag = try reader.tag()
            switch tag {
            case Tag.ScopeSpans.scope:
                row.raw = try reader.lengthDelimited()
                parts += 1
                try scope(row.raw, &row)
            case Tag.ScopeSpans.spans where isScopeFirst:
                reader = start
                break walk
            case Tag.ScopeSpans.schemaURL: row.schemaURL = try reader.lengthDelimited()
            default:
                try reader.skip(tag: tag)
                if tag != Tag.ScopeSpans.spans { needsRaw = true }
            }
        }
        row.attributes = envelopeAttributes(from: firstAttribute)
        row.needsRaw = needsRaw || parts > 1
        try charge(MemoryLayout<ScopeRow>.stride, at: range)
        tables.scopes.append(row)
        if !isScopeFirst { reader = WireReader(base: base, range: range) }
        return try spans(&reader, inherited: rejection, isScopeFirst: isScopeFirst)
    }

    /// Indexes the spans from where the reader stands.
    private mutating func spans(
        _ reader: inout WireReader, inherited: SpanRejectionReason?, isScopeFirst: Bool
    ) throws(WireError) -> Bool {
        let index = tables.scopes.count - 1
        let firstSpan = tables.spans.count
        while !reader.isAtEnd {
            let tag = try reader.tag()
            switch tag {
            case Tag.ScopeSpans.spans:
                try span(reader.lengthDelimited(), scope: UInt32(index), inherited: inherited)
            case Tag.ScopeSpans.scope where isScopeFirst: return false
            case Tag.ScopeSpans.schemaURL: tables.scopes[index].schemaURL = try reader.lengthDelimited()
            default:
                try reader.skip(tag: tag)
                if tag != Tag.ScopeSpans.scope { tables.scopes[index].needsRaw = true }
            }
        }
        tables.scopes[index].spans = RowRange(start: firstSpan, end: tables.spans.count)
        return true
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

    /// How far all tables are filled.
    private var envelopeMark: EnvelopeMark {
        EnvelopeMark(
            resources: tables.resources.count, scopes: tables.scopes.count, spans: tables.spans.count, parts: mark,
            rejections: tables.rejections)
    }

    /// Gives the rows of a resource or scope back, to walk it again.
    private mutating func truncate(to mark: EnvelopeMark) {
        tables.resources.removeSubrange(mark.resources...)
        tables.scopes.removeSubrange(mark.scopes...)
        tables.spans.removeSubrange(mark.spans...)
        tables.rejections = mark.rejections
        truncate(to: mark.parts)
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
