import OTLP
import TraceStorage

/// Turns rows of batches into the bytes of one block file. Used once, by one thread.
///
/// Spans are taken in the order of the calls; the values of a row group are compressed as soon as it is full.
struct BlockBuilder {
    private let writer: PageWriter
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
    private var groupScopes: [Int] = []
    private var groupKinds: [Int32] = []
    private var groupEvents: UInt32 = 0
    private var groupLinks: UInt32 = 0

    init(tenant: TenantID, isOutOfRange: Bool) throws(FormatError) {
        writer = try PageWriter()
        writer.append(raw: BlockFrame.header)
        footer.tenant = tenant
        footer.isOutOfRange = isOutOfRange
        footer.startMin = .max
        footer.receivedMin = .max
    }

    /// Takes some spans of a batch.
    mutating func append(_ stored: StoredBatch, rows: some Sequence<Int>) throws(FormatError) {
        let batch = stored.batch
        if footer.rows == 0 { footer.firstPosition = stored.position }
        footer.lastPosition = stored.position
        footer.receivedMin = min(footer.receivedMin, stored.receivedAt)
        footer.receivedMax = max(footer.receivedMax, stored.receivedAt)
        var scope: (row: UInt32, code: Int) = (.max, 0)
        for row in rows {
            let span = batch.spans[row]
            if span.scope != scope.row { scope = (span.scope, scopes.code(of: batch.scope(of: span), in: batch)) }
            append(span, of: batch, scope: scope.code)
            if groupScopes.count == BlockFormat.groupRows { try endGroup() }
        }
    }

    private mutating func append(_ span: SpanRow, of batch: SpanBatch, scope: Int) {
        batch.bytes.withUnsafeBytes { base in
            batch.attributes.withUnsafeBufferPointer { attributes in
                let source = SpanSource(batch: batch, attributes: attributes, base: base)
                var shape = span.needsRaw ? nil : spans.attributes.shape(span.attributes, attributes, base)
                if shape != nil, !events.canTake(span, source) || !links.canTake(span, source) { shape = nil }
                spans.append(span, scope: scope, shape: shape, source)
                guard shape != nil else { return }
                groupEvents += events.append(span, source)
                groupLinks += links.append(span, source)
            }
        }
        traces.append(span)
        footer.rows += 1
        footer.startMin = min(footer.startMin, span.startTime)
        footer.startMax = max(footer.startMax, span.startTime)
        groupScopes.append(scope)
        groupKinds.append(span.kind)
    }

    private mutating func endGroup() throws(FormatError) {
        try spans.endGroup(writer)
        try events.endGroup(writer)
        try links.endGroup(writer)
        for (row, code) in spans.nameCodes.enumerated() {
            let operation = OperationKey(
                service: scopes.serviceOfScope[groupScopes[row]] + 1, name: code, kind: groupKinds[row])
            let slot = Int(truncatingIfNeeded: code &* 31 &+ UInt64(operation.service) &* 7) & 255
            if recentOperations[slot] == operation { continue }
            recentOperations[slot] = operation
            operations.insert(operation)
        }
        footer.tables[0].groupRows.append(UInt32(groupScopes.count))
        footer.tables[1].groupRows.append(groupEvents)
        footer.tables[2].groupRows.append(groupLinks)
        groupScopes.removeAll(keepingCapacity: true)
        groupKinds.removeAll(keepingCapacity: true)
        groupEvents = 0
        groupLinks = 0
    }

    /// The file's bytes and what its footer says.
    mutating func finish() throws(FormatError) -> (bytes: [UInt8], footer: BlockFooter) {
        if !groupScopes.isEmpty { try endGroup() }
        footer.hasServices = scopes.services.reduce(0) { $0 + $1.count } <= BlockFormat.serviceBytesMax
        footer.services = footer.hasServices ? scopes.services : []
        footer.scopeCount = scopes.count
        footer.scopes = try scopes.finish(writer)
        footer.operations = try writer.page(OperationKey.encode(footer.hasServices ? operations : []))
        try spans.finish(writer, &footer.tables[0])
        footer.tables[0].columns += try traces.finish(writer, &footer)
        try events.finish(writer, &footer.tables[1])
        try links.finish(writer, &footer.tables[2])
        let page = try writer.page(footer.encoded())
        writer.append(raw: BlockFrame.trailer(footer: page))
        return (writer.bytes, footer)
    }
}

/// A batch's tables while their memory is held still.
struct SpanSource {
    let batch: SpanBatch
    let attributes: UnsafeBufferPointer<AttributeRow>
    let base: UnsafeRawBufferPointer

    @inline(__always)
    func bytes(_ range: ByteRange) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: base[range.indices]) }
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
