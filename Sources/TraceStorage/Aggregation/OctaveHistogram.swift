/// Counts of numbers in buckets that are narrow beside what they hold, whatever its size.
///
/// Every power of two is cut into 64 buckets of equal width, so that the middle of a bucket is at most 1/128 (0.79 %)
/// away from what is in it. Magnitudes under 2⁻³² count as 0, and those of 2⁶⁴ and more are in the last bucket.
/// Buckets are the same in every histogram: two are merged by adding their counts, in any order.
package struct OctaveHistogram: Hashable, Sendable {
    /// Buckets of each power of two: 6 bits of the mantissa.
    package static let bucketsPerOctave = 64
    private static let shift: UInt64 = 46
    /// Exponent and mantissa bits of the smallest magnitude that is not 0.
    private static let base = Int32((1023 - 32) << 6)
    /// Indices of buckets lie between this and its negative.
    package static let indexMax = Int32(96 * bucketsPerOctave)

    /// The index of the bucket of `counts[0]`.
    package private(set) var first: Int32 = 0
    /// Without zeros at either end.
    package private(set) var counts: [UInt64] = []

    package init() {}

    /// - Parameter first: the index of the bucket of `counts[0]`.
    package init(first: Int32, counts: some RandomAccessCollection<UInt64>) {
        guard let start = counts.firstIndex(where: { $0 > 0 }), let end = counts.lastIndex(where: { $0 > 0 }) else {
            return
        }
        self.first = first + Int32(counts.distance(from: counts.startIndex, to: start))
        self.counts = Array(counts[start...end])
    }

    /// The bucket of a number that is not NaN: 0 for 0, negative for negative ones.
    @inlinable @inline(__always)
    package static func index(_ value: Double) -> Int32 {
        let magnitude = value.magnitude
        guard magnitude >= 0x1p-32 else { return 0 }
        let bits = (magnitude < 0x1p64 ? magnitude : 0x1p64.nextDown).bitPattern
        let index = Int32(truncatingIfNeeded: bits >> 46) &- ((1023 - 32) << 6) &+ 1
        return value < 0 ? 0 &- index : index
    }

    /// The number in the middle of a bucket.
    package static func middle(_ index: Int32) -> Double {
        guard index != 0 else { return 0 }
        let bits = UInt64(index.magnitude) + UInt64(base) - 1
        let low = Double(bitPattern: bits << shift)
        let high = Double(bitPattern: (bits + 1) << shift)
        return index < 0 ? -(low + high) / 2 : (low + high) / 2
    }

    /// How many numbers were counted.
    package var count: UInt64 { counts.reduce(0, &+) }

    /// Counts one number; for many see ``Aggregator``.
    package mutating func insert(_ value: Double) {
        guard !value.isNaN else { return }
        merge(OctaveHistogram(first: Self.index(value), counts: [1]))
    }

    package mutating func merge(_ other: OctaveHistogram) {
        guard !other.counts.isEmpty else { return }
        guard !counts.isEmpty else {
            self = other
            return
        }
        if other.first < first {
            counts.insert(contentsOf: repeatElement(0, count: Int(first - other.first)), at: 0)
            first = other.first
        }
        let offset = Int(other.first - first)
        let missing = offset + other.counts.count - counts.count
        if missing > 0 { counts.append(contentsOf: repeatElement(0, count: missing)) }
        for (index, count) in other.counts.enumerated() { counts[offset + index] &+= count }
    }

    /// The number below or at which this share (0 to 1) of all lies, by the nearest rank; nil when there are none.
    package func quantile(_ share: Double) -> Double? {
        let total = count
        guard total > 0 else { return nil }
        let rank = max(1, (min(max(share, 0), 1) * Double(total)).rounded(.up))
        var seen = 0.0
        for (index, count) in counts.enumerated() {
            seen += Double(count)
            if seen >= rank { return Self.middle(first + Int32(index)) }
        }
        return Self.middle(first + Int32(counts.count) - 1)
    }
}
