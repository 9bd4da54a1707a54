import OTLP

/// The columns of events.
struct EventTableBuilder {
    private var attributes = AttributeTableBuilder(hasRaw: false)
    private var shape = ColumnBuilder(.shape)
    private var time = ColumnBuilder(.time)
    private var name = ColumnBuilder(.name)
    private var droppedAttributes = ColumnBuilder(.droppedAttributes)

    /// Whether all events of the span fit into the format's limits.
    mutating func canTake(_ span: SpanRow, _ source: SpanSource) -> Bool {
        for index in span.events.indices {
            let rows = source.batch.events[index].attributes
            if attributes.shape(rows, source.attributes, source.base) == nil { return false }
        }
        return true
    }

    /// Takes the events of a span that ``canTake(_:_:)`` was asked about, and returns their number.
    mutating func append(_ span: SpanRow, _ source: SpanSource) -> UInt32 {
        for index in span.events.indices {
            let event = source.batch.events[index]
            guard let number = attributes.shape(event.attributes, source.attributes, source.base) else { continue }
            shape.append(UInt64(number))
            attributes.append(event.attributes, shape: number, source.attributes, source.base)
            time.append(signed: Int64(bitPattern: event.time &- span.startTime))
            name.append(source.bytes(event.name))
            droppedAttributes.append(UInt64(event.droppedAttributesCount))
        }
        return span.events.count
    }

    mutating func endGroup(_ writer: PageWriter) throws(FormatError) {
        try attributes.endGroup(writer)
        try shape.endGroup(writer)
        try time.endGroup(writer)
        try name.endGroup(writer)
        try droppedAttributes.endGroup(writer)
    }

    mutating func finish(_ writer: PageWriter, _ table: inout TableDirectory) throws(FormatError) {
        table.columns = try attributes.finish(writer)
        table.shapes = attributes.shapes
        table.columns.append(try shape.finish(writer))
        table.columns.append(try time.finish(writer))
        table.columns.append(try name.finish(writer))
        table.columns.append(try droppedAttributes.finish(writer))
    }
}

/// The columns of links.
struct LinkTableBuilder {
    private var attributes = AttributeTableBuilder(hasRaw: false)
    private var shape = ColumnBuilder(.shape)
    private var traceID = ColumnBuilder(.traceID)
    private var spanID = ColumnBuilder(.spanID)
    private var traceState = ColumnBuilder(.traceState)
    private var flags = ColumnBuilder(.flags)
    private var droppedAttributes = ColumnBuilder(.droppedAttributes)

    /// Whether all links of the span fit into the format's limits.
    mutating func canTake(_ span: SpanRow, _ source: SpanSource) -> Bool {
        for index in span.links.indices {
            let rows = source.batch.links[index].attributes
            if attributes.shape(rows, source.attributes, source.base) == nil { return false }
        }
        return true
    }

    /// Takes the links of a span that ``canTake(_:_:)`` was asked about, and returns their number.
    mutating func append(_ span: SpanRow, _ source: SpanSource) -> UInt32 {
        for index in span.links.indices {
            let link = source.batch.links[index]
            guard let number = attributes.shape(link.attributes, source.attributes, source.base) else { continue }
            shape.append(UInt64(number))
            attributes.append(link.attributes, shape: number, source.attributes, source.base)
            var id = (link.traceID.high.littleEndian, link.traceID.low.littleEndian)
            withUnsafeBytes(of: &id) { traceID.append($0) }
            withUnsafeBytes(of: link.spanID.rawValue.littleEndian) { spanID.append($0) }
            traceState.append(source.bytes(link.traceState))
            flags.append(UInt64(link.flags))
            droppedAttributes.append(UInt64(link.droppedAttributesCount))
        }
        return span.links.count
    }

    mutating func endGroup(_ writer: PageWriter) throws(FormatError) {
        try attributes.endGroup(writer)
        try forEachColumn { column throws(FormatError) in try column.endGroup(writer) }
    }

    mutating func finish(_ writer: PageWriter, _ table: inout TableDirectory) throws(FormatError) {
        table.columns = try attributes.finish(writer)
        table.shapes = attributes.shapes
        try forEachColumn { column throws(FormatError) in table.columns.append(try column.finish(writer)) }
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
