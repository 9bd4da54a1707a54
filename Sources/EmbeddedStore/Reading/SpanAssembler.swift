import OTLP
import TraceStorage

/// Puts spans of one row group back together from their columns, in any order of rows.
///
/// The bytes are the canonical form of ``SpanBatch/canonicalSpan(_:)``, or the ``BlockReader/parts`` of it.
struct SpanAssembler {
    private let group: RowGroup
    private let isWhole: Bool
    private var spans: TableRows
    /// Nil where they are not wanted or there are none.
    private var events: ChildRows?
    private var links: ChildRows?
    /// By row where its events and links begin, and where the last ones end; empty where there are none.
    private let eventStarts: [Int]
    private let linkStarts: [Int]
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
        var rows: TableRows
        /// The name of an event, the trace state of a link.
        let text: Int

        init?(_ group: RowGroup, _ kind: TableKind, _ text: ColumnRole) throws(StorageError) {
            guard group.rows(kind) > 0 else { return nil }
            rows = try TableRows(group, kind)
            self.text = try group.column(kind, text)
        }
    }

    init(_ group: RowGroup) throws(StorageError) {
        self.group = group
        isWhole = group.block.parts == nil
        spans = try TableRows(group, .span)
        events = isWhole ? try ChildRows(group, .event, .name) : nil
        links = try ChildRows(group, .link, .traceState)
        let (allEvents, allLinks) = (try group.childStarts(.event), try group.childStarts(.link))
        eventStarts = events == nil ? [] : allEvents
        linkStarts = links == nil ? [] : allLinks
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
    mutating func span(row: Int, traceID: TraceID) throws(StorageError) -> [UInt8] {
        var writer = WireWriter(reservingCapacity: 512)
        try write(row, traceID, to: &writer)
        return writer.takeBytes()
    }

    /// Appends the span in a row of the group.
    mutating func write(_ row: Int, _ traceID: TraceID, to writer: inout WireWriter) throws(StorageError) {
        let shape = spans.shape(row)
        if shape == 0 { return writer.raw(try group.bytes(.span, .raw, ordinal: Int(raws[row]))) }
        let head = SpanHead(
            traceID: traceID, spanID: spanID(row), parentSpanID: try parentID(row), kind: int32(kind[row]),
            startTime: time[row], endTime: time[row] &+ UInt64(bitPattern: ZigZag.decode(duration[row])))
        try spans.prepare(column: traceState, ordinal: row)
        spans.withValue(column: traceState, ordinal: row) { writer.spanIdentity(head, traceState: $0.bytes) }
        try spans.prepare(column: name, ordinal: row)
        spans.withValue(column: name, ordinal: row) { writer.spanBody(head, name: $0.bytes) }
        try spans.appendAttributes(of: row, 9, to: &writer)
        if let wholes { writer.count(10, UInt32(truncatingIfNeeded: wholes.droppedAttributes[row])) }
        if !eventStarts.isEmpty {
            for event in eventStarts[row]..<eventStarts[row + 1] {
                try append(event: event, spanStart: time[row], to: &writer)
            }
        }
        if let wholes { writer.count(12, UInt32(truncatingIfNeeded: wholes.droppedEvents[row])) }
        if !linkStarts.isEmpty {
            for link in linkStarts[row]..<linkStarts[row + 1] { try append(link: link, to: &writer) }
        }
        guard let wholes else {
            if statusCode[row] != 0 { writer.status(message: .empty, code: int32(statusCode[row])) }
            return
        }
        writer.count(14, UInt32(truncatingIfNeeded: wholes.droppedLinks[row]))
        if wholes.hasStatus[row] != 0 {
            let code = int32(statusCode[row])
            try spans.prepare(column: wholes.statusMessage, ordinal: row)
            spans.withValue(column: wholes.statusMessage, ordinal: row) { message in
                writer.status(message: message.bytes, code: code)
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

    private mutating func append(
        event row: Int, spanStart: UInt64, to writer: inout WireWriter
    ) throws(StorageError) {
        let time = try group.numbers(.event, .time)[row]
        let start = writer.beginMessage(11)
        if let name = events?.text {
            try events?.rows.prepare(column: name, ordinal: row)
            events?.rows.withValue(column: name, ordinal: row) { name in
                writer.eventHead(time: spanStart &+ UInt64(bitPattern: ZigZag.decode(time)), name: name.bytes)
            }
        }
        try events?.rows.appendAttributes(of: row, 3, to: &writer)
        writer.count(4, UInt32(truncatingIfNeeded: try group.numbers(.event, .droppedAttributes)[row]))
        writer.endMessage(start)
    }

    private mutating func append(link row: Int, to writer: inout WireWriter) throws(StorageError) {
        let traceID = TraceID(
            high: try group.fixed(.link, .traceID, word: row * 2),
            low: try group.fixed(.link, .traceID, word: row * 2 + 1))
        let spanID = SpanID(try group.fixed(.link, .spanID, word: row))
        let start = writer.beginMessage(13)
        if let state = links?.text {
            try links?.rows.prepare(column: state, ordinal: row)
            links?.rows.withValue(column: state, ordinal: row) { state in
                writer.linkHead(traceID: traceID, spanID: spanID, traceState: state.bytes)
            }
        }
        try links?.rows.appendAttributes(of: row, 4, to: &writer)
        writer.count(5, UInt32(truncatingIfNeeded: try group.numbers(.link, .droppedAttributes)[row]))
        let flags = UInt32(truncatingIfNeeded: try group.numbers(.link, .flags)[row])
        if flags != 0 { writer.fixed32(6, flags) }
        writer.endMessage(start)
    }

    private func int32(_ value: UInt64) -> Int32 { Int32(truncatingIfNeeded: ZigZag.decode(value)) }
}

extension TableRows {
    /// Appends the wanted attributes of a row, as fields of this number.
    fileprivate mutating func appendAttributes(
        of row: Int, _ field: UInt32, to writer: inout WireWriter
    ) throws(StorageError) {
        let places = selection.range(shape(row))
        for place in places {
            let column = selection.column(place)
            guard selection.hasValues(column: column) else {
                selection.withKey(column) { writer.attribute(field, key: $0, ValueView(kind: .empty)) }
                continue
            }
            let ordinal = ordinal(row, place - places.lowerBound)
            try prepare(column: column, ordinal: ordinal)
            selection.withKey(column) { key in
                withValue(column: column, ordinal: ordinal) { writer.attribute(field, key: key, $0) }
            }
        }
    }
}
