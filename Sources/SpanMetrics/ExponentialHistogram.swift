#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A histogram whose buckets grow by a factor, as OpenTelemetry's exponential histogram.
///
/// Bucket `i` of scale `s` holds values in (b^i, b^(i+1)] with b = 2^(2^-s). The scale begins at 20 and falls, two
/// buckets joining to one, when values would need more buckets than there may be. What was counted at a scale is
/// counted exactly at every lower one. Values are not negative; 0 has a count of its own.
package struct ExponentialHistogram: Hashable, Sendable {
    package static let scaleMax = 20
    package static let scaleMin = -10

    package private(set) var scale = Self.scaleMax
    package private(set) var zeroCount: UInt64 = 0
    /// The bucket of the first of `counts`.
    package private(set) var offset = 0
    package private(set) var counts: [UInt64] = []
    package private(set) var sum = 0.0
    package private(set) var min = Double.infinity
    package private(set) var max = 0.0
    private let bucketsMax: Int

    /// - Parameter bucketsMax: At least 2.
    package init(bucketsMax: Int) {
        self.bucketsMax = Swift.max(2, bucketsMax)
    }

    package var count: UInt64 { counts.reduce(zeroCount) { $0.addingClamped($1) } }

    /// Counts a value `weight` times.
    ///
    /// - Parameter value: Finite and at least 0.
    package mutating func add(_ value: Double, weight: UInt64) {
        sum += value * Double(weight)
        min = Swift.min(min, value)
        max = Swift.max(max, value)
        guard value > 0 else {
            zeroCount = zeroCount.addingClamped(weight)
            return
        }
        var index = Self.index(of: value, scale: scale)
        if counts.isEmpty {
            offset = index
            counts = [0]
        } else if index < offset || index >= offset + counts.count {
            lowerScale(by: scalesTooMany(with: index))
            index = Self.index(of: value, scale: scale)
            makeRoom(for: index)
        }
        counts[index - offset] = counts[index - offset].addingClamped(weight)
    }

    /// The place in `counts` of the bucket of a value that was counted; 0 for the value 0.
    package func place(of value: Double) -> Int {
        value > 0 ? Swift.max(0, Self.index(of: value, scale: scale) - offset) : 0
    }

    /// The bucket of a positive value.
    static func index(of value: Double, scale: Int) -> Int {
        let exponent = Int(value.exponent)
        let isPower = value.significand == 1
        // The upper bound belongs to a bucket, so a power of two is in the one below.
        if scale <= 0 { return (isPower ? exponent - 1 : exponent) >> -scale }
        if isPower { return (exponent << scale) - 1 }
        let place = Int((log2(value.significand) * Double(1 << scale)).rounded(.up)) - 1
        return (exponent << scale) + Swift.min(Swift.max(place, 0), (1 << scale) - 1)
    }

    /// By how much the scale has to fall for `index` to have a bucket.
    private func scalesTooMany(with index: Int) -> Int {
        var low = Swift.min(offset, index)
        var high = Swift.max(offset + counts.count - 1, index)
        var change = 0
        while high - low >= bucketsMax, scale - change > Self.scaleMin {
            low >>= 1
            high >>= 1
            change += 1
        }
        return change
    }

    private mutating func lowerScale(by change: Int) {
        guard change > 0 else { return }
        let first = offset >> change
        var joined = Array(repeating: UInt64(0), count: ((offset + counts.count - 1) >> change) - first + 1)
        for (place, count) in counts.enumerated() {
            let index = ((offset + place) >> change) - first
            joined[index] = joined[index].addingClamped(count)
        }
        offset = first
        counts = joined
        scale -= change
    }

    private mutating func makeRoom(for index: Int) {
        if index < offset {
            counts.insert(contentsOf: repeatElement(0, count: offset - index), at: 0)
            offset = index
        } else if index >= offset + counts.count {
            counts.append(contentsOf: repeatElement(0, count: index - offset - counts.count + 1))
        }
    }

    /// The same at a scale that is not higher.
    package func lowered(to scale: Int) -> ExponentialHistogram {
        var copy = self
        if !copy.counts.isEmpty { copy.lowerScale(by: Swift.max(0, copy.scale - scale)) }
        copy.scale = Swift.min(copy.scale, scale)
        return copy
    }

    /// The value below which a share of all lies, found within its bucket as if values were spread evenly over its
    /// logarithm; nil when nothing was counted. Wrong by half a bucket at most, `2^(2^-scale)` from bound to bound, and
    /// by much less where many values fall into one.
    package func quantile(_ share: Double) -> Double? {
        let all = Double(count)
        guard all > 0 else { return nil }
        var rank = Swift.min(Swift.max(share, 0), 1) * all
        if rank <= Double(zeroCount) { return 0 }
        rank -= Double(zeroCount)
        for (place, count) in counts.enumerated() where count > 0 {
            if rank <= Double(count) {
                let exponent = (Double(offset + place) + rank / Double(count)) * exp2(-Double(scale))
                return Swift.min(Swift.max(exp2(exponent), min), max)
            }
            rank -= Double(count)
        }
        return max
    }

    // MARK: checkpoint

    func write(to writer: inout ByteWriter) {
        writer.fixed(Int32(scale))
        writer.fixed(Int32(clamping: offset))
        writer.varint(zeroCount)
        writer.fixed(sum.bitPattern)
        writer.fixed(min.bitPattern)
        writer.fixed(max.bitPattern)
        writer.varint(UInt64(counts.count))
        for count in counts { writer.varint(count) }
    }

    init?(_ reader: inout ByteReader, bucketsMax: Int) {
        self.init(bucketsMax: bucketsMax)
        guard let scale = reader.fixed(UInt32.self), let offset = reader.fixed(UInt32.self),
            let zeroCount = reader.varint(), let sum = reader.fixed(UInt64.self), let min = reader.fixed(UInt64.self),
            let max = reader.fixed(UInt64.self), let size = reader.varint(), size <= UInt64(bucketsMax)
        else { return nil }
        self.scale = Int(Int32(bitPattern: scale))
        guard (Self.scaleMin...Self.scaleMax).contains(self.scale) else { return nil }
        self.offset = Int(Int32(bitPattern: offset))
        self.zeroCount = zeroCount
        self.sum = Double(bitPattern: sum)
        self.min = Double(bitPattern: min)
        self.max = Double(bitPattern: max)
        for _ in 0..<size {
            guard let count = reader.varint() else { return nil }
            counts.append(count)
        }
    }
}

/// The fixed bounds under which exponential histograms are shown where only such can be.
///
/// Every bound is one of every histogram with as many buckets, whatever its scale has come to: so the counts are exact,
/// never fall, and add up over series.
package struct ExponentialLadder: Sendable {
    let bounds: PrometheusBounds
    /// Bounds are 2^(k / 2^scale) for k from `first` on.
    private let scale: Int
    private let first: Int

    /// Octaves of values that durations in nanoseconds can spread over.
    private static let octaves = 64
    /// Bounds an octave are at most 2: a scrape grows with them, and a quantile's error is 19 % at most then.
    private static let scaleMax = 1

    /// - Parameters:
    ///   - bucketsMax: Of the histograms.
    ///   - octaves: The powers of two from which and up to which there are bounds.
    package init(bucketsMax: Int, octaves: ClosedRange<Int>) {
        var scale = Self.scaleMax
        // The lowest scale that such a histogram can fall to.
        while scale > ExponentialHistogram.scaleMin,
            (scale >= 0 ? Self.octaves << scale : Self.octaves >> -scale) + 2 > bucketsMax
        {
            scale -= 1
        }
        self.scale = scale
        let factor = exp2(Double(scale))
        first = Int((Double(octaves.lowerBound) * factor).rounded(.up))
        let last = Int((Double(octaves.upperBound) * factor).rounded(.down))
        bounds = PrometheusBounds((first...Swift.max(first, last)).map { exp2(Double($0) / factor) })
    }

    /// How many values lie between each bound and the one before it, and above the last.
    func counts(of histogram: ExponentialHistogram) -> [UInt64] {
        var result = Array(repeating: UInt64(0), count: bounds.values.count + 1)
        result[0] = histogram.zeroCount
        let shift = histogram.scale - scale
        for (place, count) in histogram.counts.enumerated() where count > 0 {
            let index = histogram.offset + place
            let step = (shift >= 0 ? index >> shift : index << -shift) + 1 - first
            let bucket = Swift.min(Swift.max(step, 0), result.count - 1)
            result[bucket] = result[bucket].addingClamped(count)
        }
        return result
    }
}
