import OTLP

/// Numbers by labels: the series of some metrics that have the same labels, at most so many.
struct SeriesTable<Row: SeriesRow>: Sendable {
    private(set) var table: KeyTable
    private(set) var labels: [PrometheusLabels] = []
    var rows: [Row] = []
    private var overflowRow: Int?
    private var scratch: [UInt8] = []
    private let labelNames: [String]
    private let limit: Int

    /// - Parameter limit: Series; what is over is added up in one with the label `otel_metric_overflow`. 0 is no limit.
    init(labelNames: [String], limit: Int, seed: UInt64) {
        table = KeyTable(seed: seed)
        self.labelNames = labelNames
        self.limit = limit
    }

    var count: Int { rows.count }

    /// The row of what is over the limit, when no key gets a row of its own any more; nil before.
    var overflow: Int? {
        guard limit > 0, let overflowRow, count > limit else { return nil }
        return overflowRow
    }

    /// The row of a key, which is made when there is none. A key keeps its row.
    mutating func row(of key: [UInt8]) -> Int {
        if let row = table.index(of: key) { return row }
        if limit == 0 || count - (overflowRow == nil ? 0 : 1) < limit, let labels = labels(of: key) {
            return append(key, labels, Row())
        }
        let row = overflowRow ?? append(SeriesKey.overflow, SeriesKey.overflowLabels, Row())
        overflowRow = row
        return row
    }

    /// Labels without a value are left out: Prometheus cannot tell them from empty ones.
    private mutating func labels(of key: [UInt8]) -> PrometheusLabels? {
        scratch.removeAll(keepingCapacity: true)
        var reader = ByteReader(key[...])
        guard reader.byte() == 0 else { return nil }
        for name in labelNames {
            guard let value = reader.block() else { return nil }
            if !value.isEmpty { PrometheusLabels.append(name, value, to: &scratch) }
        }
        return reader.isAtEnd ? PrometheusLabels(appended: scratch) : nil
    }

    private mutating func append(_ key: [UInt8], _ newLabels: PrometheusLabels, _ row: Row) -> Int {
        labels.append(newLabels)
        rows.append(row)
        return table.insert(key)
    }

    // MARK: checkpoint

    func write(to writer: inout ByteWriter) {
        writer.varint(UInt64(count))
        for index in rows.indices {
            writer.block(table.key(index))
            rows[index].write(to: &writer)
        }
    }

    /// Puts back what was written; false when it is something else.
    mutating func read(_ reader: inout ByteReader) -> Bool {
        guard let count = reader.varint() else { return false }
        for _ in 0..<count {
            guard let key = reader.block(), let row = Row(&reader), table.index(of: Array(key)) == nil else {
                return false
            }
            if Array(key) == SeriesKey.overflow {
                overflowRow = append(SeriesKey.overflow, SeriesKey.overflowLabels, row)
                continue
            }
            guard SeriesTableKey.isText(key), let labels = labels(of: Array(key)) else { return false }
            _ = append(Array(key), labels, row)
        }
        return true
    }
}

/// The values of a series' labels, as bytes.
struct SeriesTableKey {
    private(set) var bytes: [UInt8] = [0]

    init() { bytes.reserveCapacity(256) }

    mutating func append(_ value: String) {
        var value = value
        value.withUTF8 { SeriesKey.append($0, to: &bytes) }
    }

    mutating func append(_ value: UnsafeRawBufferPointer) { Self.appendBlock(value, to: &bytes) }

    /// Adds a length as varint and that many bytes.
    static func appendBlock(_ value: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        var count = value.count
        // Most keys of attribution have no value.
        if count == 0 { return bytes.append(0) }
        while count >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: count) | 0x80)
            count >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: count))
        bytes.append(contentsOf: value)
    }

    /// Begins a key anew in the room that it has.
    mutating func clear() {
        bytes.removeAll(keepingCapacity: true)
        bytes.append(0)
    }

    /// Whether the values of a key that was read are texts.
    static func isText(_ key: ArraySlice<UInt8>) -> Bool {
        var reader = ByteReader(key)
        guard reader.byte() == 0 else { return false }
        while !reader.isAtEnd {
            guard let value = reader.block(), String(validating: value, as: UTF8.self) != nil else { return false }
        }
        return true
    }
}

/// The numbers of one series, which never fall.
protocol SeriesRow: Sendable {
    init()
    init?(_ reader: inout ByteReader)
    func write(to writer: inout ByteWriter)
}

/// A histogram's numbers for given bounds.
struct BucketCounts: Hashable, Sendable {
    /// One for each bound and a last one for what is above them.
    private(set) var counts: [UInt64] = []
    private(set) var sum = 0.0

    mutating func add(_ value: Double, weight: UInt64, bounds: BucketBounds) {
        if counts.isEmpty { counts = Array(repeating: 0, count: bounds.values.count + 1) }
        let bucket = bounds.bucket(of: value)
        counts[bucket] = counts[bucket].addingClamped(weight)
        sum += value * Double(weight)
    }

    init() {}

    init?(_ reader: inout ByteReader, bounds: Int) {
        guard let count = reader.varint(), count == 0 || count == UInt64(bounds + 1),
            let bits = reader.fixed(UInt64.self)
        else { return nil }
        for _ in 0..<count {
            guard let number = reader.varint() else { return nil }
            counts.append(number)
        }
        sum = Double(bitPattern: bits)
    }

    func write(to writer: inout ByteWriter) {
        writer.varint(UInt64(counts.count))
        writer.fixed(sum.bitPattern)
        for count in counts { writer.varint(count) }
    }
}
