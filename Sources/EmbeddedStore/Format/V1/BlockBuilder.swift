import OTLP
import TraceStorage

/// Turns rows of batches into the bytes of one block file. Used once, by one thread.
///
/// Spans are taken in the order of the calls; the values of a row group are compressed as soon as it is full.
struct BlockBuilder: ~Copyable {
    private var writer: PageWriter
    private var footer = BlockFooter()
    private var spans = SpanTableBuilder()
    private var events = EventTableBuilder()
    private var links = LinkTableBuilder()
    private var scopes = ScopeTableBuilder()
    private var traces = TraceTableBuilder()
    /// Service (plus 1), kind and code of the name.
    private var operations: Set<OperationKey> = []
    /// Operations noted lately, by a hash of them; spares most look-ups in `operations`.
    private var recentOperations: [OperationKey?] = Array(repeating: nil, count: 256)
    private var groupScopes = Room<Int>()
    private var groupKinds = Room<Int32>()
    private var groupDurations = Room<UInt64>()
    /// For each row group the ``LongestSpans``.
    private var longest: [[UInt64]] = []
    private var groupEvents: UInt32 = 0
    private var groupLinks: UInt32 = 0

    /// When spans came in, and with which records of the journal.
    struct Origin {
        var receivedMin: UInt64
        var receivedMax: UInt64
        var firstPosition: JournalPosition
        var lastPosition: JournalPosition
    }

    /// `spans`: about how many will be appended.
    init(tenant: TenantID, isOutOfRange: Bool, spans: Int) throws(FormatError) {
        writer = try PageWriter(room: 4096 + min(spans, 65_536) * 56)
        writer.append(raw: BlockFrame.header)
        footer.tenant = tenant
        footer.isOutOfRange = isOutOfRange
        footer.startMin = .max
        footer.receivedMin = .max
        footer.firstPosition = JournalPosition(.max)
    }

    /// Takes some spans of a batch, in the order of `rows`.
    mutating func append(_ batch: SpanBatch, rows: [Int], _ origin: Origin) throws(FormatError) {
        footer.firstPosition = min(footer.firstPosition, origin.firstPosition)
        footer.lastPosition = max(footer.lastPosition, origin.lastPosition)
        footer.receivedMin = min(footer.receivedMin, origin.receivedMin)
        footer.receivedMax = max(footer.receivedMax, origin.receivedMax)
        var scope = (row: UInt32.max, code: 0)
        var next = 0
        while next < rows.count {
            next = SpanSource.with(batch) { append(batch, rows, from: next, &scope, $0) } ?? rows.count
            if groupScopes.count == BlockFormat.groupRows { try endGroup() }
        }
    }

    /// Takes spans until the row group is full, and returns the place of the first that was left.
    private mutating func append(
        _ batch: SpanBatch, _ rows: [Int], from first: Int, _ scope: inout (row: UInt32, code: Int),
        _ source: SpanSource
    ) -> Int {
        guard let spans = source.spans.baseAddress else { return rows.count }
        let end = min(rows.count, first + BlockFormat.groupRows - groupScopes.count)
        for index in first..<end {
            let span = spans + rows[index]
            if span.pointee.scope != scope.row {
                scope = (span.pointee.scope, scopes.code(of: batch.scopes[Int(span.pointee.scope)], in: batch))
            }
            append(span, scope: scope.code, source)
        }
        return end
    }

    @inline(__always)
    private mutating func append(_ span: UnsafePointer<SpanRow>, scope: Int, _ source: SpanSource) {
        var shape: Int?
        if !span.pointee.needsRaw {
            shape = spans.attributes.shape(
                source.attributes(span.pointee.attributes), source.base, hash: span.pointee.attributeShape)
        }
        if span.pointee.events.count | span.pointee.links.count != 0, shape != nil {
            if !events.canTake(span.pointee, source) || !links.canTake(span.pointee, source) { shape = nil }
        }
        spans.append(span, scope: scope, shape: shape, source)
        if span.pointee.events.count | span.pointee.links.count != 0, shape != nil {
            groupEvents += events.append(span.pointee, source)
            groupLinks += links.append(span.pointee, source)
        }
        traces.append(span)
        footer.rows += 1
        footer.startMin = min(footer.startMin, span.pointee.startTime)
        footer.startMax = max(footer.startMax, span.pointee.startTime)
        groupScopes.append(scope)
        groupKinds.append(span.pointee.kind)
        groupDurations.append(span.pointee.durationNanoseconds)
    }

    private mutating func endGroup() throws(FormatError) {
        noteOperations()
        noteLongest()
        try spans.endGroup(&writer)
        try events.endGroup(&writer)
        try links.endGroup(&writer)
        footer.tables[0].groupRows.append(UInt32(groupScopes.count))
        footer.tables[1].groupRows.append(groupEvents)
        footer.tables[2].groupRows.append(groupLinks)
        groupScopes.removeAll()
        groupKinds.removeAll()
        groupDurations.removeAll()
        groupEvents = 0
        groupLinks = 0
    }

    /// Notes the operations of the row group; its names have codes as long as it has not ended.
    private mutating func noteOperations() {
        for row in 0..<groupScopes.count {
            let code = spans.name.numbers[row]
            let operation = OperationKey(
                service: scopes.serviceOfScope[groupScopes[row]] + 1, name: code, kind: groupKinds[row])
            let slot = Int(truncatingIfNeeded: code &* 31 &+ UInt64(operation.service) &* 7) & 255
            if recentOperations[slot] == operation { continue }
            recentOperations[slot] = operation
            operations.insert(operation)
        }
    }

    /// Notes the longest spans of the row group by service.
    private mutating func noteLongest() {
        guard scopes.services.count <= BlockFormat.longestServicesMax else { return longest = [] }
        var group = [UInt64](repeating: 0, count: scopes.services.count + 1)
        for row in 0..<groupScopes.count {
            let service = scopes.serviceOfScope[groupScopes[row]] + 1
            group[service] = max(group[service], LongestSpans.number(groupDurations[row]))
        }
        longest.append(group)
    }

    /// The file's bytes, and what its footer says.
    consuming func finish() throws(FormatError) -> BuiltBlock {
        if groupScopes.count > 0 { try endGroup() }
        footer.hasServices = scopes.services.reduce(0) { $0 + $1.count } <= BlockFormat.serviceBytesMax
        footer.services = footer.hasServices ? scopes.services : []
        if footer.hasServices, footer.services.count <= BlockFormat.longestServicesMax {
            footer.longest = LongestSpans(groups: longest, serviceCount: footer.services.count + 1)
        }
        footer.scopeCount = scopes.count
        footer.scopes = try scopes.finish(&writer)
        footer.operations = try writer.write(OperationKey.encode(footer.hasServices ? operations : []))
        try spans.finish(&writer, &footer.tables[0])
        footer.tables[0].columns += try traces.finish(&writer, &footer)
        try events.finish(&writer, &footer.tables[1])
        try links.finish(&writer, &footer.tables[2])
        let page = try writer.write(footer.encoded())
        writer.append(raw: BlockFrame.trailer(footer: page))
        return BuiltBlock(footer: footer, writer: writer)
    }
}

/// A block that is not in a file yet.
struct BuiltBlock: ~Copyable {
    let footer: BlockFooter
    private let writer: PageWriter

    fileprivate init(footer: BlockFooter, writer: consuming PageWriter) {
        self.footer = footer
        self.writer = writer
    }

    var bytes: UnsafeRawBufferPointer { writer.bytes.rawBuffer }
}

/// An operation of a block.
struct OperationKey: Hashable {
    /// An index into the footer's services plus 1; 0 for none.
    let service: Int
    /// A code of the name column.
    let name: UInt64
    let kind: Int32

    static func encode(_ operations: Set<OperationKey>) -> [UInt8] {
        var writer = ByteWriter()
        writer.varint(operations.count)
        for operation in operations.sorted(by: { ($0.service, $0.name, $0.kind) < ($1.service, $1.name, $1.kind) }) {
            writer.varint(operation.service)
            writer.varint(operation.name)
            writer.varint(ZigZag.encode(Int64(operation.kind)))
        }
        return writer.bytes
    }

    static func decode(_ page: [UInt8], services: Int) throws(FormatError) -> [OperationKey] {
        var reader = ByteReader(page)
        var operations: [OperationKey] = []
        for _ in 0..<(try reader.countOfRest()) {
            operations.append(
                OperationKey(
                    service: try reader.count(max: services), name: try reader.varint(),
                    kind: Int32(truncatingIfNeeded: ZigZag.decode(try reader.varint()))))
        }
        return operations
    }
}
