import OTLP

/// Sorts the attributes of one kind of rows into columns and finds the shape of each row.
///
/// Most rows are shaped like a row before them. Which one that may be is told by the lengths of their keys and by
/// their types alone; then every key is compared, which costs some bytes' loads each and no hashing. A row that is not
/// found so goes through a tree in which every edge is a column and whose leaves are the shapes.
struct AttributeTableBuilder: ~Copyable {
    /// What a row of a shape has at one place.
    private struct Place {
        let key: UnsafePointer<UInt8>
        let keyBytes: UInt32
        /// The ``bits(_:)`` of its type.
        let kind: UInt8
        let column: UInt16
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
    /// The places of all shapes; those of a shape stand together.
    private var places = Room<Place>()
    /// Where the places of each shape begin, and where the last ones end.
    private var starts = Room<Int>()
    /// Children of the tree's nodes, and by node the shape that ends there; -1 when there is none yet.
    private var children: [Edge: Int32] = [:]
    private var shapeAt: [Int32] = [-1]
    /// Shapes by a hash of what a row's shape may be known by; -1 where none was seen.
    private var likely = Room<Int32>(repeating: -1, count: Self.likelyCount)
    private var groups = 0

    /// More than the shapes that the services of one block usually have.
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
        (0..<shapeCount).map { shape in (starts[shape]..<starts[shape + 1]).map { places[$0].column } }
    }

    /// The shape of a row with these attributes; nil when a limit of the format would be passed. Takes no values.
    @inline(__always)
    mutating func shape(_ rows: UnsafeBufferPointer<AttributeRow>, _ base: UnsafePointer<UInt8>) -> Int? {
        var hash = UInt64(truncatingIfNeeded: rows.count)
        for row in rows { hash = (hash << 7 | hash >> 57) &+ UInt64(row.key.count) << 4 &+ UInt64(Self.bits(row.kind)) }
        let slot = Int(truncatingIfNeeded: (hash &* 0x9E37_79B9_7F4A_7C15) >> 54)
        let shape = Int(likely[slot])
        if shape >= 0, fits(rows, base, shape) { return shape }
        guard let found = search(rows, base) else { return nil }
        likely[slot] = Int32(found)
        return found
    }

    /// Takes the values of a row with this shape.
    @inline(__always)
    mutating func append(_ rows: UnsafeBufferPointer<AttributeRow>, shape: Int, _ base: UnsafePointer<UInt8>) {
        let first = places.base + starts[shape]
        for place in 0..<rows.count {
            columns.base[Int(first[place].column)].append(rows[place], base: base)
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

    /// A type as it stands in memory, to compare it without a call into its module.
    @inline(__always)
    private static func bits(_ kind: ValueKind) -> UInt8 { unsafeBitCast(kind, to: UInt8.self) }

    @inline(__always)
    private func fits(_ rows: UnsafeBufferPointer<AttributeRow>, _ base: UnsafePointer<UInt8>, _ shape: Int) -> Bool {
        let start = starts[shape]
        guard starts[shape + 1] - start == rows.count else { return false }
        let first = places.base + start
        for index in 0..<rows.count {
            let row = rows[index]
            guard first[index].kind == Self.bits(row.kind), first[index].keyBytes == row.key.count,
                ByteHash.equal(first[index].key, base + Int(row.key.offset), count: Int(row.key.count))
            else { return false }
        }
        return true
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
        for (row, column) in zip(rows, path) {
            places.append(
                Place(
                    key: columns.key(Int(column)), keyBytes: row.key.count, kind: Self.bits(row.kind), column: column))
        }
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

/// The attribute columns of a table, and their keys at addresses that stay.
private struct ColumnList: ~Copyable {
    private(set) var base = UnsafeMutablePointer<ColumnBuilder>.allocate(capacity: 64)
    private var keys: [UnsafeMutablePointer<UInt8>] = []
    private var capacity = 64
    private(set) var count = 0

    deinit {
        base.deinitialize(count: count)
        base.deallocate()
        for key in keys { key.deallocate() }
    }

    func key(_ index: Int) -> UnsafePointer<UInt8> { UnsafePointer(keys[index]) }

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
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, key.count))
        copy.initialize(from: key, count: key.count)
        keys.append(copy)
    }
}
