import OTLP
import TraceStorage

/// A column's values in one row group.
enum ColumnValues {
    case none
    case numbers([UInt64])
    case codes([UInt64])
    case bytes(BytesPage)
    case fixed([UInt8])

    /// Bytes of memory that they take.
    var memoryBytes: Int {
        switch self {
        case .none: 0
        case .numbers(let numbers), .codes(let numbers): numbers.count * 8
        case .bytes(let page): page.memoryBytes
        case .fixed(let bytes): bytes.count
        }
    }
}

extension [UInt64] {
    /// Whether all are less than `limit`; looks at all of them, which is faster than stopping at the first.
    func areBelow(_ limit: UInt64) -> Bool {
        var largest: UInt64 = 0
        for number in self { largest = Swift.max(largest, number) }
        return isEmpty || largest < limit
    }
}

/// One row group of a block: decodes pages as they are asked for and keeps them as long as it lives.
final class RowGroup {
    let block: BlockReader
    let index: Int
    /// Rows of spans.
    let rows: Int
    /// By table and column; nil where nobody asked.
    private var columns: [[ColumnValues?]]
    /// Bytes of decoded columns and what else is kept here, counted as the query's.
    private(set) var reserved = 0

    init(_ block: BlockReader, index: Int) {
        self.block = block
        self.index = index
        rows = Int(block.footer.tables[0].groupRows[index])
        columns = block.footer.tables.map { Array(repeating: nil, count: $0.columns.count) }
    }

    deinit {
        block.context.release(reserved)
    }

    /// Counts memory as the query's, for as long as the group lives.
    func reserve(_ bytes: Int) throws(StorageError) {
        try block.context.reserve(bytes)
        reserved += bytes
    }

    func table(_ kind: TableKind) -> TableDirectory { block.footer.tables[kind.rawValue] }

    func rows(_ kind: TableKind) -> Int { Int(table(kind).groupRows[index]) }

    /// The values of a column, whose number is checked against what the directory says.
    func values(_ kind: TableKind, column: Int) throws(StorageError) -> ColumnValues {
        if let known = columns[kind.rawValue][column] { return known }
        let directory = block.footer.tables[kind.rawValue].columns[column]
        let page = directory.pages[index]
        var values = ColumnValues.none
        if page.count > 0, directory.layout != .none {
            // Before the memory is taken; what values of bytes need besides is known once they are there.
            let numbers = Int(page.count) * 8
            try reserve(numbers)
            values = try block.withPage(page.page) { bytes throws(FormatError) in
                try Self.decode(bytes, directory, Int(page.count))
            }
            let more = values.memoryBytes - numbers
            if more > 0 { try reserve(more) }
        }
        columns[kind.rawValue][column] = values
        return values
    }

    private static func decode(
        _ bytes: UnsafeRawBufferPointer, _ column: ColumnDirectory, _ count: Int
    ) throws(FormatError) -> ColumnValues {
        var offset = 0
        switch column.layout {
        case .none: return .none
        case .integers: return .numbers(try IntegerPage.decode(bytes, at: &offset, count: count))
        case .fixed(let width):
            guard bytes.count == count * width else { throw FormatError("\(count) ids in \(bytes.count) bytes") }
            return .fixed(Array(bytes))
        case .bytes:
            guard let mode = bytes.first, mode <= 2 else { throw FormatError("page of byte strings of unknown mode") }
            if mode == 0 { return .bytes(try BytesPage.decode(Array(bytes), at: 1, count: count)) }
            if mode == 2 { return .bytes(try HexPage.decode(Array(bytes), at: 1, count: count)) }
            offset = 1
            let codes = try IntegerPage.decode(bytes, at: &offset, count: count)
            let entries = UInt64(column.dictionaryCount)
            guard codes.areBelow(entries) else {
                throw FormatError("code beyond a dictionary of \(entries)")
            }
            return .codes(codes)
        }
    }

    /// The numbers of a role that every row has.
    func numbers(_ kind: TableKind, _ role: ColumnRole) throws(StorageError) -> [UInt64] {
        let expected = rows(kind)
        guard expected > 0 else { return [] }
        guard let column = table(kind).column(role), case .numbers(let numbers) = try values(kind, column: column),
            numbers.count == expected
        else { throw corrupt("column \(role) of \(kind)s does not have \(expected) numbers") }
        return numbers
    }

    /// When each span starts, in unix nanoseconds.
    func startTimes() throws(StorageError) -> [UInt64] {
        var times = try numbers(.span, .time)
        let durations = try numbers(.span, .duration)
        for row in times.indices { times[row] = times[row] &- UInt64(bitPattern: ZigZag.decode(durations[row])) }
        return times
    }

    /// The shortest and longest duration, from the directory.
    var durationRange: ClosedRange<UInt64>? {
        guard let column = table(.span).column(.duration) else { return nil }
        let range = table(.span).columns[column].ranges[index]
        return range.min <= range.max ? range.min...range.max : nil
    }

    /// How long each span took, by the rule of ``SpanRow/durationNanoseconds``: one that ends before it starts took no
    /// time.
    func durations() throws(StorageError) -> [UInt64] {
        var durations = try numbers(.span, .duration)
        let starts = hasPlainDurations ? nil : try startTimes()
        durations.withUnsafeMutableBufferPointer { durations in
            for row in durations.indices { durations[row] = UInt64(bitPattern: ZigZag.decode(durations[row])) }
        }
        guard let starts else { return durations }
        for row in starts.indices where starts[row] &+ durations[row] <= starts[row] { durations[row] = 0 }
        return durations
    }

    /// Whether the directory shows that no span of the group ends before it starts; the times need not be read then.
    private var hasPlainDurations: Bool {
        guard let range = durationRange, let time = table(.span).column(.time) else { return false }
        let latest = table(.span).columns[time].ranges[index].max
        return range.upperBound < .max && !latest.addingReportingOverflow(range.upperBound).overflow
    }

    /// The shapes of a table's rows, checked to exist.
    func shapes(_ kind: TableKind) throws(StorageError) -> [UInt64] {
        let shapes = try numbers(kind, .shape)
        let limit = UInt64(table(kind).shapes.count)
        guard shapes.areBelow(limit) else { throw corrupt("a shape beyond \(limit)") }
        return shapes
    }

    func scopeCodes() throws(StorageError) -> [UInt64] {
        let codes = try numbers(.span, .scope)
        let limit = UInt64(block.footer.scopeCount)
        guard codes.areBelow(limit) else { throw corrupt("a scope beyond \(limit)") }
        return codes
    }

    /// Where the events or links of each span begin among the group's, and where the last ones end.
    func childStarts(_ kind: TableKind) throws(StorageError) -> [Int] {
        let counts = try numbers(.span, kind == .event ? .eventCount : .linkCount)
        var starts = [0]
        starts.reserveCapacity(counts.count + 1)
        let limit = rows(kind)
        for count in counts {
            let start = starts[starts.count - 1]
            guard count <= UInt64(limit - start) else { throw corrupt("more \(kind)s than \(limit)") }
            starts.append(start + Int(count))
        }
        guard starts.last == limit else { throw corrupt("fewer \(kind)s than \(limit)") }
        return starts
    }

    func corrupt(_ reason: String) -> StorageError {
        do {
            return try block.checked { () throws(FormatError) in throw FormatError("row group \(index): \(reason)") }
        } catch { return error }
    }

    // MARK: values

    /// Hands one value of a column to `body`.
    func withValue<Result>(
        _ kind: TableKind, column: Int, ordinal: Int, _ body: (ValueView) -> Result
    ) throws(StorageError) -> Result {
        let valueKind = block.footer.tables[kind.rawValue].columns[column].kind
        switch try values(kind, column: column) {
        case .none: return body(ValueView(kind: valueKind))
        case .numbers(let numbers):
            guard ordinal < numbers.count else { break }
            let bits = valueKind == .int ? UInt64(bitPattern: ZigZag.decode(numbers[ordinal])) : numbers[ordinal]
            return body(ValueView(kind: valueKind, bits: bits))
        case .codes(let codes):
            guard ordinal < codes.count else { break }
            let directory = block.footer.tables[kind.rawValue].columns[column]
            let (page, index) = try block.dictionary(directory, code: codes[ordinal])
            return Self.with(page, index, valueKind, body)
        case .bytes(let page):
            guard ordinal < page.count else { break }
            return Self.with(page, ordinal, valueKind, body)
        case .fixed: break
        }
        throw corrupt("value \(ordinal) beyond the end of its column")
    }

    private static func with<Result>(
        _ page: BytesPage, _ index: Int, _ kind: ValueKind, _ body: (ValueView) -> Result
    ) -> Result {
        page.bytes.withUnsafeBytes { base in
            body(ValueView(kind: kind, bytes: UnsafeRawBufferPointer(rebasing: base[page.range(index)])))
        }
    }

    /// The column of a role that a table has.
    func column(_ kind: TableKind, _ role: ColumnRole) throws(StorageError) -> Int {
        guard let column = table(kind).column(role) else { throw corrupt("no column \(role)") }
        return column
    }

    /// The bytes of a role's value.
    func bytes(_ kind: TableKind, _ role: ColumnRole, ordinal: Int) throws(StorageError) -> [UInt8] {
        try withValue(kind, column: try column(kind, role), ordinal: ordinal) { Array($0.bytes) }
    }

    /// The ids of all spans, eight bytes each.
    func spanIDs() throws(StorageError) -> [UInt8] {
        guard case .fixed(let ids) = try values(.span, column: try column(.span, .spanID)), ids.count == rows * 8 else {
            throw corrupt("column spanID of spans does not have \(rows) ids")
        }
        return ids
    }

    /// A number of a role of ``ColumnLayout/fixed(_:)``, by its place in eights of bytes.
    func fixed(_ kind: TableKind, _ role: ColumnRole, word: Int) throws(StorageError) -> UInt64 {
        guard let column = table(kind).column(role), case .fixed(let bytes) = try values(kind, column: column),
            word >= 0, (word + 1) * 8 <= bytes.count
        else { throw corrupt("no value \(word) in column \(role)") }
        return LittleEndian.number(bytes, at: word * 8)
    }
}
