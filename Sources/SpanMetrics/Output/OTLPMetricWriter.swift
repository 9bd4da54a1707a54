import OTLP

/// Writes metric families as `ExportMetricsServiceRequest`s of OTLP, all of one resource, cumulative.
package struct OTLPMetricWriter: MetricWriter {
    /// Some data points and the message that holds them.
    package struct Request: Sendable {
        package let body: [UInt8]
        package let dataPoints: Int
    }

    private let resource: [KeyValue]
    /// Of series that keep no start time, unix nanoseconds.
    private let startTime: UInt64
    private let time: UInt64
    private let exemplarsFrom: UInt64
    private let exemplarsPerPointMax: Int
    private let requestBytesMax: Int
    private let sink: (Request) -> Void

    private var writer = WireWriter()
    private var dataPoints = 0
    private var family: MetricFamily?
    /// Where the messages begin that are not ended yet.
    private var resourceMetrics: Int?
    private var scopeMetrics: (start: Int, name: String)?
    private var metric: (start: Int, data: Int, field: UInt32)?

    /// Under the 4 MiB that receivers take by default.
    package static let defaultRequestBytesMax = 3_000_000

    /// - Parameters:
    ///   - resource: The attributes of who sends.
    ///   - startTime: Since when is counted what keeps no start time of its own, unix nanoseconds.
    ///   - time: Of all data points, unix nanoseconds.
    ///   - exemplarsFrom: Exemplars before it were sent already, unix nanoseconds.
    ///   - requestBytesMax: A request ends with the data point that takes it past it.
    ///   - sink: Is given the requests.
    package init(
        resource: [KeyValue], startTime: UInt64, time: UInt64, exemplarsFrom: UInt64 = 0, exemplarsPerPointMax: Int = 5,
        requestBytesMax: Int = Self.defaultRequestBytesMax, sink: @escaping (Request) -> Void
    ) {
        self.resource = resource
        self.startTime = startTime
        self.time = time
        self.exemplarsFrom = exemplarsFrom
        self.exemplarsPerPointMax = exemplarsPerPointMax
        self.requestBytesMax = requestBytesMax
        self.sink = sink
    }

    package var naming: MetricNaming { .openTelemetry }

    package mutating func begin(_ family: MetricFamily) {
        endMetric()
        self.family = family
    }

    /// Gives the last request to the sink.
    package mutating func finish() {
        endMetric()
        endRequest()
    }

    // MARK: data points (opentelemetry.proto.metrics.v1)

    package mutating func sample(_ labels: PrometheusLabels, _ value: Double, startTime: UInt64) {
        numberPoint(labels, startTime, exemplar: nil) { $0.fixed64(4, value.bitPattern) }
    }

    package mutating func sample(
        _ labels: PrometheusLabels, _ value: UInt64, startTime: UInt64, exemplar: PrometheusExemplar?
    ) {
        numberPoint(labels, startTime, exemplar: exemplar) { $0.fixed64(6, UInt64(Int64(clamping: value))) }
    }

    private mutating func numberPoint(
        _ labels: PrometheusLabels, _ startTime: UInt64, exemplar: PrometheusExemplar?,
        _ value: (inout WireWriter) -> Void
    ) {
        let isCounter = family?.type == .counter
        let point = beginPoint(field: isCounter ? 7 : 5)
        writeTimes(startTime)
        value(&writer)
        if let exemplar { write([exemplar], field: 5) }
        writeAttributes(labels, field: 7)
        endPoint(point)
    }

    package mutating func histogram(
        _ labels: PrometheusLabels, bounds: PrometheusBounds, counts: ArraySlice<UInt64>, sum: Double,
        exemplars: ArraySlice<PrometheusExemplar?>, startTime: UInt64
    ) {
        let point = beginPoint(field: 9)
        writeTimes(startTime)
        writer.fixed64(4, counts.reduce(0) { $0.addingClamped($1) })
        writer.fixed64(5, sum.bitPattern)
        writer.head(6, count: counts.count * 8)
        for count in counts { writer.littleEndian(count) }
        writer.head(7, count: bounds.values.count * 8)
        for bound in bounds.values { writer.littleEndian(bound.bitPattern) }
        write(exemplars, field: 8)
        writeAttributes(labels, field: 9)
        endPoint(point)
    }

    package mutating func histogram(
        _ labels: PrometheusLabels, _ histogram: ExponentialHistogram, ladder: ExponentialLadder,
        exemplars: ArraySlice<PrometheusExemplar?>, startTime: UInt64
    ) {
        let point = beginPoint(field: 10)
        writeAttributes(labels, field: 1)
        writeTimes(startTime)
        writer.fixed64(4, histogram.count)
        writer.fixed64(5, histogram.sum.bitPattern)
        writer.signedVarint(6, Int64(histogram.scale))
        writer.fixed64(7, histogram.zeroCount)
        writer.message(8) { buckets in
            buckets.signedVarint(1, Int64(histogram.offset))
            buckets.message(2) { packed in
                for count in histogram.counts { packed.varint(count) }
            }
        }
        write(exemplars, field: 11)
        if histogram.count > 0 {
            writer.fixed64(12, histogram.min.bitPattern)
            writer.fixed64(13, histogram.max.bitPattern)
        }
        endPoint(point)
    }

    private mutating func writeTimes(_ startTime: UInt64) {
        let start = startTime == 0 ? self.startTime : startTime
        if start > 0 { writer.fixed64(2, Swift.min(start, time)) }
        writer.fixed64(3, time)
    }

    private mutating func writeAttributes(_ labels: PrometheusLabels, field: UInt32) {
        for pair in labels.pairs {
            writer.keyValue(field, KeyValue(family?.keys.key(of: pair.name) ?? pair.name, .string(pair.value)))
        }
    }

    /// The latest of those that were not sent yet.
    private mutating func write(_ exemplars: some Sequence<PrometheusExemplar?>, field: UInt32) {
        let new = exemplars.compactMap(\.self).filter { $0.timeNanoseconds >= exemplarsFrom }
            .sorted { $0.timeNanoseconds > $1.timeNanoseconds }
        for exemplar in new.prefix(exemplarsPerPointMax) {
            writer.message(field) { writer in
                writer.fixed64(2, exemplar.timeNanoseconds)
                writer.fixed64(3, exemplar.value.bitPattern)
                writer.spanID(4, exemplar.spanID)
                writer.traceID(5, exemplar.traceID)
            }
        }
    }

    // MARK: what is around data points

    /// - Parameter field: Of the metric's data in `Metric`.
    private mutating func beginPoint(field: UInt32) -> Int {
        beginMetric(field: field)
        dataPoints += 1
        return writer.beginMessage(1)
    }

    private mutating func endPoint(_ point: Int) {
        writer.endMessage(point)
        guard writer.bytes.count >= requestBytesMax else { return }
        endMetric()
        endRequest()
    }

    private mutating func beginMetric(field: UInt32) {
        guard metric == nil, let family else { return }
        if resourceMetrics == nil {
            resourceMetrics = writer.beginMessage(1)
            writer.message(1) { writer in
                for attribute in resource { writer.keyValue(1, attribute) }
            }
        }
        if scopeMetrics?.name != family.scope {
            if let scopeMetrics { writer.endMessage(scopeMetrics.start) }
            scopeMetrics = (writer.beginMessage(2), family.scope)
            writer.message(1) { $0.string(1, family.scope) }
        }
        let start = writer.beginMessage(2)
        writer.string(1, family.name)
        writer.string(2, family.help)
        if !family.unit.isEmpty { writer.string(3, family.unit) }
        metric = (start, writer.beginMessage(field), field)
    }

    private mutating func endMetric() {
        guard let open = metric else { return }
        let cumulative: UInt64 = 2
        if open.field != 5 { writer.varint(2, cumulative) }
        if open.field == 7 { writer.varint(3, 1) }
        writer.endMessage(open.data)
        writer.endMessage(open.start)
        metric = nil
    }

    private mutating func endRequest() {
        if let scopeMetrics { writer.endMessage(scopeMetrics.start) }
        if let resourceMetrics { writer.endMessage(resourceMetrics) }
        scopeMetrics = nil
        resourceMetrics = nil
        guard dataPoints > 0 else { return }
        sink(Request(body: writer.takeBytes(), dataPoints: dataPoints))
        dataPoints = 0
    }
}

extension WireWriter {
    /// A `sint32` or `sint64` field.
    mutating func signedVarint(_ field: UInt32, _ value: Int64) {
        varint(field, UInt64(bitPattern: value << 1 ^ value >> 63))
    }

    /// An element of a packed `fixed64` or `double` field.
    mutating func littleEndian(_ value: UInt64) {
        withUnsafeBytes(of: value.littleEndian) { raw($0) }
    }
}
