import OTLP

/// Writes metric families as `WriteRequest`s of Prometheus remote write 1.0, before their compression.
///
/// A writer remembers which series it gave, so that the next one can mark as stale those that are there no more.
package struct RemoteWriteWriter: MetricWriter {
    /// Some samples and the message that holds them.
    package struct Request: Sendable {
        package let body: [UInt8]
        package let samples: Int
    }

    /// Series that a writer gave.
    package struct Sent: Sendable {
        fileprivate struct Family: Sendable {
            var family: MetricFamily
            /// Of histograms that are sent as buckets.
            var bounds: PrometheusBounds?
            var isNative = false
            var labels: Set<PrometheusLabels> = []
        }

        fileprivate var families: [String: Family] = [:]

        package init() {}

        /// With the series of another one; a family that both have is as here.
        package func adding(_ other: Sent) -> Sent {
            var result = self
            result.families.merge(other.families) { own, other in
                var both = own
                both.labels.formUnion(other.labels)
                return both
            }
            return result
        }
    }

    private let timestamp: Int64
    private let further: [(name: String, value: String)]
    private let sendsMetadata: Bool
    private let exemplarsFrom: UInt64
    private let requestBytesMax: Int
    private let sink: (Request) -> Void

    private var writer = WireWriter()
    private var samples = 0
    private var family: MetricFamily?
    private var sent = Sent()
    /// The labels of the series at hand as fields of `TimeSeries`: those before `__name__`, those up to `le`, the rest.
    private var parts: (first: [UInt8], middle: [UInt8], last: [UInt8]) = ([], [], [])

    /// That of the OpenTelemetry Collector's exporter.
    package static let defaultRequestBytesMax = 3_000_000
    /// The value of a sample that says that its series has ended.
    static let staleMarker = Double(bitPattern: 0x7FF0_0000_0000_0002)

    /// - Parameters:
    ///   - time: Of all samples, unix nanoseconds.
    ///   - labels: Further labels of every series; a series' own win.
    ///   - sendsMetadata: Whether type, help and unit of families are sent.
    ///   - exemplarsFrom: Exemplars before it were sent already, unix nanoseconds.
    ///   - requestBytesMax: A request ends with the series that takes it past it.
    ///   - sink: Is given the requests.
    package init(
        time: UInt64, labels: [(name: String, value: String)], sendsMetadata: Bool = false, exemplarsFrom: UInt64 = 0,
        requestBytesMax: Int = Self.defaultRequestBytesMax, sink: @escaping (Request) -> Void
    ) {
        timestamp = Int64(clamping: time / 1_000_000)
        further = labels
        self.sendsMetadata = sendsMetadata
        self.exemplarsFrom = exemplarsFrom
        self.requestBytesMax = requestBytesMax
        self.sink = sink
    }

    package var naming: MetricNaming { .prometheus }

    package mutating func begin(_ family: MetricFamily) {
        self.family = family
        if sendsMetadata { writeMetadata(family) }
    }

    /// Marks series of `earlier` that did not come again as ended, and gives the last request to the sink.
    ///
    /// - Returns: What the next writer gets as `earlier`.
    package mutating func finish(after earlier: Sent = Sent()) -> Sent {
        let now = sent
        for (name, before) in earlier.families.sorted(by: { $0.key < $1.key }) {
            let still = now.families[name]
            let isSame = still?.isNative == before.isNative && still?.bounds?.values == before.bounds?.values
            for labels in before.labels where !isSame || still?.labels.contains(labels) != true {
                writeEnd(of: labels, before)
            }
        }
        endRequest()
        return now
    }

    // MARK: samples

    package mutating func sample(_ labels: PrometheusLabels, _ value: Double, startTime: UInt64) {
        guard let family = noted(labels) else { return }
        makeParts(labels)
        writeSeries(family.sampleName, value)
        endSeries()
    }

    package mutating func sample(
        _ labels: PrometheusLabels, _ value: UInt64, startTime: UInt64, exemplar: PrometheusExemplar?
    ) {
        guard let family = noted(labels) else { return }
        makeParts(labels)
        writeSeries(family.sampleName, Double(value), exemplar: exemplar)
        endSeries()
    }

    package mutating func histogram(
        _ labels: PrometheusLabels, bounds: PrometheusBounds, counts: ArraySlice<UInt64>, sum: Double,
        exemplars: ArraySlice<PrometheusExemplar?>, startTime: UInt64
    ) {
        guard let family = noted(labels, bounds: bounds) else { return }
        makeParts(labels)
        let bucketName = family.prometheusName + "_bucket"
        var total: UInt64 = 0
        for index in 0..<counts.count {
            total = total.addingClamped(counts[counts.startIndex + index])
            let exemplar = exemplars.count == counts.count ? exemplars[exemplars.startIndex + index] : nil
            writeSeries(bucketName, Double(total), le: bounds.number(at: index), exemplar: exemplar)
        }
        writeSeries(family.prometheusName + "_sum", sum)
        writeSeries(family.prometheusName + "_count", Double(total))
        endSeries()
    }

    /// A native histogram. Prometheus has scales up to 8, and none so low as durations could need.
    package mutating func histogram(
        _ labels: PrometheusLabels, _ histogram: ExponentialHistogram, ladder: ExponentialLadder,
        exemplars: ArraySlice<PrometheusExemplar?>, startTime: UInt64
    ) {
        let histogram = histogram.lowered(to: 8)
        guard histogram.scale >= -4 else {
            self.histogram(
                labels, bounds: ladder.bounds, counts: ladder.counts(of: histogram)[...], sum: histogram.sum,
                exemplars: ladder.bounds.places(of: exemplars)[...], startTime: startTime)
            return
        }
        guard let family = noted(labels, isNative: true) else { return }
        makeParts(labels)
        let series = beginSeries(family.prometheusName, le: nil)
        for exemplar in exemplars.compactMap(\.self).sorted(by: { $0.timeNanoseconds < $1.timeNanoseconds }) {
            write(exemplar)
        }
        writer.message(4) { Self.write(histogram, timestamp, to: &$0) }
        writer.endMessage(series)
        samples += 1
        endSeries()
    }

    private static func write(_ histogram: ExponentialHistogram, _ timestamp: Int64, to writer: inout WireWriter) {
        writer.varint(1, histogram.count)
        writer.fixed64(3, histogram.sum.bitPattern)
        writer.signedVarint(4, Int64(histogram.scale))
        writer.varint(6, histogram.zeroCount)
        if !histogram.counts.isEmpty {
            writer.message(11) { span in
                // Prometheus numbers a bucket by its upper bound.
                span.signedVarint(1, Int64(histogram.offset) + 1)
                span.varint(2, UInt64(histogram.counts.count))
            }
            writer.message(12) { deltas in
                var last: UInt64 = 0
                for count in histogram.counts {
                    let delta = Int64(bitPattern: count &- last)
                    deltas.varint(UInt64(bitPattern: delta << 1 ^ delta >> 63))
                    last = count
                }
            }
        }
        writer.varint(15, UInt64(bitPattern: timestamp))
    }

    /// Remembers a series; answers with its family.
    private mutating func noted(
        _ labels: PrometheusLabels, bounds: PrometheusBounds? = nil, isNative: Bool = false
    ) -> MetricFamily? {
        guard let family else { return nil }
        let place = sent.families.index(forKey: family.sampleName)
        if let place {
            sent.families.values[place].labels.insert(labels)
        } else {
            sent.families[family.sampleName] = Sent.Family(
                family: family, bounds: bounds, isNative: isNative, labels: [labels])
        }
        return family
    }

    private mutating func writeEnd(of labels: PrometheusLabels, _ before: Sent.Family) {
        makeParts(labels)
        let name = before.family.prometheusName
        if before.isNative {
            let series = beginSeries(name, le: nil)
            let time = timestamp
            writer.message(4) { writer in
                writer.fixed64(3, Self.staleMarker.bitPattern)
                writer.varint(15, UInt64(bitPattern: time))
            }
            writer.endMessage(series)
            samples += 1
        } else if let bounds = before.bounds {
            for index in 0...bounds.values.count {
                writeSeries(name + "_bucket", Self.staleMarker, le: bounds.number(at: index))
            }
            writeSeries(name + "_sum", Self.staleMarker)
            writeSeries(name + "_count", Self.staleMarker)
        } else {
            writeSeries(before.family.sampleName, Self.staleMarker)
        }
        endSeries()
    }

    // MARK: messages (prometheus.WriteRequest)

    private mutating func writeSeries(
        _ name: String, _ value: Double, le: String? = nil, exemplar: PrometheusExemplar? = nil
    ) {
        let series = beginSeries(name, le: le)
        let time = timestamp
        writer.message(2) { sample in
            sample.fixed64(1, value.bitPattern)
            sample.varint(2, UInt64(bitPattern: time))
        }
        if let exemplar { write(exemplar) }
        writer.endMessage(series)
        samples += 1
    }

    private mutating func beginSeries(_ name: String, le: String?) -> Int {
        let series = writer.beginMessage(1)
        writer.raw(parts.first)
        Self.label("__name__", name, to: &writer)
        writer.raw(parts.middle)
        if let le { Self.label("le", le, to: &writer) }
        writer.raw(parts.last)
        return series
    }

    private mutating func write(_ exemplar: PrometheusExemplar) {
        guard exemplar.timeNanoseconds >= exemplarsFrom else { return }
        writer.message(3) { writer in
            Self.label("span_id", exemplar.spanID.hex, to: &writer)
            Self.label("trace_id", exemplar.traceID.hex, to: &writer)
            writer.fixed64(2, exemplar.value.bitPattern)
            writer.varint(3, exemplar.timeNanoseconds / 1_000_000)
        }
    }

    /// Sorts the labels of a series, as the protocol wants them.
    private mutating func makeParts(_ labels: PrometheusLabels) {
        var pairs = labels.pairs.filter { !$0.value.isEmpty }
        for pair in further where !pairs.contains(where: { $0.name == pair.name }) { pairs.append(pair) }
        pairs.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        var messages = (WireWriter(), WireWriter(), WireWriter())
        for pair in pairs {
            if pair.name.utf8.lexicographicallyPrecedes("__name__".utf8) {
                Self.label(pair.name, pair.value, to: &messages.0)
            } else if pair.name.utf8.lexicographicallyPrecedes("le".utf8) {
                Self.label(pair.name, pair.value, to: &messages.1)
            } else {
                Self.label(pair.name, pair.value, to: &messages.2)
            }
        }
        parts = (messages.0.bytes, messages.1.bytes, messages.2.bytes)
    }

    private static func label(_ name: String, _ value: String, to writer: inout WireWriter) {
        writer.message(1) { label in
            label.string(1, name)
            label.string(2, value)
        }
    }

    private mutating func writeMetadata(_ family: MetricFamily) {
        let type: UInt64 =
            switch family.type {
            case .counter: 1
            case .gauge: 2
            case .histogram: 3
            }
        writer.message(3) { metadata in
            metadata.varint(1, type)
            metadata.string(2, family.sampleName)
            metadata.string(4, family.help)
            if let unit = family.prometheusUnit { metadata.string(5, unit) }
        }
    }

    private mutating func endSeries() {
        if writer.bytes.count >= requestBytesMax { endRequest() }
    }

    private mutating func endRequest() {
        guard !writer.bytes.isEmpty else { return }
        sink(Request(body: writer.takeBytes(), samples: samples))
        samples = 0
    }
}
