import OTLP

/// Finds the attribute of a client's span that says whom it asked.
struct PeerAttributes: Sendable {
    /// Whom a span asked.
    struct Asked: Sendable {
        /// Of the batch's attributes.
        let row: UInt32
        let isDatabase: Bool
        /// The end of the value, where it is a text; see ``readEnd(of:)``.
        private(set) var lastBytes: UInt64 = 0

        fileprivate init(row: Int, isDatabase: Bool) {
            self.row = UInt32(truncatingIfNeeded: row)
            self.isDatabase = isDatabase
        }

        @inline(__always)
        mutating func readEnd(of batch: SpanBatch) {
            let value = batch.attributes[Int(row)]
            lastBytes = value.kind == .string ? value.slice.lastBytes(of: batch) : 0
        }
    }

    /// Where spans of a shape may say it: places among their attributes, those that name a database first, and within
    /// each kind in the order in which the names count.
    private struct Shape: Sendable {
        var places: [UInt16] = []
        var databasePlaces = 0
    }

    /// A power of two; the shapes of what the services of one system send at one time.
    private static let shapesMax = 256

    private let databaseNames: [[UInt8]]
    private let peerNames: [[UInt8]]
    private var known = HashPlaces(count: Self.shapesMax)
    private var shapes = [Shape](repeating: Shape(), count: Self.shapesMax)

    init(database: [String], peer: [String]) {
        databaseNames = database.map { Array($0.utf8) }
        peerNames = peer.map { Array($0.utf8) }
    }

    /// Has the processor fetch the attribute that most likely is the one.
    @inline(__always)
    mutating func fetch(_ span: UnsafePointer<SpanRow>, of batch: SpanBatch) {
        guard let shape = known.place(of: span.pointee.attributeShape), let place = shapes[shape].places.first else {
            return
        }
        Prefetch.element(Int(span.pointee.attributes.start) + Int(place), of: batch.attributes)
    }

    /// The first that has a value; a database counts more than anything else.
    @inline(__always)
    mutating func find(_ span: UnsafePointer<SpanRow>, of batch: SpanBatch) -> Asked? {
        let hash = span.pointee.attributeShape
        let shape = if let place = known.place(of: hash) { place } else { learn(hash, span.pointee.attributes, batch) }
        let first = Int(span.pointee.attributes.start)
        for index in shapes[shape].places.indices {
            let row = first + Int(shapes[shape].places[index])
            guard Self.hasValue(batch.attributes[row]) else { continue }
            let end = batch.attributes[row].slice.indices.upperBound - 8
            Prefetch.element(max(0, end), of: batch.bytes)
            return Asked(row: row, isDatabase: index < shapes[shape].databasePlaces)
        }
        return nil
    }

    private mutating func learn(_ hash: UInt64, _ rows: RowRange, _ batch: SpanBatch) -> Int {
        let shape = known.insert(hash)
        shapes[shape] = Shape()
        for name in databaseNames { note(name, rows, batch, shape) }
        shapes[shape].databasePlaces = shapes[shape].places.count
        for name in peerNames { note(name, rows, batch, shape) }
        return shape
    }

    private mutating func note(_ name: [UInt8], _ rows: RowRange, _ batch: SpanBatch, _ shape: Int) {
        for (place, index) in rows.indices.enumerated() where batch.equals(batch.attributes[index].key, name) {
            shapes[shape].places.append(UInt16(clamping: place))
        }
    }

    private static func hasValue(_ row: AttributeRow) -> Bool {
        switch row.kind {
        case .absent, .empty: false
        case .string: !row.slice.isEmpty
        default: true
        }
    }
}
