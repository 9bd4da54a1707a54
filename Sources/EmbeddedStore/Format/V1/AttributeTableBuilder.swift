import OTLP

/// Sorts the attributes of one kind of rows into columns and finds the shape of each row.
///
/// Shapes are the leaves of a tree in which every edge is a column. Each node remembers the edge taken last and the
/// others in a list, so that a row shaped like one before it costs a few comparisons of key bytes for each attribute
/// and no hashing.
struct AttributeTableBuilder {
    private struct Node {
        /// The column of the edge that leads here.
        var column: UInt16 = 0
        /// The child taken last; -1 when there is none.
        var likely: Int32 = -1
        /// The child added last, and the next child of the node's parent; -1 when there is none.
        var child: Int32 = -1
        var sibling: Int32 = -1
        /// The shape that ends here; -1 when there is none yet.
        var shape: Int32 = -1
    }

    private struct ColumnKey: Hashable {
        let key: [UInt8]
        let kind: ValueKind
    }

    private(set) var columns: [ColumnBuilder] = []
    private var keys: [[UInt8]] = []
    private var kinds: [ValueKind] = []
    private var columnIndex: [ColumnKey: Int] = [:]
    private var nodes: [Node] = [Node()]
    private var children: [UInt64: Int32] = [:]
    private(set) var shapes: [[UInt16]]
    private var shapeElements = 0
    private var groups = 0
    /// The columns of the row being looked at, before its values are taken.
    private var path: [UInt16] = []

    /// Children looked at before the hash table is asked: more than the kinds of spans of a usual service differ in
    /// at one place, and fewer than cost as much as hashing.
    private static let listedChildrenMax = 12

    /// `hasRaw`: shape 0 stands for rows that are kept raw.
    init(hasRaw: Bool) {
        shapes = hasRaw ? [[]] : []
    }

    /// The shape of a row with these attributes; nil when a limit of the format would be passed. Takes no values.
    mutating func shape(
        _ rows: RowRange, _ attributes: UnsafeBufferPointer<AttributeRow>, _ base: UnsafeRawBufferPointer
    ) -> Int? {
        path.removeAll(keepingCapacity: true)
        var node = 0
        for index in rows.indices {
            guard let next = step(from: node, attributes[index], base) else { return nil }
            node = next
            path.append(nodes[node].column)
        }
        if nodes[node].shape >= 0 { return Int(nodes[node].shape) }
        guard shapes.count < BlockFormat.shapesMax, shapeElements + path.count <= BlockFormat.shapeElementsMax else {
            return nil
        }
        nodes[node].shape = Int32(shapes.count)
        shapeElements += path.count
        shapes.append(path)
        return shapes.count - 1
    }

    /// Takes the values of a row with this shape.
    mutating func append(
        _ rows: RowRange, shape: Int, _ attributes: UnsafeBufferPointer<AttributeRow>, _ base: UnsafeRawBufferPointer
    ) {
        let first = Int(rows.start)
        shapes[shape].withUnsafeBufferPointer { shape in
            columns.withUnsafeMutableBufferPointer { columns in
                for place in shape.indices { columns[Int(shape[place])].append(attributes[first + place], base: base) }
            }
        }
    }

    mutating func endGroup(_ writer: PageWriter) throws(FormatError) {
        for index in columns.indices { try columns[index].endGroup(writer) }
        groups += 1
    }

    mutating func finish(_ writer: PageWriter) throws(FormatError) -> [ColumnDirectory] {
        var result: [ColumnDirectory] = []
        for index in columns.indices { result.append(try columns[index].finish(writer)) }
        return result
    }

    @inline(__always)
    private mutating func step(from node: Int, _ row: AttributeRow, _ base: UnsafeRawBufferPointer) -> Int? {
        let key = UnsafeRawBufferPointer(rebasing: base[row.key.indices])
        let likely = nodes[node].likely
        if likely >= 0, leads(to: likely, key, row.kind) { return Int(likely) }
        return listedStep(from: node, key, row.kind) ?? slowStep(from: node, key, row.kind)
    }

    @inline(__always)
    private func leads(to node: Int32, _ key: UnsafeRawBufferPointer, _ kind: ValueKind) -> Bool {
        let column = Int(nodes[Int(node)].column)
        return kinds[column] == kind && keys[column].withUnsafeBytes { ByteHash.equal($0, key) }
    }

    private mutating func listedStep(from node: Int, _ key: UnsafeRawBufferPointer, _ kind: ValueKind) -> Int? {
        var child = nodes[node].child
        for _ in 0..<Self.listedChildrenMax where child >= 0 {
            if leads(to: child, key, kind) {
                nodes[node].likely = child
                return Int(child)
            }
            child = nodes[Int(child)].sibling
        }
        return nil
    }

    private mutating func slowStep(from node: Int, _ key: UnsafeRawBufferPointer, _ kind: ValueKind) -> Int? {
        guard key.count <= BlockFormat.keyBytesMax, let column = column(ColumnKey(key: Array(key), kind: kind)) else {
            return nil
        }
        let edge = UInt64(node) << 16 | UInt64(column)
        if let child = children[edge] {
            nodes[node].likely = child
            return Int(child)
        }
        // Ways that end in no shape leave nodes behind; their number is bounded too, and beyond it spans are kept raw.
        guard nodes.count < BlockFormat.shapeElementsMax * 2 else { return nil }
        let child = Int32(nodes.count)
        nodes.append(Node(column: UInt16(column), sibling: nodes[node].child))
        nodes[node].child = child
        children[edge] = child
        nodes[node].likely = child
        return Int(child)
    }

    private mutating func column(_ key: ColumnKey) -> Int? {
        if let index = columnIndex[key] { return index }
        guard columns.count < BlockFormat.columnsMax else { return nil }
        columns.append(ColumnBuilder(.attribute, kind: key.kind, key: key.key, groupsBefore: groups))
        keys.append(key.key)
        kinds.append(key.kind)
        columnIndex[key] = columns.count - 1
        return columns.count - 1
    }
}
