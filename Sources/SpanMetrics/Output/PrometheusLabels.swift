import OTLP

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

    /// The same labels, the first of which is called `new` where it was called `old`.
    func renamingFirst(_ old: StaticString, to new: StaticString) -> PrometheusLabels {
        old.withUTF8Buffer { old in
            guard bytes.starts(with: old), bytes.count > old.count, bytes[old.count] == UInt8(ascii: "=") else {
                return self
            }
            var renamed: [UInt8] = []
            renamed.reserveCapacity(bytes.count)
            new.withUTF8Buffer { renamed.append(contentsOf: $0) }
            renamed.append(contentsOf: bytes[old.count...])
            return PrometheusLabels(bytes: renamed)
        }
    }

    /// Names and values as they were before they were escaped, in their order; for writers whose messages have them
    /// apart.
    ///
    /// - Complexity: O(bytes), about 100 ns a label.
    package var pairs: [(name: String, value: String)] {
        var result: [(name: String, value: String)] = []
        var index = 0
        while let equals = bytes[index...].firstIndex(of: UInt8(ascii: "=")) {
            let name = String(decoding: bytes[index..<equals], as: UTF8.self)
            // Past the equals sign and the quote.
            index = equals + 2
            result.append((name, unescapedValue(&index)))
            // Past the quote and the comma.
            index = min(index + 2, bytes.count)
        }
        return result
    }

    /// Reads to the closing quote, where it leaves `index`.
    private func unescapedValue(_ index: inout Int) -> String {
        let start = index
        while bytes[index] != UInt8(ascii: "\""), bytes[index] != UInt8(ascii: "\\") { index += 1 }
        if bytes[index] == UInt8(ascii: "\"") { return String(decoding: bytes[start..<index], as: UTF8.self) }
        var value = Array(bytes[start..<index])
        while bytes[index] != UInt8(ascii: "\"") {
            if bytes[index] == UInt8(ascii: "\\") {
                index += 1
                value.append(bytes[index] == UInt8(ascii: "n") ? UInt8(ascii: "\n") : bytes[index])
            } else {
                value.append(bytes[index])
            }
            index += 1
        }
        return String(decoding: value, as: UTF8.self)
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
    private let numbers: [String]
    private let text: [[UInt8]]
    private let canonical: [[UInt8]]

    package init(_ values: [Double]) {
        self.values = values
        numbers = values.map { value in
            var bytes: [UInt8] = []
            PrometheusNumber.append(value, to: &bytes)
            return String(decoding: bytes, as: UTF8.self)
        }
        text = (numbers + ["+Inf"]).map { Array(",le=\"\($0)\"} ".utf8) }
        // OpenMetrics wants floats that look like floats.
        let floats = numbers.map { $0.contains(where: { ".eN".contains($0) }) ? $0 : $0 + ".0" }
        canonical = (floats + ["+Inf"]).map { Array(",le=\"\($0)\"} ".utf8) }
    }

    /// The value of `le`; the index after the last bound stands for `+Inf`.
    func number(at index: Int) -> String { index < numbers.count ? numbers[index] : "+Inf" }

    /// Exemplars at the places of the buckets that they belong to, the latest where there are several; none at all where
    /// there are none.
    func places(of exemplars: some Sequence<PrometheusExemplar?>) -> [PrometheusExemplar?] {
        var result: [PrometheusExemplar?] = []
        for case let exemplar? in exemplars {
            if result.isEmpty { result = Array(repeating: nil, count: values.count + 1) }
            let place = place(of: exemplar.value)
            if let other = result[place], exemplar.isBefore(other) { continue }
            result[place] = exemplar
        }
        return result
    }

    /// The bucket of a value; that above the last bound has the index after it.
    func place(of value: Double) -> Int { values.firstIndex { value <= $0 } ?? values.count }

    /// `,le="…"} `, what follows other labels; the index after the last bound stands for `+Inf`.
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
    /// When the span was received, unix nanoseconds. Not when it ended: spans of one series arrive in any order, and
    /// Prometheus refuses an exemplar that is older than the one before.
    package var timeNanoseconds: UInt64

    package init(traceID: TraceID, spanID: SpanID, value: Double, timeNanoseconds: UInt64) {
        self.traceID = traceID
        self.spanID = spanID
        self.value = value
        self.timeNanoseconds = timeNanoseconds
    }

    /// Whether Prometheus would refuse it after the other one: it compares milliseconds, then values.
    func isBefore(_ other: PrometheusExemplar) -> Bool {
        let (own, others) = (timeNanoseconds / 1_000_000, other.timeNanoseconds / 1_000_000)
        return own == others ? value < other.value : own < others
    }

    func scaled(by factor: Double) -> PrometheusExemplar {
        PrometheusExemplar(traceID: traceID, spanID: spanID, value: value * factor, timeNanoseconds: timeNanoseconds)
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
