import OTLP
import TraceStorage

/// The wanted attributes of each row of one table of a row group, and other values of its columns, by place.
///
/// Decodes a column when the first of its values is asked for. What it holds is counted as the group's memory.
struct TableRows {
    let selection: AttributeSelection
    private let group: RowGroup
    private let table: TableKind
    private let shapes: [UInt64]
    /// By row: where its ordinals begin.
    private let starts: [UInt32]
    /// For each attribute of each row its place among the column's values.
    private let ordinals: [UInt32]
    private var columns: [Column]

    /// Values laid out so that one is found without a look at where the others are.
    private struct Column {
        var source = Source.unknown
        var kind = ValueKind.absent
        /// Numbers, or codes of the dictionary.
        var numbers: [UInt64] = []
        /// The values, or those of the dictionary's page that was used last: what comes together mostly lies there.
        var page = BytesPage.empty
        /// The code of the page's first value.
        var firstCode: UInt64 = 0

        enum Source: UInt8 {
            /// Nobody asked yet.
            case unknown
            case nothing, numbers, codes, bytes
        }
    }

    init(_ group: RowGroup, _ table: TableKind) throws(StorageError) {
        let shapes = try group.shapes(table)
        let selection = group.block.selection(table)
        var count = 0
        for shape in shapes { count += selection.range(Int(shape)).count }
        guard count <= Int(UInt32.max) else { throw group.corrupt("\(count) attributes of \(table)s") }
        try group.reserve((count + shapes.count) * 4 + selection.columnCount * MemoryLayout<Column>.stride)
        var next = [UInt32](repeating: 0, count: selection.columnCount)
        var starts = [UInt32](repeating: 0, count: shapes.count)
        var ordinals: [UInt32] = []
        ordinals.reserveCapacity(count)
        for (row, shape) in shapes.enumerated() {
            starts[row] = UInt32(ordinals.count)
            for place in selection.range(Int(shape)) {
                let column = selection.column(place)
                ordinals.append(next[column])
                next[column] += 1
            }
        }
        (self.group, self.table, self.selection) = (group, table, selection)
        (self.shapes, self.starts, self.ordinals) = (shapes, starts, ordinals)
        columns = Array(repeating: Column(), count: selection.columnCount)
    }

    @inline(__always)
    func shape(_ row: Int) -> Int { Int(shapes[row]) }

    /// The ordinal of a row's attribute, by its number in the row.
    @inline(__always)
    func ordinal(_ row: Int, _ number: Int) -> Int { Int(ordinals[Int(starts[row]) + number]) }

    /// Decodes what a value is read from; to be called before ``withValue(column:ordinal:_:)`` of it.
    ///
    /// - Throws: also where the column has no such value.
    @inline(__always)
    mutating func prepare(column: Int, ordinal: Int) throws(StorageError) {
        if columns[column].source == .unknown { try load(column) }
        switch columns[column].source {
        case .unknown, .nothing: break
        case .numbers: guard ordinal < columns[column].numbers.count else { throw beyond(ordinal) }
        case .codes:
            guard ordinal < columns[column].numbers.count else { throw beyond(ordinal) }
            let (code, first) = (columns[column].numbers[ordinal], columns[column].firstCode)
            if code < first || code - first >= UInt64(columns[column].page.count) { try loadPage(column, code) }
        case .bytes: guard ordinal < columns[column].page.count else { throw beyond(ordinal) }
        }
    }

    /// Hands one value of a column to `body`.
    @inline(__always)
    func withValue(column: Int, ordinal: Int, _ body: (ValueView) -> Void) {
        let kind = columns[column].kind
        switch columns[column].source {
        case .unknown, .nothing: body(ValueView(kind: kind))
        case .numbers:
            let number = columns[column].numbers[ordinal]
            body(ValueView(kind: kind, bits: kind == .int ? UInt64(bitPattern: ZigZag.decode(number)) : number))
        case .codes: with(column, Int(columns[column].numbers[ordinal] - columns[column].firstCode), kind, body)
        case .bytes: with(column, ordinal, kind, body)
        }
    }

    @inline(__always)
    private func with(_ column: Int, _ index: Int, _ kind: ValueKind, _ body: (ValueView) -> Void) {
        let range = columns[column].page.range(index)
        columns[column].page.bytes.withUnsafeBytes { bytes in
            body(ValueView(kind: kind, bytes: UnsafeRawBufferPointer(rebasing: bytes[range])))
        }
    }

    private mutating func load(_ column: Int) throws(StorageError) {
        columns[column].kind = group.block.footer.tables[table.rawValue].columns[column].kind
        switch try group.values(table, column: column) {
        case .none: columns[column].source = .nothing
        case .numbers(let numbers): (columns[column].source, columns[column].numbers) = (.numbers, numbers)
        case .codes(let codes): (columns[column].source, columns[column].numbers) = (.codes, codes)
        case .bytes(let page): (columns[column].source, columns[column].page) = (.bytes, page)
        case .fixed: throw group.corrupt("ids in column \(column) of \(table)s")
        }
    }

    /// Finds the page of a dictionary with a code.
    private mutating func loadPage(_ column: Int, _ code: UInt64) throws(StorageError) {
        let directory = group.block.footer.tables[table.rawValue].columns[column]
        let (page, index) = try group.block.dictionary(directory, code: code)
        // The group may be all that keeps it.
        try group.reserve(page.memoryBytes - columns[column].page.memoryBytes)
        columns[column].page = page
        columns[column].firstCode = code - UInt64(index)
    }

    private func beyond(_ ordinal: Int) -> StorageError {
        group.corrupt("value \(ordinal) beyond the end of its column")
    }
}
