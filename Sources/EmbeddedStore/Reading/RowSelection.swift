/// The rows of a row group that a query wants.
enum RowSelection {
    /// All of so many.
    case all(Int)
    /// These, in rising order.
    case some([Int])

    var count: Int {
        switch self {
        case .all(let count): count
        case .some(let rows): rows.count
        }
    }

    /// The rows, in rising order.
    var rows: [Int] {
        switch self {
        case .all(let count): Array(0..<count)
        case .some(let rows): rows
        }
    }

    /// One value for each row, made from the row's number.
    ///
    /// - Parameter initial: any value; it stands where a value is still to be made.
    @inline(__always)
    func map<Value, Failure: Error>(
        _ initial: Value, _ value: (Int) throws(Failure) -> Value
    ) throws(Failure) -> [Value] {
        var result = [Value](repeating: initial, count: count)
        try result.withUnsafeMutableBufferPointer { result throws(Failure) in
            switch self {
            case .all(let count): for row in 0..<count { result[row] = try value(row) }
            case .some(let rows): for (index, row) in rows.enumerated() { result[index] = try value(row) }
            }
        }
        return result
    }

    /// The values of the rows, of one for each row of the group.
    func values<Value>(_ all: [Value]) -> [Value] {
        switch self {
        case .all: all
        case .some(let rows): rows.map { all[$0] }
        }
    }
}
