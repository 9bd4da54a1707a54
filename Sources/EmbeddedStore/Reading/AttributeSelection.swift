import OTLP
import TraceStorage

/// Which attributes of the rows of one table are wanted, by shape.
struct AttributeSelection {
    /// The wanted columns of all shapes, in the order of the attributes.
    private let columns: [UInt16]
    /// By shape: where its columns begin in `columns`, and where the last ones end.
    private let starts: [UInt32]
    private let wishes: [SpanParts.Wish]
    /// The keys of all columns, end to end, and by column where each begins.
    private let keys: [UInt8]
    private let keyStarts: [UInt32]

    /// - Parameter parts: what is wanted; nil for all.
    init(_ table: TableDirectory, parts: SpanParts?) {
        let wishes = table.columns.map { column in
            parts.map { parts in column.key.withUnsafeBytes { parts.wish(for: $0) } } ?? .value
        }
        var columns: [UInt16] = []
        var starts: [UInt32] = [0]
        starts.reserveCapacity(table.shapes.count + 1)
        for shape in table.shapes {
            if parts == nil {
                columns += shape
            } else {
                columns += SpanParts.chosen(shape.map { wishes[Int($0)] }).map { shape[$0.place] }
            }
            starts.append(UInt32(columns.count))
        }
        (self.columns, self.starts, self.wishes) = (columns, starts, wishes)
        var keyStarts: [UInt32] = [0]
        keyStarts.reserveCapacity(table.columns.count + 1)
        for column in table.columns { keyStarts.append(keyStarts[keyStarts.count - 1] + UInt32(column.key.count)) }
        var keys: [UInt8] = []
        keys.reserveCapacity(Int(keyStarts[keyStarts.count - 1]))
        for column in table.columns { keys += column.key }
        (self.keys, self.keyStarts) = (keys, keyStarts)
    }

    @inline(__always)
    func withKey(_ column: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
        let range = Int(keyStarts[column])..<Int(keyStarts[column + 1])
        keys.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    /// The places of a shape's columns, for ``column(_:)``.
    @inline(__always)
    func range(_ shape: Int) -> Range<Int> { Int(starts[shape])..<Int(starts[shape + 1]) }

    @inline(__always)
    func column(_ place: Int) -> Int { Int(columns[place]) }

    /// Whether the values of a column are wanted, and not only that rows have them.
    @inline(__always)
    func hasValues(column: Int) -> Bool { wishes[column] != .mark }

    var columnCount: Int { wishes.count }
}
