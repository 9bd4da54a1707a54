import OTLP

/// The columns of events.
struct EventTableBuilder: ~Copyable {
    private var attributes = AttributeTableBuilder(hasRaw: false)
    private var shape = ColumnBuilder(.shape)
    private var time = ColumnBuilder(.time)
    private var name = ColumnBuilder(.name)
    private var droppedAttributes = ColumnBuilder(.droppedAttributes)

    init() {}

    /// Whether all events of the span fit into the format's limits.
    mutating func canTake(_ span: SpanRow, _ source: SpanSource) -> Bool {
        for index in span.events.indices {
            let rows = source.attributes(source.events[index].attributes)
            if attributes.shape(rows, source.base) == nil { return false }
        }
        return true
    }

    /// Takes the events of a span that ``canTake(_:_:)`` was asked about, and returns their number.
    mutating func append(_ span: SpanRow, _ source: SpanSource) -> UInt32 {
        for index in span.events.indices {
            let event = source.events[index]
            let rows = source.attributes(event.attributes)
            guard let number = attributes.shape(rows, source.base) else { continue }
            shape.append(UInt64(number))
            attributes.append(rows, shape: number, source.base)
            time.append(signed: Int64(bitPattern: event.time &- span.startTime))
            name.append(event.name, of: source)
            droppedAttributes.append(UInt64(event.droppedAttributesCount))
        }
        return span.events.count
    }

    mutating func endGroup(_ writer: inout PageWriter) throws(FormatError) {
        try attributes.endGroup(&writer)
        try shape.endGroup(&writer)
        try time.endGroup(&writer)
        try name.endGroup(&writer)
        try droppedAttributes.endGroup(&writer)
    }

    mutating func finish(_ writer: inout PageWriter, _ table: inout TableDirectory) throws(FormatError) {
        table.columns = try attributes.finish(&writer)
        table.shapes = attributes.shapes
        table.columns.append(try shape.finish(&writer))
        table.columns.append(try time.finish(&writer))
        table.columns.append(try name.finish(&writer))
        table.columns.append(try droppedAttributes.finish(&writer))
    }
}

/// The columns of links.
struct LinkTableBuilder: ~Copyable {
    private var attributes = AttributeTableBuilder(hasRaw: false)
    private var shape = ColumnBuilder(.shape)
    private var traceID = ColumnBuilder(.traceID)
    private var spanID = ColumnBuilder(.spanID)
    private var traceState = ColumnBuilder(.traceState)
    private var flags = ColumnBuilder(.flags)
    private var droppedAttributes = ColumnBuilder(.droppedAttributes)

    init() {}

    /// Whether all links of the span fit into the format's limits.
    mutating func canTake(_ span: SpanRow, _ source: SpanSource) -> Bool {
        for index in span.links.indices {
            let rows = source.attributes(source.links[index].attributes)
            if attributes.shape(rows, source.base) == nil { return false }
        }
        return true
    }

    /// Takes the links of a span that ``canTake(_:_:)`` was asked about, and returns their number.
    mutating func append(_ span: SpanRow, _ source: SpanSource) -> UInt32 {
        for index in span.links.indices {
            let link = source.links[index]
            let rows = source.attributes(link.attributes)
            guard let number = attributes.shape(rows, source.base) else { continue }
            shape.append(UInt64(number))
            attributes.append(rows, shape: number, source.base)
            traceID.append(id: link.traceID.high)
            traceID.append(id: link.traceID.low)
            spanID.append(id: link.spanID.rawValue)
            traceState.append(link.traceState, of: source)
            flags.append(UInt64(link.flags))
            droppedAttributes.append(UInt64(link.droppedAttributesCount))
        }
        return span.links.count
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
        try body(&traceID)
        try body(&spanID)
        try body(&traceState)
        try body(&flags)
        try body(&droppedAttributes)
    }
}
