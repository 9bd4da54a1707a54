import OTLP
import TraceStorage

extension BlockFooter {
    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.string(tenant.name.utf8)
        writer.varint(isOutOfRange ? 1 : 0)
        writer.varint(rows)
        for value in [startMin, startMax, receivedMin, receivedMax, firstPosition.rawValue, lastPosition.rawValue] {
            writer.fixed(value)
        }
        writer.varint(hasServices ? 1 : 0)
        writer.varint(services.count)
        for service in services { writer.string(service) }
        writer.page(scopes)
        writer.varint(scopeCount)
        writer.page(operations)
        writer.varint(traceCount)
        for (fence, page) in zip(traceFences, tracePages) {
            writer.fixed(fence)
            writer.page(page)
        }
        for table in tables { table.encode(to: &writer) }
        longest.encode(to: &writer)
        return writer.bytes
    }

    init(decoding bytes: [UInt8]) throws(FormatError) {
        var reader = ByteReader(bytes)
        guard let tenant = TenantID(String(decoding: try reader.string(), as: UTF8.self)) else {
            throw FormatError("tenant longer than \(TenantID.bytesMax) bytes")
        }
        self.tenant = tenant
        isOutOfRange = try reader.count(max: 1) == 1
        rows = try reader.count(max: Int(Int32.max))
        startMin = try reader.fixed(UInt64.self)
        startMax = try reader.fixed(UInt64.self)
        receivedMin = try reader.fixed(UInt64.self)
        receivedMax = try reader.fixed(UInt64.self)
        firstPosition = JournalPosition(try reader.fixed(UInt64.self))
        lastPosition = JournalPosition(try reader.fixed(UInt64.self))
        hasServices = try reader.count(max: 1) == 1
        for _ in 0..<(try reader.countOfRest()) { services.append(try reader.string()) }
        scopes = try reader.page()
        scopeCount = try reader.count(max: rows)
        operations = try reader.page()
        traceCount = try reader.count(max: rows)
        let pages = (traceCount + BlockFormat.tracesPerPage - 1) / BlockFormat.tracesPerPage
        guard pages <= reader.bytesLeft else { throw FormatError("\(pages) trace pages do not fit the footer") }
        for _ in 0..<pages {
            traceFences.append(try reader.fixed(UInt64.self))
            tracePages.append(try reader.page())
        }
        let groups = (rows + BlockFormat.groupRows - 1) / BlockFormat.groupRows
        for table in tables.indices { tables[table] = try TableDirectory(&reader, groups: groups) }
        longest = try LongestSpans(&reader, groups: groups, services: services.count)
        try checkRows()
    }

    private func checkRows() throws(FormatError) {
        for (group, count) in tables[0].groupRows.enumerated() {
            let expected = min(BlockFormat.groupRows, rows - group * BlockFormat.groupRows)
            guard Int(count) == expected else {
                throw FormatError("row group \(group) has \(count) rows, not \(expected)")
            }
        }
    }
}

extension TableDirectory {
    fileprivate func encode(to writer: inout ByteWriter) {
        for rows in groupRows { writer.varint(UInt64(rows)) }
        writer.varint(columns.count)
        for column in columns { column.encode(to: &writer) }
        writer.varint(shapes.count)
        for shape in shapes {
            writer.varint(shape.count)
            for column in shape { writer.varint(UInt64(column)) }
        }
    }

    fileprivate init(_ reader: inout ByteReader, groups: Int) throws(FormatError) {
        guard groups <= reader.bytesLeft else { throw FormatError("\(groups) row groups do not fit the footer") }
        for _ in 0..<groups { groupRows.append(UInt32(try reader.count(max: BlockFormat.pageValuesMax))) }
        let columnCount = try reader.count(max: BlockFormat.columnsMax + ColumnRole.allCases.count)
        guard columnCount * groups <= BlockFormat.columnPagesMax else {
            throw FormatError("\(columnCount) columns in \(groups) row groups")
        }
        for _ in 0..<columnCount { columns.append(try ColumnDirectory(&reader, groups: groups)) }
        // One more than a writer makes: in the span table a shape stands for rows kept raw.
        let shapeCount = try reader.count(max: BlockFormat.shapesMax + 1)
        var elements = 0
        for _ in 0..<shapeCount {
            var shape: [UInt16] = []
            let shapeElements = try reader.count(max: BlockFormat.shapeElementsMax - elements)
            elements += shapeElements
            for _ in 0..<shapeElements {
                guard !columns.isEmpty else { throw FormatError("a shape without columns") }
                let column = try reader.count(max: min(columns.count - 1, Int(UInt16.max)))
                guard columns[column].role == .attribute else {
                    throw FormatError("a shape names a column of no attribute")
                }
                shape.append(UInt16(column))
            }
            shapes.append(shape)
        }
    }
}

extension ColumnDirectory {
    fileprivate func encode(to writer: inout ByteWriter) {
        writer.varint(UInt64(role.rawValue))
        writer.varint(UInt64(kind.rawValue))
        writer.string(key)
        for (group, page) in pages.enumerated() {
            writer.varint(UInt64(page.count))
            guard page.count > 0, layout != .none else { continue }
            writer.page(page.page)
            if hasRanges {
                writer.fixed(ranges[group].min)
                writer.fixed(ranges[group].max)
            }
        }
        writer.varint(dictionary.count)
        for page in dictionary {
            writer.varint(UInt64(page.count))
            writer.page(page.page)
        }
    }

    fileprivate init(_ reader: inout ByteReader, groups: Int) throws(FormatError) {
        let rawRole = try reader.varint()
        let rawKind = try reader.varint()
        guard let role = UInt8(exactly: rawRole).flatMap(ColumnRole.init(rawValue:)),
            let kind = UInt8(exactly: rawKind).flatMap(ValueKind.init(rawValue:))
        else { throw FormatError("column of unknown role \(rawRole) or type \(rawKind)") }
        self.init(role: role, kind: kind, key: try reader.string(), pages: [])
        guard groups <= reader.bytesLeft else { throw FormatError("pages of a column do not fit the footer") }
        pages.reserveCapacity(groups)
        for _ in 0..<groups {
            var page = ColumnPage(count: UInt32(try reader.count(max: BlockFormat.pageValuesMax)))
            var range = PageRange()
            if page.count > 0, layout != .none {
                page.page = try reader.page()
                if hasRanges {
                    range.min = try reader.fixed(UInt64.self)
                    range.max = try reader.fixed(UInt64.self)
                }
            }
            pages.append(page)
            if hasRanges { ranges.append(range) }
        }
        var first = 0
        for _ in 0..<(try reader.countOfRest()) {
            let count = try reader.count(max: BlockFormat.dictionaryPageEntries)
            guard count > 0, first <= BlockFormat.pageValuesMax - count else {
                throw FormatError("a dictionary of more than \(BlockFormat.pageValuesMax) entries, or a page of none")
            }
            dictionary.append(DictionaryPage(page: try reader.page(), first: UInt32(first), count: UInt32(count)))
            first += count
        }
    }
}

extension ByteWriter {
    fileprivate mutating func page(_ page: PageReference) {
        varint(page.offset)
        varint(UInt64(page.storedBytes))
        varint(UInt64(page.rawBytes))
        fixed(page.checksum)
    }
}

extension ByteReader {
    fileprivate mutating func page() throws(FormatError) -> PageReference {
        PageReference(
            offset: try varint(), storedBytes: UInt32(try count(max: BlockFormat.pageBytesMax)),
            rawBytes: UInt32(try count(max: BlockFormat.pageBytesMax)), checksum: try fixed(UInt32.self))
    }
}
