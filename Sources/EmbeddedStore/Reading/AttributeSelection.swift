import OTLP
import TraceStorage

/// Which attributes of the rows of one table are wanted, by shape.
struct AttributeSelection {
    /// The wanted columns of all shapes, in the order of the attributes.
    private let columns: [UInt16]
    /// By shape: where its columns begin in `columns`, and where the last ones end.
    private let starts: [UInt32]
    private let wishes: [SpanParts.Wish]

    /// - Parameter parts: what is wanted; nil for all.
    init(_ table: TableDirectory, parts: SpanParts?) {
        let wishes = table.columns.map { column in
            parts.map { parts in column.key.withUnsafeBytes { parts.wish(for: $0) } } ?? .value
        }
        var columns: [UInt16] = []
        var starts: [UInt32] = [0]
        starts.reserveCapacity(table.shapes.count + 1)
        for shape in table.shapes {
            for column in shape where wishes[Int(column)] != .nothing { columns.append(column) }
            starts.append(UInt32(columns.count))
        }
        (self.columns, self.starts, self.wishes) = (columns, starts, wishes)
    }

    /// The places of a shape's columns, for ``column(_:)``.
    @inline(__always)
    func range(_ shape: Int) -> Range<Int> { Int(starts[shape])..<Int(starts[shape + 1]) }

    @inline(__always)
    func column(_ place: Int) -> Int { Int(columns[place]) }

    /// Whether the values of a column are wanted, and not only that rows have them.
    @inline(__always)
    func hasValues(column: Int) -> Bool { wishes[column] == .value }

    var columnCount: Int { wishes.count }
}

/// Where the values of each row's wanted attributes stand in their columns, for one table of a row group.
struct AttributePlaces {
    let selection: AttributeSelection
    private let shapes: [UInt64]
    /// By row: where its ordinals begin.
    private let starts: [UInt32]
    /// For each attribute of each row its place among the column's values.
    private let ordinals: [UInt32]

    init(_ group: RowGroup, _ kind: TableKind) throws(StorageError) {
        let shapes = try group.shapes(kind)
        let selection = group.block.selection(kind)
        var count = 0
        for shape in shapes { count += selection.range(Int(shape)).count }
        guard count <= Int(UInt32.max) else { throw group.corrupt("\(count) attributes of \(kind)s") }
        try group.reserve((count + shapes.count) * 4)
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
        (self.selection, self.shapes, self.starts, self.ordinals) = (selection, shapes, starts, ordinals)
    }

    @inline(__always)
    func shape(_ row: Int) -> Int { Int(shapes[row]) }

    /// The ordinal of a row's attribute, by its number in the row.
    @inline(__always)
    func ordinal(_ row: Int, _ number: Int) -> Int { Int(ordinals[Int(starts[row]) + number]) }
}
