import Foundation
import SpanMetrics
import Testing
import TraceFixtures

@Suite struct ExponentialHistogramTests {
    /// The bounds of the bucket at a place.
    private static func bounds(_ histogram: ExponentialHistogram, _ place: Int) -> (Double, Double) {
        let factor = exp2(-Double(histogram.scale))
        return (exp2(Double(histogram.offset + place) * factor), exp2(Double(histogram.offset + place + 1) * factor))
    }

    @Test func everyValueIsInABucketThatHoldsIt() {
        let seed = UInt64.random(in: 0...(.max))
        print("ExponentialHistogramTests seed \(seed)")
        var random = SeededGenerator(seed: seed)
        for bucketsMax in [2, 3, 20, 160, 2000] {
            var histogram = ExponentialHistogram(bucketsMax: bucketsMax)
            for count in 1...2000 as ClosedRange<UInt64> {
                let value = exp2(Double.random(in: -20...44, using: &random))
                histogram.add(value, weight: 1)
                let (low, high) = Self.bounds(histogram, histogram.place(of: value))
                #expect(low * (1 - 1e-12) < value && value <= high * (1 + 1e-12))
                #expect(histogram.counts.count <= bucketsMax)
                #expect(histogram.count == count)
            }
        }
    }

    /// The upper bound belongs to a bucket, at every scale.
    @Test func powersOfTwoAreTheLastOfTheirBuckets() {
        for exponent in -30...40 {
            var histogram = ExponentialHistogram(bucketsMax: 160)
            let value = exp2(Double(exponent))
            histogram.add(value, weight: 1)
            for scale in stride(from: 20, through: -3, by: -1) {
                let lowered = histogram.lowered(to: scale)
                #expect(lowered.scale == scale && lowered.counts == [1])
                let last = scale >= 0 ? (exponent << scale) - 1 : (exponent - 1) >> -scale
                #expect(lowered.offset == last, "2^\(exponent) at scale \(scale)")
            }
        }
    }

    @Test func aLowerScaleCountsAsIfItHadBeenSoFromTheBeginning() {
        var random = SeededGenerator(seed: 7)
        let values = (0..<500).map { _ in exp2(Double.random(in: 0...3, using: &random)) }
        var fine = ExponentialHistogram(bucketsMax: 2000)
        for value in values { fine.add(value, weight: 1) }
        for scale in stride(from: fine.scale, through: -2, by: -1) {
            let coarse = fine.lowered(to: scale)
            let factor = exp2(-Double(scale))
            for (place, count) in coarse.counts.enumerated() {
                let low = exp2(Double(coarse.offset + place) * factor)
                let high = exp2(Double(coarse.offset + place + 1) * factor)
                #expect(values.count { low < $0 && $0 <= high } == Int(count))
            }
        }
    }

    @Test func nothingAndWeightsAreCounted() {
        var histogram = ExponentialHistogram(bucketsMax: 160)
        #expect(histogram.quantile(0.5) == nil)
        histogram.add(0, weight: 3)
        histogram.add(8, weight: 5)
        #expect(histogram.zeroCount == 3)
        #expect(histogram.count == 8)
        #expect(histogram.sum == 40)
        #expect(histogram.quantile(0.2) == 0)
        // The only bucket that is in use is the narrowest that there is.
        #expect(abs((histogram.quantile(0.9) ?? 0) - 8) < 1e-5)
        histogram.add(8, weight: .max)
        #expect(histogram.counts == [.max])
    }

    /// Durations as services have them: log-normal, with a slow share; 160 buckets, as by default.
    @Test(arguments: [0.3, 0.6, 1.0]) func quantilesAreWithinOnePercentOfExact(spread: Double) throws {
        let seed = UInt64.random(in: 0...(.max))
        print("ExponentialHistogramTests quantiles seed \(seed)")
        var random = SeededGenerator(seed: seed)
        var histogram = ExponentialHistogram(bucketsMax: 160)
        var values: [Double] = []
        for index in 0..<200_000 {
            let radius = sqrt(-2 * log(Double.random(in: Double.leastNonzeroMagnitude...1, using: &random)))
            let normal = radius * cos(2 * .pi * Double.random(in: 0..<1, using: &random))
            let value = (index % 10 == 0 ? 400.0 : 30) * exp(spread * normal)
            values.append(value)
            histogram.add(value, weight: 1)
        }
        values.sort()
        for share in [0.1, 0.5, 0.85, 0.95, 0.99] {
            let exact = values[Int(share * Double(values.count))]
            let found = try #require(histogram.quantile(share))
            #expect(abs(found - exact) <= 0.01 * exact, "\(share): \(found), exact \(exact)")
        }
    }

    @Test(arguments: [2, 10, 65, 70, 130, 160, 2000])
    func theLadderCountsExactlyAndNeverFalls(bucketsMax: Int) throws {
        let seed = UInt64.random(in: 0...(.max))
        print("ExponentialHistogramTests ladder seed \(seed)")
        var random = SeededGenerator(seed: seed)
        var configuration = SpanMetricsConfiguration()
        configuration.exponentialBucketsMax = bucketsMax
        let metrics = try REDMetrics(configuration)
        var durations: [UInt64] = []
        var last: [String: Double] = [:]
        for position in 1...40 as ClosedRange<UInt64> {
            // At the end from the shortest to the longest that there can be.
            let octaves = Double(position) * 1.5
            let spans = (0..<20).map { _ in
                let exponent = 20 + Double.random(in: -octaves / 2...octaves / 2, using: &random)
                return SpanFixture("x").with { ($0.start, $0.end) = (0, UInt64(exp2(max(0, exponent)))) }
            }
            durations += spans.map(\.end)
            metrics.record(try .of(spans, position: position))
            let values = Samples(metrics.snapshot().exposition(.prometheusText)).values
            for (name, value) in last { #expect(try #require(values[name]) >= value) }
            last = values
        }
        var bounds = 0
        for (name, value) in last where name.contains("_bucket") {
            let le = try #require(name.split(separator: "le=\"").last?.dropLast(2))
            let bound = try #require(le == "+Inf" ? .infinity : Double(le))
            #expect(durations.count { Double($0) / 1e6 <= bound } == Int(value), "le=\(le)")
            bounds += 1
        }
        #expect(bounds > (bucketsMax < 20 ? 1 : bucketsMax < 70 ? 10 : 20))
    }
}
