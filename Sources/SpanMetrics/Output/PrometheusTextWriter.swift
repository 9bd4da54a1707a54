import OTLP

/// Writes metric families as bytes of one ``ExpositionFormat``.
///
/// ``finish()`` comes last. Bytes are taken with ``takeBytes()`` at any point, so that a large answer can leave in parts;
/// a writer with a sink hands them over by itself.
package struct PrometheusTextWriter: MetricWriter {
    package let format: ExpositionFormat
    package private(set) var bytes: [UInt8] = []
    /// The name that samples of the family begin with.
    private var name: [UInt8] = []
    private var totalSuffix: StaticString = ""
    private let chunkBytes: Int
    private let sink: (([UInt8]) -> Void)?
    /// Scratch: how every bucket of the histogram at hand begins.
    private var prefix: [UInt8] = []

    /// - Parameters:
    ///   - chunkBytes: About as many bytes are held before `sink` gets them.
    ///   - sink: Is given the parts of the answer in their order, the last by ``finish()``; without one all bytes stay
    ///     in the writer.
    package init(
        format: ExpositionFormat, chunkBytes: Int = Self.defaultChunkBytes, sink: ((_ chunk: [UInt8]) -> Void)? = nil
    ) {
        self.format = format
        self.chunkBytes = chunkBytes
        self.sink = sink
        if sink != nil, chunkBytes < .max { bytes.reserveCapacity(chunkBytes + 4096) }
    }

    /// Some hundred samples: enough that a part is worth a call, little beside everything else that is held.
    package static let defaultChunkBytes = 65_536

    package var naming: MetricNaming { .prometheus }

    package mutating func begin(_ family: MetricFamily) {
        name = Array(family.prometheusName.utf8)
        totalSuffix = family.hasTotalSuffix ? "_total" : ""
        // A counter's family is named with its suffix in 0.0.4 and without it in OpenMetrics, which knows no counter
        // without suffix.
        let isText = format == .prometheusText
        let shown = family.hasTotalSuffix && isText ? family.prometheusName + "_total" : family.prometheusName
        let isCounter = family.type == .counter && (family.hasTotalSuffix || isText)
        append("# HELP \(shown) ")
        PrometheusLabels.appendEscaped(family.help.utf8, quotes: !isText, to: &bytes)
        append("\n# TYPE \(shown) \(family.type != .counter || isCounter ? family.type.rawValue : "unknown")\n")
        if !isText, let unit = family.prometheusUnit { append("# UNIT \(shown) \(unit)\n") }
    }

    // MARK: samples of the family

    package mutating func sample(_ labels: PrometheusLabels, _ value: Double, startTime: UInt64) {
        beginSample(totalSuffix, labels)
        PrometheusNumber.append(value, to: &bytes)
        endSample()
    }

    package mutating func sample(
        _ labels: PrometheusLabels, _ value: UInt64, startTime: UInt64, exemplar: PrometheusExemplar?
    ) {
        beginSample(totalSuffix, labels)
        PrometheusNumber.append(value, to: &bytes)
        // Only what OpenMetrics calls a counter may carry one.
        if let exemplar, format == .openMetrics, totalSuffix.utf8CodeUnitCount > 0 { append(exemplar) }
        endSample()
    }

    package mutating func histogram(
        _ labels: PrometheusLabels, bounds: PrometheusBounds, counts: ArraySlice<UInt64>, sum: Double,
        exemplars: ArraySlice<PrometheusExemplar?>, startTime: UInt64
    ) {
        makeBucketPrefix(labels)
        let hasExemplars = format == .openMetrics && exemplars.count == counts.count
        var total: UInt64 = 0
        for index in 0..<counts.count {
            total = total.addingClamped(counts[counts.startIndex + index])
            bytes.append(contentsOf: prefix)
            let le = bounds.text(at: index, format)
            bytes.append(contentsOf: labels.bytes.isEmpty ? le[1...] : le[...])
            PrometheusNumber.append(total, to: &bytes)
            if hasExemplars, let exemplar = exemplars[exemplars.startIndex + index] { append(exemplar) }
            bytes.append(newline)
        }
        beginSample("_sum", labels)
        PrometheusNumber.append(sum, to: &bytes)
        bytes.append(newline)
        beginSample("_count", labels)
        PrometheusNumber.append(total, to: &bytes)
        endSample()
    }

    package mutating func histogram(
        _ labels: PrometheusLabels, _ histogram: ExponentialHistogram, ladder: ExponentialLadder,
        exemplars: ArraySlice<PrometheusExemplar?>, startTime: UInt64
    ) {
        let places = format == .openMetrics ? ladder.bounds.places(of: exemplars) : []
        self.histogram(
            labels, bounds: ladder.bounds, counts: ladder.counts(of: histogram)[...], sum: histogram.sum,
            exemplars: places[...], startTime: startTime)
    }

    /// Ends the answer.
    package mutating func finish() {
        if format == .openMetrics { append("# EOF\n") }
        if let sink, !bytes.isEmpty { sink(takeBytes()) }
    }

    /// Gives away what was written so far.
    package mutating func takeBytes() -> [UInt8] {
        let result = bytes
        bytes = []
        return result
    }

    // MARK: parts

    private let newline = UInt8(ascii: "\n")

    private mutating func endSample() {
        bytes.append(newline)
        guard let sink, bytes.count >= chunkBytes else { return }
        let chunk = takeBytes()
        bytes.reserveCapacity(chunkBytes + 4096)
        sink(chunk)
    }

    private mutating func makeBucketPrefix(_ labels: PrometheusLabels) {
        prefix.removeAll(keepingCapacity: true)
        prefix.append(contentsOf: name)
        prefix.append(contentsOf: Self.bucketSuffix)
        prefix.append(contentsOf: labels.bytes)
    }

    private static let bucketSuffix = Array("_bucket{".utf8)

    private mutating func beginSample(_ suffix: StaticString, _ labels: PrometheusLabels) {
        bytes.append(contentsOf: name)
        suffix.withUTF8Buffer { bytes.append(contentsOf: $0) }
        if !labels.bytes.isEmpty {
            bytes.append(UInt8(ascii: "{"))
            bytes.append(contentsOf: labels.bytes)
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: " "))
    }

    private mutating func append(_ exemplar: PrometheusExemplar) {
        append(" # {trace_id=\"\(exemplar.traceID.hex)\",span_id=\"\(exemplar.spanID.hex)\"} ")
        PrometheusNumber.append(exemplar.value, to: &bytes)
        append(" \(exemplar.timeNanoseconds / 1_000_000_000).")
        let milliseconds = exemplar.timeNanoseconds / 1_000_000 % 1000
        append(milliseconds < 10 ? "00" : milliseconds < 100 ? "0" : "")
        PrometheusNumber.append(milliseconds, to: &bytes)
    }

    private mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }
}
