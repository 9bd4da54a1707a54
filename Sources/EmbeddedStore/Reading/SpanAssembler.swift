import OTLP
import TraceStorage

/// Puts spans of one row group back together from their columns.
///
/// Rows are asked for in rising order, each once. The bytes are the canonical form of ``SpanBatch/canonicalSpan(_:)``.
struct SpanAssembler {
    private let group: RowGroup
    private var spans: AttributeCursor
    private var events: AttributeCursor
    private var links: AttributeCursor
    private let eventStarts: [Int]
    private let linkStarts: [Int]
    private var rawsBefore = 0
    private var externalParentsBefore = 0
    private var nextRow = 0

    private let time: [UInt64]
    private let duration: [UInt64]
    private let kind: [UInt64]
    private let statusCode: [UInt64]
    private let flags: [UInt64]
    private let hasStatus: [UInt64]
    private let droppedAttributes: [UInt64]
    private let droppedEvents: [UInt64]
    private let droppedLinks: [UInt64]
    private let parent: [UInt64]

    init(_ group: RowGroup) throws(StorageError) {
        self.group = group
        spans = try AttributeCursor(group, .span)
        events = try AttributeCursor(group, .event)
        links = try AttributeCursor(group, .link)
        eventStarts = try group.childStarts(.event)
        linkStarts = try group.childStarts(.link)
        time = try group.startTimes()
        duration = try group.numbers(.span, .duration)
        kind = try group.numbers(.span, .kind)
        statusCode = try group.numbers(.span, .statusCode)
        flags = try group.numbers(.span, .flags)
        hasStatus = try group.numbers(.span, .hasStatus)
        droppedAttributes = try group.numbers(.span, .droppedAttributes)
        droppedEvents = try group.numbers(.span, .droppedEvents)
        droppedLinks = try group.numbers(.span, .droppedLinks)
        parent = try group.numbers(.span, .parent)
    }

    /// The bytes of the span in a row of the group, and its id.
    mutating func span(row: Int, traceID: TraceID) throws(StorageError) -> (bytes: [UInt8], id: SpanID) {
        while nextRow < row { pass(nextRow) }
        defer { pass(row) }
        let id = try group.block.spanID(row: group.index * BlockFormat.groupRows + row)
        if spans.shape(row) == 0 { return (try group.bytes(.span, .raw, ordinal: rawsBefore), id) }
        var writer = WireWriter(reservingCapacity: 512)
        writer.spanHead(
            SpanHead(
                traceID: traceID, spanID: id, parentSpanID: try parentID(row), kind: int32(kind[row]),
                startTime: time[row], endTime: time[row] &+ UInt64(bitPattern: ZigZag.decode(duration[row]))),
            name: try group.bytes(.span, .name, ordinal: row),
            traceState: try group.bytes(.span, .traceState, ordinal: row))
        try append(spans.attributes(of: row), .span, 9, to: &writer)
        writer.count(10, UInt32(truncatingIfNeeded: droppedAttributes[row]))
        for event in eventStarts[row]..<eventStarts[row + 1] {
            writer.bytes(11, try self.event(event, spanStart: time[row]))
        }
        writer.count(12, UInt32(truncatingIfNeeded: droppedEvents[row]))
        for link in linkStarts[row]..<linkStarts[row + 1] { writer.bytes(13, try self.link(link)) }
        writer.count(14, UInt32(truncatingIfNeeded: droppedLinks[row]))
        if hasStatus[row] != 0 {
            writer.status(
                message: try group.bytes(.span, .statusMessage, ordinal: row), code: int32(statusCode[row]))
        }
        if flags[row] != 0 { writer.fixed32(16, UInt32(truncatingIfNeeded: flags[row])) }
        return (writer.takeBytes(), id)
    }

    /// Notes what a row takes from columns that not every row has.
    private mutating func pass(_ row: Int) {
        if spans.shape(row) == 0 { rawsBefore += 1 }
        if parent[row] == 1 { externalParentsBefore += 1 }
        nextRow = row + 1
    }

    private func parentID(_ row: Int) throws(StorageError) -> SpanID {
        switch parent[row] {
        case 0: return .invalid
        case 1: return SpanID(try group.fixed(.span, .parentID, word: externalParentsBefore))
        default:
            let distance = ZigZag.decode(parent[row] - 2)
            let this = Int64(group.index * BlockFormat.groupRows + row)
            return try group.block.spanID(row: Int(this &- distance))
        }
    }

    private mutating func event(_ row: Int, spanStart: UInt64) throws(StorageError) -> [UInt8] {
        let time = try group.numbers(.event, .time)[row]
        var writer = WireWriter()
        writer.eventHead(
            time: spanStart &+ UInt64(bitPattern: ZigZag.decode(time)),
            name: try group.bytes(.event, .name, ordinal: row))
        try append(events.attributes(of: row), .event, 3, to: &writer)
        writer.count(4, UInt32(truncatingIfNeeded: try group.numbers(.event, .droppedAttributes)[row]))
        return writer.takeBytes()
    }

    private mutating func link(_ row: Int) throws(StorageError) -> [UInt8] {
        var writer = WireWriter()
        writer.linkHead(
            traceID: TraceID(
                high: try group.fixed(.link, .traceID, word: row * 2),
                low: try group.fixed(.link, .traceID, word: row * 2 + 1)),
            spanID: SpanID(try group.fixed(.link, .spanID, word: row)),
            traceState: try group.bytes(.link, .traceState, ordinal: row))
        try append(links.attributes(of: row), .link, 4, to: &writer)
        writer.count(5, UInt32(truncatingIfNeeded: try group.numbers(.link, .droppedAttributes)[row]))
        let flags = UInt32(truncatingIfNeeded: try group.numbers(.link, .flags)[row])
        if flags != 0 { writer.fixed32(6, flags) }
        return writer.takeBytes()
    }

    private func append(
        _ attributes: [(column: Int, ordinal: Int)], _ kind: TableKind, _ field: UInt32, to writer: inout WireWriter
    ) throws(StorageError) {
        for (column, ordinal) in attributes {
            let key = group.block.footer.tables[kind.rawValue].columns[column].key
            try group.withValue(kind, column: column, ordinal: ordinal) { view in
                key.withUnsafeBytes { writer.attribute(field, key: $0, view) }
            }
        }
    }

    private func int32(_ value: UInt64) -> Int32 { Int32(truncatingIfNeeded: ZigZag.decode(value)) }
}
