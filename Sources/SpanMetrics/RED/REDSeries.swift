import OTLP

/// What a span adds to its series.
struct REDMeasurement {
    /// The span's adjusted count.
    let calls: UInt64
    let nanoseconds: UInt64
    /// The place of `nanoseconds` among the bounds of an explicit histogram.
    let bucket: Int
    /// Of the span's message.
    let bytes: UInt64
    /// Unix nanoseconds.
    let receivedAt: UInt64
}

/// Which columns the series of a table have.
struct REDShape: Sendable {
    enum Histogram: Sendable {
        case none
        /// By upper bounds in nanoseconds.
        case explicit([UInt64])
        /// Of durations in units of so many nanoseconds.
        case exponential(bucketsMax: Int, unit: Double)
    }

    var histogram = Histogram.none
    /// Whether there are the histogram and the bytes of Tempo's naming.
    var hasTempo = false
    var hasExemplars = false
    /// Exemplars of a series that has no buckets of its own.
    var exemplarsPerPointMax = 5
    /// The fixed buckets that an exponential histogram is shown with.
    var ladder: ExponentialLadder?
    /// Series; 0 is no limit.
    var limit = 0
    /// A series that got no span for so long is gone; 0 keeps all.
    var expirationNanoseconds: UInt64 = 0

    var bucketCount: Int {
        if case .explicit(let bounds) = histogram { bounds.count + 1 } else { 0 }
    }

    /// Exemplars of a series, those of Tempo's buckets aside.
    var exemplarCount: Int {
        guard hasExemplars else { return 0 }
        return switch histogram {
        case .none: 1
        case .explicit(let bounds): bounds.count + 1
        case .exponential: exemplarsPerPointMax
        }
    }

    /// What a row has of exemplars: its own, then those of Tempo's buckets.
    var exemplarStride: Int { exemplarCount + (hasTempo && hasExemplars ? Self.tempoBucketCount : 0) }

    /// 2 ms doubled thirteen times.
    static let tempoBounds: [UInt64] = (0..<14).map { 2_000_000 << $0 }
    static let tempoBucketCount = tempoBounds.count + 1
}

/// The series of one tenant with the same kinds of labels, as columns.
struct REDSeries: Sendable {
    /// The labels as texts, see ``SeriesSchema``; a key's number is its row in the columns.
    private(set) var table: KeyTable
    private(set) var labels: [PrometheusLabels] = []
    private(set) var rows: [Row] = []
    /// Adjusted counts by bucket, ``REDShape/bucketCount`` a row.
    private(set) var buckets: [UInt64] = []
    private(set) var exponentials: [ExponentialHistogram] = []
    private(set) var tempoBuckets: [UInt64] = []
    private(set) var tempoSumsNanoseconds: [Double] = []
    private(set) var sizes: [UInt64] = []
    /// The last span of each bucket, ``REDShape/exemplarStride`` a row.
    private(set) var exemplars: [PrometheusExemplar?] = []
    /// The row that takes what is over the limit.
    private var overflowRow: Int?
    let schema: SeriesSchema
    let shape: REDShape
    private let seed: UInt64
    // The shape once more, as what every span asks it for.
    private let bucketCount: Int
    /// Nanoseconds; 0 where there is no exponential histogram.
    private let exponentialUnit: Double

    /// The numbers of a series that every table has, side by side.
    struct Row: Sendable {
        var calls: UInt64 = 0
        var sumNanoseconds = 0.0
        /// When the first and the last span of the series was received, unix nanoseconds.
        var startTime: UInt64 = 0
        var lastTime: UInt64 = 0
    }

    init(_ schema: SeriesSchema, _ shape: REDShape, seed: UInt64) {
        self.schema = schema
        self.shape = shape
        self.seed = seed
        table = KeyTable(seed: seed)
        bucketCount = shape.bucketCount
        if case .exponential(_, let unit) = shape.histogram { exponentialUnit = unit } else { exponentialUnit = 0 }
    }

    var count: Int { table.count }

    func buckets(_ row: Int) -> ArraySlice<UInt64> {
        buckets[row * shape.bucketCount..<(row + 1) * shape.bucketCount]
    }

    func tempoBuckets(_ row: Int) -> ArraySlice<UInt64> {
        tempoBuckets[row * REDShape.tempoBucketCount..<(row + 1) * REDShape.tempoBucketCount]
    }

    func exemplars(_ row: Int) -> ArraySlice<PrometheusExemplar?> {
        exemplars[row * shape.exemplarStride..<row * shape.exemplarStride + shape.exemplarCount]
    }

    /// Those of Tempo's buckets.
    func tempoExemplars(_ row: Int) -> ArraySlice<PrometheusExemplar?> {
        exemplars[row * shape.exemplarStride + shape.exemplarCount..<(row + 1) * shape.exemplarStride]
    }

    /// The series' last span.
    func lastExemplar(_ row: Int) -> PrometheusExemplar? {
        guard shape.hasExemplars else { return nil }
        return exemplars(row).lazy.compactMap(\.self).max { $0.isBefore($1) }
    }

    /// Whether a series is still there at a time.
    func isAlive(_ row: Int, at time: UInt64) -> Bool {
        shape.expirationNanoseconds == 0 || time < rows[row].lastTime.addingClamped(shape.expirationNanoseconds)
    }

    // MARK: counting

    /// The row of a key; the overflow row when the key is new and the limit is reached.
    mutating func row(of key: [UInt8]) -> (row: Int, isOverflow: Bool) {
        if let row = table.index(of: key) { return (row, row == overflowRow) }
        let used = count - (overflowRow == nil ? 0 : 1)
        if shape.limit == 0 || used < shape.limit, let labels = schema.labels(key[...]) {
            return (append(key, labels), false)
        }
        if let overflowRow { return (overflowRow, true) }
        let row = append(SeriesKey.overflow, SeriesKey.overflowLabels)
        overflowRow = row
        return (row, true)
    }

    /// - Returns: the row.
    private mutating func append(_ key: [UInt8], _ newLabels: PrometheusLabels) -> Int {
        let row = table.insert(key)
        labels.append(newLabels)
        rows.append(Row())
        switch shape.histogram {
        case .none: break
        case .explicit(let bounds): buckets.append(contentsOf: repeatElement(0, count: bounds.count + 1))
        case .exponential(let bucketsMax, _): exponentials.append(ExponentialHistogram(bucketsMax: bucketsMax))
        }
        if shape.hasTempo {
            tempoBuckets.append(contentsOf: repeatElement(0, count: REDShape.tempoBucketCount))
            tempoSumsNanoseconds.append(0)
            sizes.append(0)
        }
        if shape.hasExemplars { exemplars.append(contentsOf: repeatElement(nil, count: shape.exemplarStride)) }
        return row
    }

    @inline(__always)
    mutating func add(_ measurement: REDMeasurement, to row: Int) {
        if shape.expirationNanoseconds > 0, rows[row].startTime > 0, !isAlive(row, at: measurement.receivedAt) {
            clear(row)
        }
        let sum = Double(measurement.nanoseconds) * Double(measurement.calls)
        rows[row].add(measurement, sum)
        if bucketCount > 0 {
            let index = row * bucketCount + measurement.bucket
            buckets[index] = buckets[index].addingClamped(measurement.calls)
        } else if exponentialUnit > 0 {
            exponentials[row].add(Double(measurement.nanoseconds) / exponentialUnit, weight: measurement.calls)
        }
        if shape.hasTempo { addTempo(measurement, sum, to: row) }
    }

    private mutating func addTempo(_ measurement: REDMeasurement, _ sum: Double, to row: Int) {
        let place = Self.bucket(of: measurement.nanoseconds, REDShape.tempoBounds)
        let index = row * REDShape.tempoBucketCount + place
        tempoBuckets[index] = tempoBuckets[index].addingClamped(measurement.calls)
        tempoSumsNanoseconds[row] += sum
        sizes[row] = sizes[row].addingClamped(measurement.bytes)
    }

    /// Keeps the last span of a bucket; those that an exponential histogram is shown with share the places that there
    /// are, each in one place: what is shown of a bucket never becomes older, for which Prometheus would refuse it.
    mutating func setExemplar(_ exemplar: PrometheusExemplar, of measurement: REDMeasurement, to row: Int) {
        var place = 0
        if bucketCount > 0 {
            place = measurement.bucket
        } else if exponentialUnit > 0 {
            place = (shape.ladder?.bounds.place(of: exemplar.value) ?? 0) % shape.exemplarCount
        }
        let first = row * shape.exemplarStride
        keep(exemplar, at: first + place)
        if shape.hasTempo {
            let bucket = Self.bucket(of: measurement.nanoseconds, REDShape.tempoBounds)
            keep(exemplar, at: first + shape.exemplarCount + bucket)
        }
    }

    private mutating func keep(_ exemplar: PrometheusExemplar, at place: Int) {
        if let known = exemplars[place], exemplar.isBefore(known) { return }
        exemplars[place] = exemplar
    }

    /// The first bucket whose bound is not below the duration. Without a branch that depends on it, which a processor
    /// would guess wrongly every other time.
    @inline(__always)
    static func bucket(of nanoseconds: UInt64, _ bounds: [UInt64]) -> Int {
        bounds.withUnsafeBufferPointer { bounds in
            var start = 0
            var count = bounds.count
            while count > 1 {
                let half = count >> 1
                start &+= bounds[start &+ half &- 1] < nanoseconds ? half : 0
                count &-= half
            }
            return count == 1 && bounds[start] < nanoseconds ? start + 1 : start
        }
    }

    // MARK: expiry

    /// Begins a series again that was gone.
    private mutating func clear(_ row: Int) {
        rows[row] = Row()
        for index in 0..<bucketCount { buckets[row * bucketCount + index] = 0 }
        if case .exponential(let bucketsMax, _) = shape.histogram {
            exponentials[row] = ExponentialHistogram(bucketsMax: bucketsMax)
        }
        if shape.hasTempo {
            for index in 0..<REDShape.tempoBucketCount { tempoBuckets[row * REDShape.tempoBucketCount + index] = 0 }
            tempoSumsNanoseconds[row] = 0
            sizes[row] = 0
        }
        for index in 0..<shape.exemplarStride { exemplars[row * shape.exemplarStride + index] = nil }
    }

    /// The table without the series that are gone at a time, in memory of its own size; nil when none is.
    func withoutExpired(at time: UInt64) -> REDSeries? {
        let rows = (0..<count).filter { isAlive($0, at: time) }
        guard rows.count < count else { return nil }
        var result = REDSeries(schema, shape, seed: seed)
        for row in rows {
            let new = result.append(Array(table.key(row)), labels[row])
            if row == overflowRow { result.overflowRow = new }
            result.copy(row, of: self, to: new)
        }
        return result
    }

    private mutating func copy(_ row: Int, of other: REDSeries, to new: Int) {
        rows[new] = other.rows[row]
        let count = shape.bucketCount
        if count > 0 { buckets.replaceSubrange(new * count..<(new + 1) * count, with: other.buckets(row)) }
        if !exponentials.isEmpty { exponentials[new] = other.exponentials[row] }
        if shape.hasTempo {
            let count = REDShape.tempoBucketCount
            tempoBuckets.replaceSubrange(new * count..<(new + 1) * count, with: other.tempoBuckets(row))
            tempoSumsNanoseconds[new] = other.tempoSumsNanoseconds[row]
            sizes[new] = other.sizes[row]
        }
        let stride = shape.exemplarStride
        if stride > 0 {
            exemplars.replaceSubrange(
                new * stride..<(new + 1) * stride, with: other.exemplars[row * stride..<(row + 1) * stride])
        }
    }

    // MARK: restoring

    /// The numbers of a series as a checkpoint has them; what a table has no column for is left out.
    struct Numbers {
        var row = Row()
        var buckets: [UInt64] = []
        var exponential: ExponentialHistogram?
        var tempoBuckets: [UInt64] = []
        var tempoSumNanoseconds = 0.0
        var size: UInt64 = 0
    }

    /// Puts back a row of a checkpoint; false when the key is none of this table or comes twice, or when numbers do not
    /// fit.
    mutating func restore(key: [UInt8], _ numbers: Numbers) -> Bool {
        guard let labels = schema.labels(key[...]), numbers.buckets.count == shape.bucketCount,
            table.index(of: key) == nil
        else { return false }
        let row = append(key, labels)
        if key == SeriesKey.overflow { overflowRow = row }
        rows[row] = numbers.row
        for (bucket, count) in numbers.buckets.enumerated() { buckets[row * shape.bucketCount + bucket] = count }
        if let exponential = numbers.exponential, !exponentials.isEmpty { exponentials[row] = exponential }
        if shape.hasTempo, numbers.tempoBuckets.count == REDShape.tempoBucketCount {
            for (bucket, count) in numbers.tempoBuckets.enumerated() {
                tempoBuckets[row * REDShape.tempoBucketCount + bucket] = count
            }
            tempoSumsNanoseconds[row] = numbers.tempoSumNanoseconds
            sizes[row] = numbers.size
        }
        return true
    }
}

extension REDSeries.Row {
    @inline(__always)
    fileprivate mutating func add(_ measurement: REDMeasurement, _ sum: Double) {
        if startTime == 0 { startTime = measurement.receivedAt }
        lastTime = max(lastTime, measurement.receivedAt)
        calls = calls.addingClamped(measurement.calls)
        sumNanoseconds += sum
    }
}
