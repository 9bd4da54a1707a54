/// Sums up one number by cell. A cell is a number from 0 on.
struct MeasureAccumulator {
    private struct Cell {
        var count: UInt64 = 0
        var sum = 0.0
        var min = Double.infinity
        var max = -Double.infinity
        /// The buckets that the cell has room for: the index of the first, their number, and where they stand in
        /// `buckets`.
        var first: Int32 = 0
        var length: UInt32 = 0
        var offset = 0
    }

    private let hasHistogram: Bool
    private let bounds: [Double]
    private var cells: [Cell] = []
    /// The histograms of all cells; a cell whose room became too small has left its old one behind.
    private var buckets: [UInt64] = []
    /// The counts by ``bounds`` of all cells, as many for each.
    private var bucketCounts: [UInt64] = []

    init(_ measure: AggregationMeasure) {
        hasHistogram = measure.hasHistogram
        bounds = measure.bounds
    }

    /// Bytes of memory that it takes.
    var memoryBytes: Int { cells.count * MemoryLayout<Cell>.stride + (buckets.count + bucketCounts.count) * 8 }

    /// Takes one number for each cell named; NaN is none.
    mutating func add(cells numbers: [UInt32], values: [Double], cellCount: Int) {
        precondition(numbers.count == values.count, "as many numbers as cells")
        if cells.count < cellCount {
            cells.append(contentsOf: repeatElement(Cell(), count: cellCount - cells.count))
        }
        if !bounds.isEmpty { countByBounds(numbers, values) }
        var row = 0
        while row < numbers.count {
            row = hasHistogram ? count(numbers, values, from: row) : sum(numbers, values)
            if row < numbers.count { makeRoom(in: Int(numbers[row]), for: OctaveHistogram.index(values[row])) }
        }
    }

    private mutating func sum(_ numbers: [UInt32], _ values: [Double]) -> Int {
        for row in numbers.indices where !values[row].isNaN { Self.add(values[row], to: &cells[Int(numbers[row])]) }
        return numbers.count
    }

    @inline(__always)
    private static func add(_ value: Double, to cell: inout Cell) {
        cell.count &+= 1
        cell.sum += value
        cell.min = value < cell.min ? value : cell.min
        cell.max = value > cell.max ? value : cell.max
    }

    /// Takes numbers until one has a bucket that its cell has no room for, and says which.
    private mutating func count(_ numbers: [UInt32], _ values: [Double], from start: Int) -> Int {
        cells.withUnsafeMutableBufferPointer { cells in
            buckets.withUnsafeMutableBufferPointer { buckets in
                for row in start..<numbers.count {
                    let value = values[row]
                    if value.isNaN { continue }
                    let number = Int(numbers[row])
                    let place = Int(OctaveHistogram.index(value)) - Int(cells[number].first)
                    guard place >= 0, place < Int(cells[number].length) else { return row }
                    buckets[cells[number].offset + place] &+= 1
                    Self.add(value, to: &cells[number])
                }
                return numbers.count
            }
        }
    }

    private mutating func countByBounds(_ numbers: [UInt32], _ values: [Double]) {
        let width = bounds.count + 1
        let missing = cells.count * width - bucketCounts.count
        if missing > 0 { bucketCounts.append(contentsOf: repeatElement(0, count: missing)) }
        for row in numbers.indices where !values[row].isNaN {
            bucketCounts[Int(numbers[row]) * width + bucket(of: values[row])] &+= 1
        }
    }

    /// The place of the first bound that is not below a number.
    private func bucket(of value: Double) -> Int {
        var (low, high) = (0, bounds.count)
        while low < high {
            let middle = (low + high) / 2
            if bounds[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Gives a cell room for whole powers of two, one more than is needed where it has some already.
    private mutating func makeRoom(in number: Int, for index: Int32) {
        let octave = Int32(OctaveHistogram.bucketsPerOctave)
        let old = cells[number]
        let limit = OctaveHistogram.indexMax
        var low = index >= 0 ? index / octave * octave : (index - octave + 1) / octave * octave
        var high = low + octave
        if old.length > 0 {
            let end = old.first + Int32(old.length)
            low = index < old.first ? max(-limit - octave, low - octave) : old.first
            high = index < old.first ? end : min(limit + octave, high + octave)
        }
        let offset = buckets.count
        buckets.append(contentsOf: repeatElement(0, count: Int(high - low)))
        for place in 0..<Int(old.length) {
            buckets[offset + Int(old.first - low) + place] = buckets[old.offset + place]
        }
        cells[number].first = low
        cells[number].length = UInt32(high - low)
        cells[number].offset = offset
    }

    func summary(_ number: Int) -> MeasureSummary {
        guard number < cells.count else {
            return MeasureSummary(
                histogram: hasHistogram ? OctaveHistogram() : nil,
                bucketCounts: bounds.isEmpty ? [] : Array(repeating: 0, count: bounds.count + 1))
        }
        let cell = cells[number]
        let width = bounds.isEmpty ? 0 : bounds.count + 1
        return MeasureSummary(
            count: Int(cell.count), sum: cell.sum, min: cell.min, max: cell.max,
            histogram: hasHistogram
                ? OctaveHistogram(first: cell.first, counts: buckets[cell.offset..<cell.offset + Int(cell.length)])
                : nil,
            bucketCounts: Array(bucketCounts[number * width..<(number + 1) * width]))
    }
}
