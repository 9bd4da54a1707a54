import OTLP

/// Sorts the attributes of one kind of rows into columns and finds the shape of each row.
///
/// Most rows are shaped like a row before them, and found by ``ByteHash/shape(_:_:)``. The others go through a tree in
/// which every edge is a column and whose leaves are the shapes.
struct AttributeTableBuilder: ~Copyable {
    /// A shape by its hash.
    private struct Likely {
        var hash: UInt64 = 0
        /// -1 where none was seen.
        var shape: Int32 = -1
    }

    private struct Edge: Hashable {
        let node: Int32
        let column: UInt16
    }

    private struct ColumnKey: Hashable {
        let key: [UInt8]
        let kind: ValueKind
    }

    private var columns: ColumnList
    private var columnIndex: [ColumnKey: Int] = [:]
    /// The columns of all shapes; those of a shape stand together.
    private var places = Room<UInt16>()
    /// Where the columns of each shape begin, and where the last ones end.
    private var starts = Room<Int>()
    /// Children of the tree's nodes, and by node the shape that ends there; -1 when there is none yet.
    private var children: [Edge: Int32] = [:]
    private var shapeAt: [Int32] = [-1]
    /// The shapes that were seen last.
    private var likely = Room<Likely>(repeating: Likely(), count: Self.likelyCount)
    private let byteHash = ByteHash.ofProcess
    private var groups = 0

    /// A power of two; more than the shapes that the services of one block usually have.
    private static let likelyCount = 1024

    /// `hasRaw`: shape 0 stands for rows that are kept raw.
    init(hasRaw: Bool) {
        columns = ColumnList()
        starts.append(0)
        if hasRaw { starts.append(0) }
    }

    var shapeCount: Int { starts.count - 1 }

    /// For each shape its columns, in the order of the attributes.
    var shapes: [[UInt16]] {
        (0..<shapeCount).map { shape in (starts[shape]..<starts[shape + 1]).map { places[$0] } }
    }

    /// The shape of a row with these attributes; nil when a limit of the format would be passed. Takes no values.
    @inline(__always)
    mutating func shape(_ rows: UnsafeBufferPointer<AttributeRow>, _ base: UnsafePointer<UInt8>) -> Int? {
        shape(rows, base, hash: byteHash.shape(rows, base))
    }

    /// - Parameter hash: Of the attributes, as ``ByteHash/shape(_:_:)`` has it.
    @inline(__always)
    mutating func shape(
        _ rows: UnsafeBufferPointer<AttributeRow>, _ base: UnsafePointer<UInt8>, hash: UInt64
    ) -> Int? {
        let slot = Int(truncatingIfNeeded: hash) & (Self.likelyCount - 1)
        if likely[slot].hash == hash, likely[slot].shape >= 0 { return Int(likely[slot].shape) }
        guard let found = search(rows, base) else { return nil }
        likely[slot] = Likely(hash: hash, shape: Int32(found))
        return found
    }

    /// Takes the values of a row with this shape.
    @inline(__always)
    mutating func append(_ rows: UnsafeBufferPointer<AttributeRow>, shape: Int, _ base: UnsafePointer<UInt8>) {
        let first = places.base + starts[shape]
        for place in 0..<rows.count {
            columns.base[Int(first[place])].append(rows[place], base: base)
        }
    }

    mutating func endGroup(_ writer: inout PageWriter) throws(FormatError) {
        for index in 0..<columns.count { try columns.base[index].endGroup(&writer) }
        groups += 1
    }

    mutating func finish(_ writer: inout PageWriter) throws(FormatError) -> [ColumnDirectory] {
        var result: [ColumnDirectory] = []
        for index in 0..<columns.count { result.append(try columns.base[index].finish(&writer)) }
        return result
    }

    @inline(never)
    private mutating func search(_ rows: UnsafeBufferPointer<AttributeRow>, _ base: UnsafePointer<UInt8>) -> Int? {
        var node: Int32 = 0
        var path: [UInt16] = []
        for row in rows {
            guard row.key.count <= BlockFormat.keyBytesMax else { return nil }
            let key = UnsafeBufferPointer(start: base + Int(row.key.offset), count: Int(row.key.count))
            guard let column = column(ColumnKey(key: Array(key), kind: row.kind)) else { return nil }
            let edge = Edge(node: node, column: UInt16(column))
            if let child = children[edge] {
                node = child
            } else {
                // Ways that end in no shape leave nodes behind; beyond their number spans are kept raw.
                guard shapeAt.count < BlockFormat.shapeElementsMax * 2 else { return nil }
                node = Int32(shapeAt.count)
                shapeAt.append(-1)
                children[edge] = node
            }
            path.append(UInt16(column))
        }
        if shapeAt[Int(node)] >= 0 { return Int(shapeAt[Int(node)]) }
        guard shapeCount < BlockFormat.shapesMax, places.count + path.count <= BlockFormat.shapeElementsMax else {
            return nil
        }
        for column in path { places.append(column) }
        starts.append(places.count)
        shapeAt[Int(node)] = Int32(shapeCount - 1)
        return shapeCount - 1
    }

    private mutating func column(_ key: ColumnKey) -> Int? {
        if let index = columnIndex[key] { return index }
        guard columns.count < BlockFormat.columnsMax else { return nil }
        columns.append(key: key.key, kind: key.kind, groupsBefore: groups)
        columnIndex[key] = columns.count - 1
        return columns.count - 1
    }
}

/// The attribute columns of a table.
private struct ColumnList: ~Copyable {
    private(set) var base = UnsafeMutablePointer<ColumnBuilder>.allocate(capacity: 64)
    private var capacity = 64
    private(set) var count = 0

    deinit {
        base.deinitialize(count: count)
        base.deallocate()
    }

    mutating func append(key: [UInt8], kind: ValueKind, groupsBefore: Int) {
        if count == capacity {
            let moved = UnsafeMutablePointer<ColumnBuilder>.allocate(capacity: capacity * 2)
            moved.moveInitialize(from: base, count: count)
            base.deallocate()
            base = moved
            capacity *= 2
        }
        (base + count).initialize(
            to: ColumnBuilder(.attribute, kind: kind, key: key, groupsBefore: groupsBefore))
        count += 1
    }
}
