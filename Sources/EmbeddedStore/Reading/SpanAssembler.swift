import OTLP
import TraceStorage

/// Puts spans of one row group back together from their columns, in any order of rows.
///
/// The bytes are the canonical form of ``SpanBatch/canonicalSpan(_:)``, or the ``BlockReader/parts`` of it.
struct SpanAssembler {
    private let group: RowGroup
    private let isWhole: Bool
    private let spans: AttributePlaces
    /// Nil where they are not wanted or there are none.
    private let events: ChildRows?
    private let links: ChildRows?
    private let wholes: WholeColumns?
    /// By row, how many before it are kept raw or have a parent outside of the block; empty where none is or has.
    private let raws: [UInt32]
    private let externalParents: [UInt32]
    private let name: Int
    private let traceState: Int

    private let ids: [UInt8]
    private let time: [UInt64]
    private let duration: [UInt64]
    private let kind: [UInt64]
    private let statusCode: [UInt64]
    private let parent: [UInt64]

    /// What is read only of whole spans.
    private struct WholeColumns {
        let statusMessage: Int
        let flags: [UInt64]
        let hasStatus: [UInt64]
        let droppedAttributes: [UInt64]
        let droppedEvents: [UInt64]
        let droppedLinks: [UInt64]

        init(_ group: RowGroup) throws(StorageError) {
            statusMessage = try group.column(.span, .statusMessage)
            flags = try group.numbers(.span, .flags)
            hasStatus = try group.numbers(.span, .hasStatus)
            droppedAttributes = try group.numbers(.span, .droppedAttributes)
            droppedEvents = try group.numbers(.span, .droppedEvents)
            droppedLinks = try group.numbers(.span, .droppedLinks)
        }
    }

    /// The events or links of spans.
    private struct ChildRows {
        let starts: [Int]
        let attributes: AttributePlaces
        /// The name of an event, the trace state of a link.
        let text: Int

        init?(_ group: RowGroup, _ kind: TableKind, _ text: ColumnRole) throws(StorageError) {
            starts = try group.childStarts(kind)
            guard group.rows(kind) > 0 else { return nil }
            attributes = try AttributePlaces(group, kind)
            self.text = try group.column(kind, text)
        }

        func rows(of span: Int) -> Range<Int> { starts[span]..<starts[span + 1] }
    }

    init(_ group: RowGroup) throws(StorageError) {
        self.group = group
        isWhole = group.block.parts == nil
        spans = try AttributePlaces(group, .span)
        events = isWhole ? try ChildRows(group, .event, .name) : nil
        links = try ChildRows(group, .link, .traceState)
        wholes = isWhole ? try WholeColumns(group) : nil
        name = try group.column(.span, .name)
        traceState = try group.column(.span, .traceState)
        time = try group.startTimes()
        duration = try group.numbers(.span, .duration)
        kind = try group.numbers(.span, .kind)
        statusCode = try group.numbers(.span, .statusCode)
        parent = try group.numbers(.span, .parent)
        ids = try group.spanIDs()
        raws = Self.counts(of: 0, in: try group.shapes(.span))
        externalParents = Self.counts(of: 1, in: parent)
    }

    /// By place, how many before it are equal to a number; empty where none is.
    private static func counts(of wanted: UInt64, in numbers: [UInt64]) -> [UInt32] {
        guard numbers.contains(wanted) else { return [] }
        var count: UInt32 = 0
        return numbers.map { number in
            defer { if number == wanted { count += 1 } }
            return count
        }
    }

    func spanID(_ row: Int) -> SpanID { SpanID(LittleEndian.number(ids, at: row * 8)) }

    /// The bytes of the span in a row of the group.
    func span(row: Int, traceID: TraceID) throws(StorageError) -> [UInt8] {
        var writer = WireWriter(reservingCapacity: 512)
        try write(row, traceID, to: &writer)
        return writer.takeBytes()
    }

    /// Appends the span in a row of the group.
    func write(_ row: Int, _ traceID: TraceID, to writer: inout WireWriter) throws(StorageError) {
        let shape = spans.shape(row)
        if shape == 0 { return writer.raw(try group.bytes(.span, .raw, ordinal: Int(raws[row]))) }
        let head = SpanHead(
            traceID: traceID, spanID: spanID(row), parentSpanID: try parentID(row), kind: int32(kind[row]),
            startTime: time[row], endTime: time[row] &+ UInt64(bitPattern: ZigZag.decode(duration[row])))
        try group.withValue(.span, column: traceState, ordinal: row) { state throws(StorageError) in
            try group.withValue(.span, column: name, ordinal: row) { name in
                writer.spanHead(head, name: name.bytes, traceState: state.bytes)
            }
        }
        try append(spans, row, .span, 9, to: &writer)
        if let wholes { writer.count(10, UInt32(truncatingIfNeeded: wholes.droppedAttributes[row])) }
        if let events {
            for event in events.rows(of: row) { try append(events, event: event, spanStart: time[row], to: &writer) }
        }
        if let wholes { writer.count(12, UInt32(truncatingIfNeeded: wholes.droppedEvents[row])) }
        if let links {
            for link in links.rows(of: row) { try append(links, link: link, to: &writer) }
        }
        guard let wholes else {
            if statusCode[row] != 0 { writer.status(message: .empty, code: int32(statusCode[row])) }
            return
        }
        writer.count(14, UInt32(truncatingIfNeeded: wholes.droppedLinks[row]))
        if wholes.hasStatus[row] != 0 {
            try group.withValue(.span, column: wholes.statusMessage, ordinal: row) { message in
                writer.status(message: message.bytes, code: int32(statusCode[row]))
            }
        }
        if wholes.flags[row] != 0 { writer.fixed32(16, UInt32(truncatingIfNeeded: wholes.flags[row])) }
    }

    private func parentID(_ row: Int) throws(StorageError) -> SpanID {
        switch parent[row] {
        case 0: return .invalid
        case 1: return SpanID(try group.fixed(.span, .parentID, word: Int(externalParents[row])))
        default:
            let distance = ZigZag.decode(parent[row] - 2)
            let (target, isBeyond) = Int64(row).subtractingReportingOverflow(distance)
            if !isBeyond, target >= 0, target < Int64(group.rows) { return spanID(Int(target)) }
            let this = Int64(group.index * BlockFormat.groupRows + row)
            return try group.block.spanID(row: Int(this &- distance))
        }
    }

    private func append(
        _ events: ChildRows, event row: Int, spanStart: UInt64, to writer: inout WireWriter
    ) throws(StorageError) {
        let time = try group.numbers(.event, .time)[row]
        let start = writer.beginMessage(11)
        try group.withValue(.event, column: events.text, ordinal: row) { name in
            writer.eventHead(time: spanStart &+ UInt64(bitPattern: ZigZag.decode(time)), name: name.bytes)
        }
        try append(events.attributes, row, .event, 3, to: &writer)
        writer.count(4, UInt32(truncatingIfNeeded: try group.numbers(.event, .droppedAttributes)[row]))
        writer.endMessage(start)
    }

    private func append(_ links: ChildRows, link row: Int, to writer: inout WireWriter) throws(StorageError) {
        let traceID = TraceID(
            high: try group.fixed(.link, .traceID, word: row * 2),
            low: try group.fixed(.link, .traceID, word: row * 2 + 1))
        let spanID = SpanID(try group.fixed(.link, .spanID, word: row))
        let start = writer.beginMessage(13)
        try group.withValue(.link, column: links.text, ordinal: row) { state in
            writer.linkHead(traceID: traceID, spanID: spanID, traceState: state.bytes)
        }
        try append(links.attributes, row, .link, 4, to: &writer)
        writer.count(5, UInt32(truncatingIfNeeded: try group.numbers(.link, .droppedAttributes)[row]))
        let flags = UInt32(truncatingIfNeeded: try group.numbers(.link, .flags)[row])
        if flags != 0 { writer.fixed32(6, flags) }
        writer.endMessage(start)
    }

    private func append(
        _ places: AttributePlaces, _ row: Int, _ kind: TableKind, _ field: UInt32, to writer: inout WireWriter
    ) throws(StorageError) {
        let selection = places.selection
        for (number, place) in selection.range(places.shape(row)).enumerated() {
            let column = selection.column(place)
            let key = group.block.footer.tables[kind.rawValue].columns[column].key
            guard selection.hasValues(column: column) else {
                key.withUnsafeBytes { writer.attribute(field, key: $0, ValueView(kind: .empty)) }
                continue
            }
            try group.withValue(kind, column: column, ordinal: places.ordinal(row, number)) { view in
                key.withUnsafeBytes { writer.attribute(field, key: $0, view) }
            }
        }
    }

    private func int32(_ value: UInt64) -> Int32 { Int32(truncatingIfNeeded: ZigZag.decode(value)) }
}
