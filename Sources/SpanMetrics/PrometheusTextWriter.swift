import OTLP

/// Writes metric families as bytes of one ``ExpositionFormat``.
///
/// A family is announced once with ``family(_:type:help:unit:)``, its samples follow, and ``finish()`` comes last.
/// Bytes are taken with ``takeBytes()`` at any point, so that a large answer can leave in parts.
package struct PrometheusTextWriter: Sendable {
    package enum MetricType: String, Sendable {
        case counter, gauge, histogram
    }

    package let format: ExpositionFormat
    package private(set) var bytes: [UInt8] = []
    private var name: [UInt8] = []
    private var type = MetricType.gauge

    package init(format: ExpositionFormat) {
        self.format = format
    }

    /// Begins a family. `name` is a valid metric name without the `_total` of counters, which is added; `unit` is the
    /// unit that the name ends in, if any.
    package mutating func family(_ name: String, type: MetricType, help: String, unit: String? = nil) {
        self.name = Array(name.utf8)
        self.type = type
        // A counter's family is named with its suffix in 0.0.4 and without it in OpenMetrics.
        let shown = type == .counter && format == .prometheusText ? name + "_total" : name
        append("# HELP \(shown) ")
        appendEscaped(help.utf8, quotes: format == .openMetrics)
        append("\n# TYPE \(shown) \(type.rawValue)\n")
        if format == .openMetrics, let unit { append("# UNIT \(shown) \(unit)\n") }
    }

    // MARK: samples of the family

    /// A sample of a counter or gauge.
    package mutating func sample(_ labels: PrometheusLabels = .none, _ value: Double) {
        beginSample(type == .counter ? "_total" : "", labels, le: nil)
        appendNumber(value)
        bytes.append(newline)
    }

    package mutating func sample(_ labels: PrometheusLabels = .none, _ value: UInt64) {
        beginSample(type == .counter ? "_total" : "", labels, le: nil)
        appendInteger(value)
        bytes.append(newline)
    }

    /// A histogram's samples.
    ///
    /// `counts` holds one number for each of `bounds` and a last one for what is above them, not cumulated;
    /// `exemplars` none at all or as many.
    package mutating func histogram(
        _ labels: PrometheusLabels = .none, bounds: PrometheusBounds, counts: some Collection<UInt64>, sum: Double,
        exemplars: [PrometheusExemplar?] = []
    ) {
        var total: UInt64 = 0
        var index = 0
        for count in counts {
            let (next, overflow) = total.addingReportingOverflow(count)
            total = overflow ? .max : next
            beginSample("_bucket", labels, le: bounds.text(at: index, format))
            appendInteger(total)
            if format == .openMetrics, index < exemplars.count, let exemplar = exemplars[index] { append(exemplar) }
            bytes.append(newline)
            index += 1
        }
        beginSample("_sum", labels, le: nil)
        appendNumber(sum)
        bytes.append(newline)
        beginSample("_count", labels, le: nil)
        appendInteger(total)
        bytes.append(newline)
    }

    /// Ends the answer.
    package mutating func finish() {
        if format == .openMetrics { append("# EOF\n") }
    }

    /// Gives away what was written so far.
    package mutating func takeBytes() -> [UInt8] {
        let result = bytes
        bytes = []
        return result
    }

    // MARK: parts

    private let newline = UInt8(ascii: "\n")

    private mutating func beginSample(_ suffix: StaticString, _ labels: PrometheusLabels, le: [UInt8]?) {
        bytes.append(contentsOf: name)
        append(suffix)
        if le != nil || !labels.bytes.isEmpty {
            bytes.append(UInt8(ascii: "{"))
            bytes.append(contentsOf: labels.bytes)
            if let le { bytes.append(contentsOf: labels.bytes.isEmpty ? le[1...] : le[...]) }
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: " "))
    }

    private mutating func append(_ exemplar: PrometheusExemplar) {
        append(" # {trace_id=\"\(exemplar.traceID.hex)\",span_id=\"\(exemplar.spanID.hex)\"} ")
        appendNumber(exemplar.value)
        append(" \(exemplar.timeNanoseconds / 1_000_000_000).")
        let milliseconds = exemplar.timeNanoseconds / 1_000_000 % 1000
        append(milliseconds < 10 ? "00" : milliseconds < 100 ? "0" : "")
        appendInteger(milliseconds)
    }

    private mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    private mutating func appendNumber(_ value: Double) {
        PrometheusNumber.append(value, to: &bytes)
    }

    private mutating func appendInteger(_ value: UInt64) {
        PrometheusNumber.append(value, to: &bytes)
    }

    private mutating func appendEscaped(_ text: some Sequence<UInt8>, quotes: Bool) {
        PrometheusLabels.appendEscaped(text, quotes: quotes, to: &bytes)
    }
}

/// A set of labels, written once and used for many samples.
package struct PrometheusLabels: Hashable, Sendable {
    /// `name="value",…`, escaped.
    let bytes: [UInt8]

    package static let none = PrometheusLabels([])

    /// Pairs in the order in which they are written; names are valid label names, each only once.
    package init(_ pairs: [(name: String, value: String)]) {
        var bytes: [UInt8] = []
        for pair in pairs {
            Self.append(pair.name, pair.value.utf8, to: &bytes)
        }
        self.bytes = bytes
    }

    /// What ``append(_:_:to:)`` made, in no more room than it needs.
    init(appended bytes: [UInt8]) {
        self.bytes = bytes.withUnsafeBufferPointer { Array($0) }
    }

    /// Appends a pair to those that are written.
    static func append(_ name: String, _ value: some Sequence<UInt8>, to bytes: inout [UInt8]) {
        if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
        bytes.append(contentsOf: name.utf8)
        bytes.append(UInt8(ascii: "="))
        bytes.append(UInt8(ascii: "\""))
        appendEscaped(value, quotes: true, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// The same labels and a further one, whose name is none of theirs.
    func adding(_ pair: (name: String, value: String)) -> PrometheusLabels {
        let more = PrometheusLabels([pair])
        return PrometheusLabels(bytes: bytes.isEmpty ? more.bytes : bytes + [UInt8(ascii: ",")] + more.bytes)
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    static func appendEscaped(_ text: some Sequence<UInt8>, quotes: Bool, to bytes: inout [UInt8]) {
        for byte in text {
            switch byte {
            case UInt8(ascii: "\\"): bytes.append(contentsOf: [byte, byte])
            case UInt8(ascii: "\n"): bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
            case UInt8(ascii: "\"") where quotes: bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
            default: bytes.append(byte)
            }
        }
    }
}

/// Upper bounds of histogram buckets, ascending, with their `le` labels written once.
package struct PrometheusBounds: Sendable {
    package let values: [Double]
    private let text: [[UInt8]]
    private let canonical: [[UInt8]]

    package init(_ values: [Double]) {
        self.values = values
        let numbers = values.map { value in
            var bytes: [UInt8] = []
            PrometheusNumber.append(value, to: &bytes)
            return String(decoding: bytes, as: UTF8.self)
        }
        text = (numbers + ["+Inf"]).map { Array(",le=\"\($0)\"".utf8) }
        // OpenMetrics wants floats that look like floats.
        let floats = numbers.map { $0.contains(where: { ".eN".contains($0) }) ? $0 : $0 + ".0" }
        canonical = (floats + ["+Inf"]).map { Array(",le=\"\($0)\"".utf8) }
    }

    /// `,le="…"`; the index after the last bound stands for `+Inf`.
    func text(at index: Int, _ format: ExpositionFormat) -> [UInt8] {
        format == .openMetrics ? canonical[index] : text[index]
    }
}

/// A span that stands for the spans of one bucket.
package struct PrometheusExemplar: Hashable, Sendable {
    package var traceID: TraceID
    package var spanID: SpanID
    /// In the metric's unit.
    package var value: Double
    /// Unix nanoseconds.
    package var timeNanoseconds: UInt64

    package init(traceID: TraceID, spanID: SpanID, value: Double, timeNanoseconds: UInt64) {
        self.traceID = traceID
        self.spanID = spanID
        self.value = value
        self.timeNanoseconds = timeNanoseconds
    }
}

/// Numbers as Prometheus reads them.
enum PrometheusNumber {
    /// Whole numbers below this print without exponent or fraction; doubles are exact up to there.
    private static let wholeMax = 9_007_199_254_740_992.0

    static func append(_ value: Double, to bytes: inout [UInt8]) {
        if value >= 0, value < wholeMax, value == value.rounded(.towardZero) {
            append(UInt64(value), to: &bytes)
        } else if value.isNaN {
            bytes.append(contentsOf: "NaN".utf8)
        } else if value.isInfinite {
            bytes.append(contentsOf: (value > 0 ? "+Inf" : "-Inf").utf8)
        } else {
            bytes.append(contentsOf: value.description.utf8)
        }
    }

    static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var divisor: UInt64 = 1
        while value / divisor >= 10 { divisor *= 10 }
        var rest = value
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest / divisor))
            rest %= divisor
            divisor /= 10
        }
    }
}
