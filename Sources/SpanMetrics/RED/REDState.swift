import OTLP
import TraceStorage

/// What ``REDMetrics`` guards.
struct REDState: Sendable {
    let configuration: SpanMetricsConfiguration
    let seed: UInt64
    var position = JournalPosition.beginning
    var statistics = REDStatistics()
    var tenants: [TenantID: REDSeries] = [:]

    private let bounds: [UInt64]
    private let dimensionKeys: [[UInt8]]
    private let includesService: Bool
    private let includesName: Bool
    private let includesKind: Bool
    private let includesStatus: Bool
    /// The key of the span at hand; kept so that a span allocates nothing.
    private var key: [UInt8] = []
    /// What spans of the resource at hand were counted as, by ``slot(_:_:)``.
    private var known: [Known?] = Array(repeating: nil, count: Self.knownCount)

    /// A span whose series is known, and with it that of every span of its resource that is equal in these.
    private struct Known: Sendable {
        let name: ByteRange
        let kind: Int32
        let statusCode: Int32
        let row: Int
        let isOverflow: Bool
    }

    /// A power of two; more than the operations that one resource usually has in a request.
    private static let knownCount = 64

    init(configuration: SpanMetricsConfiguration, seed: UInt64) {
        self.configuration = configuration
        self.seed = seed
        bounds = configuration.bucketBoundsNanoseconds
        dimensionKeys = configuration.dimensions.map { Array($0.name.utf8) }
        includesService = !configuration.excludeDimensions.contains(.serviceName)
        includesName = !configuration.excludeDimensions.contains(.spanName)
        includesKind = !configuration.excludeDimensions.contains(.spanKind)
        includesStatus = !configuration.excludeDimensions.contains(.statusCode)
    }

    func emptySeries() -> REDSeries {
        REDSeries(seed: seed, bucketCount: bounds.count + 1)
    }

    mutating func record(_ stored: StoredBatch) {
        guard stored.position > position else {
            statistics.batchesReplayed += 1
            return
        }
        position = stored.position
        // Taken out of the dictionary for the time of the batch, so that its arrays stay unshared.
        var series = tenants.removeValue(forKey: stored.tenant) ?? emptySeries()
        for resource in stored.batch.resources {
            record(resource, of: stored.batch, into: &series)
        }
        tenants[stored.tenant] = series
    }

    private mutating func record(_ resource: ResourceRow, of batch: SpanBatch, into series: inout REDSeries) {
        let scopes = batch.scopes[resource.scopes.indices]
        guard let service = batch.attribute("service.name", in: resource.attributes), service.kind == .string else {
            statistics.spansWithoutService += scopes.reduce(0) { $0 + UInt64($1.spans.count) }
            return
        }
        var prefix: [UInt8] = [0]
        if includesService { Self.append(batch.slice(service.slice), to: &prefix) }
        let fallbacks = dimensionFallbacks(resource, of: batch)
        for slot in known.indices { known[slot] = nil }
        batch.spans.withUnsafeBufferPointer { spans in
            for scope in scopes {
                for index in scope.spans.indices {
                    let (row, isOverflow) = row(of: spans[index], batch, prefix, fallbacks, in: &series)
                    record(spans[index], of: batch, to: row, of: &series)
                    if isOverflow { statistics.spansOverflowed += 1 }
                }
            }
        }
    }

    /// The row that a span counts in.
    private mutating func row(
        of span: borrowing SpanRow, _ batch: SpanBatch, _ prefix: [UInt8], _ fallbacks: [[UInt8]],
        in series: inout REDSeries
    ) -> (row: Int, isOverflow: Bool) {
        // Dimensions are looked for in the attributes, which is most of the work already.
        guard dimensionKeys.isEmpty else {
            makeKey(span, of: batch, prefix: prefix, fallbacks: fallbacks)
            return series.row(of: key, configuration)
        }
        let slot = Self.slot(span, batch)
        if let known = known[slot], known.kind == span.kind, known.statusCode == span.statusCode,
            batch.areEqual(known.name, span.name)
        {
            return (known.row, known.isOverflow)
        }
        makeKey(span, of: batch, prefix: prefix, fallbacks: fallbacks)
        let (row, isOverflow) = series.row(of: key, configuration)
        known[slot] = Known(
            name: span.name, kind: span.kind, statusCode: span.statusCode, row: row, isOverflow: isOverflow)
        return (row, isOverflow)
    }

    /// Where a span's series may be noted; those that share a place only take turns.
    @inline(__always)
    private static func slot(_ span: borrowing SpanRow, _ batch: SpanBatch) -> Int {
        var hash = UInt64(span.name.count) &+ UInt64(truncatingIfNeeded: span.statusCode) << 8
        for byte in batch.bytes[span.name.indices].suffix(8) { hash = hash << 8 ^ hash >> 56 ^ UInt64(byte) }
        return Int(truncatingIfNeeded: (hash &* 0x9E37_79B9_7F4A_7C15) >> 32) & (knownCount - 1)
    }

    private mutating func makeKey(
        _ span: borrowing SpanRow, of batch: SpanBatch, prefix: [UInt8], fallbacks: [[UInt8]]
    ) {
        key.removeAll(keepingCapacity: true)
        key.append(contentsOf: prefix)
        if includesKind { key.append(SeriesKey.byte(span.kind, of: SeriesKey.kinds)) }
        if includesStatus { key.append(SeriesKey.byte(span.statusCode, of: SeriesKey.statuses)) }
        if includesName { Self.append(batch.slice(span.name), to: &key) }
        for index in dimensionKeys.indices {
            if let row = batch.attribute(dimensionKeys[index], in: span.attributes) {
                Self.append(row, of: batch, to: &key)
            } else {
                key.append(contentsOf: fallbacks[index])
            }
        }
    }

    private mutating func record(
        _ span: borrowing SpanRow, of batch: SpanBatch, to row: Int, of series: inout REDSeries
    ) {
        let duration = span.durationNanoseconds
        let bucket = bucket(of: duration)
        var calls: UInt64 = 1
        if !span.traceState.isEmpty {
            let weight = TraceStateWeight.adjustedCount(batch.slice(span.traceState))
            calls = AdjustedCount.count(weight: weight, traceID: span.traceID, spanID: span.spanID)
        }
        series.add(calls, bucket: bucket, nanoseconds: duration, to: row)
        if configuration.areExemplarsEnabled {
            let value = Double(duration) / configuration.unit.nanoseconds
            let exemplar = PrometheusExemplar(
                traceID: span.traceID, spanID: span.spanID, value: value, timeNanoseconds: span.endTime)
            series.setExemplar(exemplar, bucket: bucket, of: row)
        }
        statistics.spans += 1
    }

    /// What each dimension has, as a part of the key, for spans without such an attribute.
    private func dimensionFallbacks(_ resource: ResourceRow, of batch: SpanBatch) -> [[UInt8]] {
        configuration.dimensions.indices.map { index in
            var part: [UInt8] = []
            if let row = batch.attribute(dimensionKeys[index], in: resource.attributes) {
                Self.append(row, of: batch, to: &part)
            } else {
                SeriesKey.append((configuration.dimensions[index].default ?? "").utf8, to: &part)
            }
            return part
        }
    }

    /// The first bucket whose bound is not below the duration.
    @inline(__always)
    private func bucket(of nanoseconds: UInt64) -> Int {
        var low = 0
        var high = bounds.count
        while low < high {
            let middle = (low + high) / 2
            if bounds[middle] < nanoseconds { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Label values are UTF-8, so other bytes become U+FFFD before they make a key: two texts that look the same in
    /// the exposition are one series.
    @inline(__always)
    private static func append(_ text: ArraySlice<UInt8>, to key: inout [UInt8]) {
        let bits = text.withUnsafeBufferPointer { bytes in
            var bits: UInt8 = 0
            for byte in bytes { bits |= byte }
            return bits
        }
        if bits < 0x80 {
            SeriesKey.append(text, to: &key)
        } else {
            SeriesKey.append(String(decoding: text, as: UTF8.self).utf8, to: &key)
        }
    }

    private static func append(_ row: AttributeRow, of batch: SpanBatch, to key: inout [UInt8]) {
        if row.kind == .string {
            append(batch.slice(row.slice), to: &key)
        } else {
            SeriesKey.append(AttributeText.text(batch.value(of: row)).utf8, to: &key)
        }
    }
}
