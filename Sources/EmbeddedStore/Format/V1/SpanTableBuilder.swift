import OTLP

/// The columns of spans, but for those of ``TraceTableBuilder``.
struct SpanTableBuilder: ~Copyable {
    var attributes = AttributeTableBuilder(hasRaw: true)
    private var shape = ColumnBuilder(.shape)
    private var raw = ColumnBuilder(.raw)
    private var scope = ColumnBuilder(.scope)
    private var spanID = ColumnBuilder(.spanID)
    private var time = ColumnBuilder(.time)
    private var duration = ColumnBuilder(.duration)
    private(set) var name = ColumnBuilder(.name)
    private var kind = ColumnBuilder(.kind)
    private var statusCode = ColumnBuilder(.statusCode)
    private var statusMessage = ColumnBuilder(.statusMessage)
    private var traceState = ColumnBuilder(.traceState)
    private var flags = ColumnBuilder(.flags)
    private var hasStatus = ColumnBuilder(.hasStatus)
    private var droppedAttributes = ColumnBuilder(.droppedAttributes)
    private var droppedEvents = ColumnBuilder(.droppedEvents)
    private var droppedLinks = ColumnBuilder(.droppedLinks)
    private var eventCount = ColumnBuilder(.eventCount)
    private var linkCount = ColumnBuilder(.linkCount)

    init() {}

    /// `shape`: nil for a span that is kept raw.
    @inline(__always)
    mutating func append(_ span: UnsafePointer<SpanRow>, scope code: Int, shape number: Int?, _ source: SpanSource) {
        let span = span.pointee
        spanID.append(id: span.spanID.rawValue)
        scope.append(UInt64(code))
        time.append(span.endTime, ranged: span.startTime)
        duration.append(signed: Int64(bitPattern: span.endTime &- span.startTime))
        name.append(span.name, of: source)
        kind.append(signed: Int64(span.kind))
        statusCode.append(signed: Int64(span.statusCode))
        statusMessage.append(span.statusMessage, of: source)
        traceState.append(span.traceState, of: source)
        flags.append(UInt64(span.flags))
        hasStatus.append(span.hasStatus ? 1 : 0)
        droppedAttributes.append(UInt64(span.droppedAttributesCount))
        droppedEvents.append(UInt64(span.droppedEventsCount))
        droppedLinks.append(UInt64(span.droppedLinksCount))
        if let number {
            shape.append(UInt64(number))
            attributes.append(source.attributes(span.attributes), shape: number, source.base)
            eventCount.append(UInt64(span.events.count))
            linkCount.append(UInt64(span.links.count))
        } else {
            shape.append(0)
            raw.append(span.raw, of: source)
            eventCount.append(0)
            linkCount.append(0)
        }
    }

    mutating func endGroup(_ writer: inout PageWriter) throws(FormatError) {
        try attributes.endGroup(&writer)
        try forEachColumn { column throws(FormatError) in try column.endGroup(&writer) }
    }

    mutating func finish(_ writer: inout PageWriter, _ table: inout TableDirectory) throws(FormatError) {
        table.columns = try attributes.finish(&writer)
        table.shapes = attributes.shapes
        try forEachColumn { column throws(FormatError) in table.columns.append(try column.finish(&writer)) }
    }

    private mutating func forEachColumn(_ body: (inout ColumnBuilder) throws(FormatError) -> Void) throws(FormatError) {
        try body(&shape)
        try body(&raw)
        try body(&scope)
        try body(&spanID)
        try body(&time)
        try body(&duration)
        try body(&name)
        try body(&kind)
        try body(&statusCode)
        try body(&statusMessage)
        try body(&traceState)
        try body(&flags)
        try body(&hasStatus)
        try body(&droppedAttributes)
        try body(&droppedEvents)
        try body(&droppedLinks)
        try body(&eventCount)
        try body(&linkCount)
    }
}
