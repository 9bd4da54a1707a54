/// Bounds of the histograms, as the conventions have them.
enum GenAIBounds {
    static let tokens = BucketBounds((0..<14).map { Double(UInt64(1) << UInt64($0 * 2)) })
    static let seconds = BucketBounds((0..<14).map { 0.01 * Double(1 << $0) })
    static let timeToFirstToken = BucketBounds([
        0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
    ])
    static let timePerOutputToken = BucketBounds([
        0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5,
    ])
}

/// Upper bounds of a histogram's buckets, in their order and above 0.
struct BucketBounds: Sendable {
    let values: [Double]
    /// By the exponent of a value: the first bound that is not below all values with it.
    private let firsts: [UInt8]
    /// The exponent of the least bound, as it is in the bits of a number.
    private let exponentMin: Int

    init(_ values: [Double]) {
        self.values = values
        let exponents = values.map(Self.exponent)
        let exponentMin = exponents.first ?? 0
        self.exponentMin = exponentMin
        firsts = (exponentMin...(exponents.last ?? 0) + 1).map { exponent in
            UInt8(clamping: exponents.firstIndex { $0 >= exponent } ?? values.count)
        }
    }

    private static func exponent(_ value: Double) -> Int { Int(value.bitPattern >> 52) }

    /// The first bucket whose bound a value is not above; the last one for what is above all, and what is no number.
    func bucket(of value: Double) -> Int {
        guard let first = values.first, !(value <= first) else { return 0 }
        var bucket = Int(firsts[min(Self.exponent(value) - exponentMin, firsts.count - 1)])
        while bucket < values.count, value > values[bucket] { bucket += 1 }
        return bucket
    }
}

/// What calls used and what that cost.
struct CallUsage: Sendable {
    var tokens = TokenUsage()
    /// US dollars.
    var computedCost = 0.0
    var reportedCost = 0.0

    init() {}

    init?(_ reader: inout ByteReader) {
        guard let tokens = TokenUsage(&reader), let computed = reader.fixed(UInt64.self),
            let reported = reader.fixed(UInt64.self)
        else { return nil }
        self.tokens = tokens
        computedCost = Double(bitPattern: computed)
        reportedCost = Double(bitPattern: reported)
    }

    func write(to writer: inout ByteWriter) {
        tokens.write(to: &writer)
        writer.fixed(computedCost.bitPattern)
        writer.fixed(reportedCost.bitPattern)
    }

    @inline(__always)
    mutating func add(_ call: borrowing FoundCall, _ cost: CallCost) {
        if call.hasUsage { tokens += call.usage.multiplied(by: call.weight) }
        let dollars = cost.usd * Double(call.weight)
        switch cost.source {
        case .computed: computedCost += dollars
        case .reported: reportedCost += dollars
        case .unknown: break
        }
    }
}

/// What is added up of calls on somebody's behalf.
struct CallCounts: SeriesRow {
    var calls: UInt64 = 0
    var errors: UInt64 = 0
    var retries: UInt64 = 0
    /// Calls with tokens and no price.
    var unpriced: UInt64 = 0
    /// Stands for what those that failed used in ``FailedUsage``; 0 where they used nothing. In room that a row has
    /// anyhow, as the usage is aligned.
    fileprivate(set) var failed: UInt32 = 0
    /// Of those that did not fail.
    var usage = CallUsage()

    init() {}

    init?(_ reader: inout ByteReader) {
        guard let calls = reader.varint(), let errors = reader.varint(), let retries = reader.varint(),
            let unpriced = reader.varint(), let usage = CallUsage(&reader)
        else { return nil }
        (self.calls, self.errors, self.retries, self.unpriced) = (calls, errors, retries, unpriced)
        self.usage = usage
    }

    func write(to writer: inout ByteWriter) {
        for number in [calls, errors, retries, unpriced] { writer.varint(number) }
        usage.write(to: &writer)
    }
}

/// What calls that failed used, beside the rows of all calls: few rows have any of it, and none grows by it.
struct FailedUsage: Sendable {
    private var usages: [CallUsage] = []

    /// Nil where a row's failed calls used nothing.
    func usage(of row: CallCounts) -> CallUsage? { row.failed == 0 ? nil : usages[Int(row.failed) - 1] }

    mutating func add(_ call: borrowing FoundCall, _ cost: CallCost, to row: inout CallCounts) {
        // Most calls that fail used nothing.
        guard call.hasUsage || cost.usd > 0 else { return }
        if row.failed == 0 { append(CallUsage(), to: &row) }
        usages[Int(row.failed) - 1].add(call, cost)
    }

    private mutating func append(_ usage: CallUsage, to row: inout CallCounts) {
        usages.append(usage)
        row.failed = UInt32(usages.count)
    }

    // MARK: checkpoint

    func write(of rows: [CallCounts], to writer: inout ByteWriter) {
        writer.varint(UInt64(usages.count))
        for (index, row) in rows.enumerated() {
            guard let usage = usage(of: row) else { continue }
            writer.varint(UInt64(index))
            usage.write(to: &writer)
        }
    }

    /// Puts back what was written; false when it is something else.
    mutating func read(_ reader: inout ByteReader, of rows: inout [CallCounts]) -> Bool {
        guard let count = reader.varint() else { return false }
        for _ in 0..<count {
            guard let index = reader.varint(), index < UInt64(rows.count), rows[Int(index)].failed == 0,
                let usage = CallUsage(&reader)
            else { return false }
            append(usage, to: &rows[Int(index)])
        }
        return true
    }
}

/// What calls cost by the source that does not count, US dollars. Most series have none.
struct OtherCosts: Hashable, Sendable {
    var computed = 0.0
    var reported = 0.0

    init() {}

    init?(_ reader: inout ByteReader) {
        guard let computed = reader.fixed(UInt64.self), let reported = reader.fixed(UInt64.self) else { return nil }
        self.computed = Double(bitPattern: computed)
        self.reported = Double(bitPattern: reported)
    }

    func write(to writer: inout ByteWriter) {
        writer.fixed(computed.bitPattern)
        writer.fixed(reported.bitPattern)
    }
}

/// The histograms of calls.
struct CallHistograms: SeriesRow {
    var duration = BucketCounts()
    var inputTokens = BucketCounts()
    var outputTokens = BucketCounts()
    var timeToFirstToken = BucketCounts()
    var timePerOutputToken = BucketCounts()

    init() {}

    init?(_ reader: inout ByteReader) {
        guard let duration = BucketCounts(&reader, bounds: GenAIBounds.seconds.values.count),
            let input = BucketCounts(&reader, bounds: GenAIBounds.tokens.values.count),
            let output = BucketCounts(&reader, bounds: GenAIBounds.tokens.values.count),
            let first = BucketCounts(&reader, bounds: GenAIBounds.timeToFirstToken.values.count),
            let each = BucketCounts(&reader, bounds: GenAIBounds.timePerOutputToken.values.count)
        else { return nil }
        (self.duration, inputTokens, outputTokens, timeToFirstToken, timePerOutputToken) = (
            duration, input, output, first, each
        )
    }

    func write(to writer: inout ByteWriter) {
        for histogram in [duration, inputTokens, outputTokens, timeToFirstToken, timePerOutputToken] {
            histogram.write(to: &writer)
        }
    }
}

/// A plain counter.
struct EventCount: SeriesRow {
    var count: UInt64 = 0

    init() {}

    init?(_ reader: inout ByteReader) {
        guard let count = reader.varint() else { return nil }
        self.count = count
    }

    func write(to writer: inout ByteWriter) { writer.varint(count) }
}

extension TokenUsage {
    init?(_ reader: inout ByteReader) {
        var counts = SIMD8<UInt64>()
        for bucket in counts.indices {
            guard let number = reader.varint() else { return nil }
            counts[bucket] = number
        }
        self.init(counts: counts)
    }

    func write(to writer: inout ByteWriter) {
        for bucket in counts.indices { writer.varint(counts[bucket]) }
    }
}
