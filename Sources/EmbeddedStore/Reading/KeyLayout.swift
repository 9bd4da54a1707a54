import OTLP

/// Where the attributes with one key are in the rows of one table: which columns have it, and which of them is first
/// in each shape.
struct KeyLayout {
    /// The columns with the key, one for each type that occurs.
    let columns: [Int]
    /// For each shape the first attribute with the key, as an index into `columns`; -1 where the shape has none or the
    /// first has no value.
    private let first: [Int]
    /// For each shape how many values each of `columns` has in a row.
    private let counts: [[Int]]

    init(_ table: TableDirectory, key: [UInt8]) {
        let columns = table.columns.indices.filter {
            table.columns[$0].role == .attribute && table.columns[$0].key == key
        }
        self.columns = columns
        first = table.shapes.map { shape in
            guard let column = shape.first(where: { columns.contains(Int($0)) }) else { return -1 }
            guard table.columns[Int(column)].layout != .none else { return -1 }
            return columns.firstIndex(of: Int(column)) ?? -1
        }
        counts = table.shapes.map { shape in columns.map { column in shape.count { Int($0) == column } } }
    }

    /// For each row of these shapes the place of the value that counts among those of the one column with the key; -1
    /// where there is none. For a key of one column only.
    func ordinals(_ shapes: [UInt64]) -> [Int32] {
        // Without a branch: shapes come in no order that a processor could guess.
        let absent = first.map { $0 == 0 ? Int32(0) : -1 }
        let steps = counts.map { Int32($0.first ?? 0) }
        var ordinal: Int32 = 0
        var result = [Int32](repeating: -1, count: shapes.count)
        result.withUnsafeMutableBufferPointer { result in
            absent.withUnsafeBufferPointer { absent in
                steps.withUnsafeBufferPointer { steps in
                    for (row, shape) in shapes.enumerated() {
                        result[row] = ordinal | absent[Int(shape)]
                        ordinal &+= steps[Int(shape)]
                    }
                }
            }
        }
        return result
    }

    /// For each row of these shapes the value that counts; ``ValueReference/none`` where there is none.
    func references(_ shapes: [UInt64]) -> [ValueReference] {
        var ordinals = Array(repeating: 0, count: columns.count)
        var result = Array(repeating: ValueReference.none, count: shapes.count)
        for (row, shape) in shapes.enumerated() {
            let shape = Int(shape)
            if first[shape] >= 0 {
                result[row] = ValueReference(
                    column: Int32(columns[first[shape]]), ordinal: Int32(ordinals[first[shape]]))
            }
            for slot in ordinals.indices { ordinals[slot] += counts[shape][slot] }
        }
        return result
    }
}

/// A value in a row group: its column, and its place among the column's values there.
struct ValueReference {
    var column: Int32
    var ordinal: Int32

    static let none = ValueReference(column: -1, ordinal: 0)

    var isNone: Bool { column < 0 }
}
