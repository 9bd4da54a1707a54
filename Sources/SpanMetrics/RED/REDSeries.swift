import OTLP

/// The RED series of one tenant, as columns. Series are never removed, so their numbers never fall.
struct REDSeries: Sendable {
    /// The labels as texts, see ``SeriesKey``; a key's number is its row in the columns.
    private(set) var table: KeyTable
    private(set) var labels: [PrometheusLabels] = []
    /// Adjusted counts by bucket, ``bucketCount`` a row; their sum is the row's number of calls.
    private(set) var buckets: [UInt64] = []
    private(set) var sumsNanoseconds: [Double] = []
    /// As `buckets`; empty when exemplars are off.
    private(set) var exemplars: [PrometheusExemplar?] = []
    /// The row that takes what is over the limit.
    private var overflowRow: Int?
    let bucketCount: Int

    init(seed: UInt64, bucketCount: Int) {
        table = KeyTable(seed: seed)
        self.bucketCount = bucketCount
    }

    var count: Int { table.count }

    func calls(_ row: Int) -> UInt64 {
        buckets(row).reduce(0) { $0.addingClamped($1) }
    }

    func buckets(_ row: Int) -> ArraySlice<UInt64> { buckets[row * bucketCount..<(row + 1) * bucketCount] }

    func exemplars(_ row: Int) -> ArraySlice<PrometheusExemplar?> {
        exemplars.isEmpty ? [] : exemplars[row * bucketCount..<(row + 1) * bucketCount]
    }

    /// The row of a key; the overflow row when the key is new and the limit is reached.
    mutating func row(of key: [UInt8], _ configuration: SpanMetricsConfiguration) -> (row: Int, isOverflow: Bool) {
        if let row = table.index(of: key) { return (row, row == overflowRow) }
        let limit = configuration.aggregationCardinalityLimit
        let used = count - (overflowRow == nil ? 0 : 1)
        if limit == 0 || used < limit, let labels = SeriesKey.labels(key[...], configuration) {
            return (append(key, labels, configuration), false)
        }
        if let overflowRow { return (overflowRow, true) }
        let row = append(SeriesKey.overflow, SeriesKey.overflowLabels, configuration)
        overflowRow = row
        return (row, true)
    }

    /// - Returns: the row.
    private mutating func append(
        _ key: [UInt8], _ newLabels: PrometheusLabels, _ configuration: SpanMetricsConfiguration
    ) -> Int {
        let row = table.insert(key)
        labels.append(newLabels)
        buckets.append(contentsOf: repeatElement(0, count: bucketCount))
        sumsNanoseconds.append(0)
        if configuration.areExemplarsEnabled {
            exemplars.append(contentsOf: repeatElement(nil, count: bucketCount))
        }
        return row
    }

    mutating func add(_ calls: UInt64, bucket: Int, nanoseconds: UInt64, to row: Int) {
        let index = row * bucketCount + bucket
        buckets[index] = buckets[index].addingClamped(calls)
        sumsNanoseconds[row] += Double(nanoseconds) * Double(calls)
    }

    mutating func setExemplar(_ exemplar: PrometheusExemplar, bucket: Int, of row: Int) {
        exemplars[row * bucketCount + bucket] = exemplar
    }

    /// Puts back a row of a checkpoint; false when the key is none of this configuration or comes twice.
    mutating func restore(
        key: [UInt8], buckets counts: [UInt64], sumNanoseconds: Double, _ configuration: SpanMetricsConfiguration
    ) -> Bool {
        let isOverflow = key == SeriesKey.overflow
        let parsed = isOverflow ? SeriesKey.overflowLabels : SeriesKey.labels(key[...], configuration)
        guard let parsed, counts.count == bucketCount, table.index(of: key) == nil else { return false }
        let row = append(key, parsed, configuration)
        if isOverflow { overflowRow = row }
        for (bucket, count) in counts.enumerated() { buckets[row * bucketCount + bucket] = count }
        sumsNanoseconds[row] = sumNanoseconds
        return true
    }
}

/// The bytes that make a series: `0`, then the labels' values in the order service, kind, status, span name,
/// dimensions, each as a length (varint) and UTF-8, but kind and status as one byte; what is excluded is left out.
/// A dimension without a value has length 0, which Prometheus cannot tell from an empty value either.
enum SeriesKey {
    static let overflow: [UInt8] = [1]
    static let overflowLabels = PrometheusLabels([("otel_metric_overflow", "true")])

    static let kinds = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"].map {
        "SPAN_KIND_" + $0
    }
    static let statuses = ["UNSET", "OK", "ERROR"].map { "STATUS_CODE_" + $0 }

    /// An enum value as one byte; values unknown to the specification share the byte after the last, whose label is
    /// empty as in the connector.
    static func byte(_ value: Int32, of names: [String]) -> UInt8 {
        value >= 0 && value < names.count ? UInt8(value) : UInt8(names.count)
    }

    static func append(_ text: some Collection<UInt8>, to key: inout [UInt8]) {
        var rest = text.count
        while rest >= 0x80 {
            key.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        key.append(UInt8(truncatingIfNeeded: rest))
        key.append(contentsOf: text)
    }

    /// Nil when the bytes are no key of this configuration.
    static func labels(_ key: ArraySlice<UInt8>, _ configuration: SpanMetricsConfiguration) -> PrometheusLabels? {
        var reader = ByteReader(key)
        let excluded = configuration.excludeDimensions
        guard reader.byte() == 0 else { return nil }
        var pairs: [(String, String)] = []
        if !excluded.contains(.serviceName) {
            guard let text = reader.text() else { return nil }
            pairs.append(("service_name", text))
        }
        var kindAndStatus: [(String, String)] = []
        if !excluded.contains(.spanKind) {
            guard let code = reader.byte(), code <= kinds.count else { return nil }
            kindAndStatus.append(("span_kind", Int(code) < kinds.count ? kinds[Int(code)] : ""))
        }
        if !excluded.contains(.statusCode) {
            guard let code = reader.byte(), code <= statuses.count else { return nil }
            kindAndStatus.append(("status_code", Int(code) < statuses.count ? statuses[Int(code)] : ""))
        }
        if !excluded.contains(.spanName) {
            guard let text = reader.text() else { return nil }
            pairs.append(("span_name", text))
        }
        pairs += kindAndStatus
        for dimension in configuration.dimensions {
            guard let text = reader.text() else { return nil }
            if !text.isEmpty { pairs.append((PrometheusName.label(dimension.name), text)) }
        }
        return reader.isAtEnd ? PrometheusLabels(pairs) : nil
    }
}

extension UInt64 {
    /// The sum, or the largest number where it does not fit: a counter never falls.
    @inline(__always)
    func addingClamped(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
