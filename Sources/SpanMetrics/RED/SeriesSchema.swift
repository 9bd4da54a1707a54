import OTLP

/// Which labels the series of a table have, and how they make a key.
///
/// A key is `0`, then the labels' values in the order service, keys of the resource, kind, status, span name,
/// instrumentation scope and its version, dimensions, each as a length (varint) and UTF-8, but kind and status as one
/// byte; what a table has not is left out. A dimension or key without a value has length 0, which Prometheus cannot tell
/// from an empty value either.
struct SeriesSchema: Sendable {
    struct Dimension: Sendable {
        let key: [UInt8]
        let label: String
        /// What stands in the key of a span that has no such attribute.
        let fallback: [UInt8]
    }

    let includesService: Bool
    let includesName: Bool
    let includesKind: Bool
    let includesStatus: Bool
    /// Whether spans of some instrumentation scopes have them as labels.
    let includesScope: Bool
    private let resourceLabels: [String]
    let dimensions: [Dimension]

    init(_ configuration: SpanMetricsConfiguration, _ dimensions: [SpanMetricsConfiguration.Dimension]) {
        let excluded = configuration.excludeDimensions
        includesService = !excluded.contains(.serviceName)
        includesName = !excluded.contains(.spanName)
        includesKind = !excluded.contains(.spanKind)
        includesStatus = !excluded.contains(.statusCode)
        includesScope = !configuration.instrumentationScopes.isEmpty
        resourceLabels = configuration.resourceKeys.map(PrometheusName.label)
        self.dimensions = dimensions.map { dimension in
            var fallback: [UInt8] = []
            SeriesKey.append((dimension.default ?? "").utf8, to: &fallback)
            return Dimension(
                key: Array(dimension.name.utf8), label: PrometheusName.label(dimension.name), fallback: fallback)
        }
    }

    /// Nil when the bytes are no key of this schema.
    func labels(_ key: ArraySlice<UInt8>) -> PrometheusLabels? {
        if key.elementsEqual(SeriesKey.overflow) { return SeriesKey.overflowLabels }
        var reader = ByteReader(key)
        guard reader.byte() == 0 else { return nil }
        var pairs: [(String, String)] = []
        if includesService {
            guard let text = reader.text() else { return nil }
            pairs.append(("service_name", text))
        }
        var further: [(String, String)] = []
        for label in resourceLabels {
            guard let text = reader.text() else { return nil }
            if !text.isEmpty { further.append((label, text)) }
        }
        var kindAndStatus: [(String, String)] = []
        if includesKind {
            guard let code = reader.byte(), code <= SeriesKey.kinds.count else { return nil }
            kindAndStatus.append(("span_kind", Int(code) < SeriesKey.kinds.count ? SeriesKey.kinds[Int(code)] : ""))
        }
        if includesStatus {
            guard let code = reader.byte(), code <= SeriesKey.statuses.count else { return nil }
            let isKnown = Int(code) < SeriesKey.statuses.count
            kindAndStatus.append(("status_code", isKnown ? SeriesKey.statuses[Int(code)] : ""))
        }
        if includesName {
            guard let text = reader.text() else { return nil }
            pairs.append(("span_name", text))
        }
        pairs += kindAndStatus + further
        for label in (includesScope ? Self.scopeLabels : []) + dimensions.map(\.label) {
            guard let text = reader.text() else { return nil }
            if !text.isEmpty { pairs.append((label, text)) }
        }
        return reader.isAtEnd ? PrometheusLabels(pairs) : nil
    }

    static let scopeLabels = ["span_instrumentation_scope_name", "span_instrumentation_scope_version"]
}

/// The parts of keys.
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

    /// Label values are UTF-8, so other bytes become U+FFFD before they make a key: two texts that look the same in
    /// the exposition are one series.
    @inline(__always)
    static func append(_ text: ByteRange, of batch: SpanBatch, to key: inout [UInt8]) {
        batch.bytes.withUnsafeBufferPointer { bytes in
            let text = cut(UnsafeBufferPointer(rebasing: bytes[text.indices]))
            var bits: UInt8 = 0
            for byte in text { bits |= byte }
            if bits < 0x80 {
                append(text, to: &key)
            } else {
                append(String(decoding: text, as: UTF8.self).utf8, to: &key)
            }
        }
    }

    /// The text of an attribute's value; the empty one where there is no attribute.
    static func append(_ row: AttributeRow?, of batch: SpanBatch, to key: inout [UInt8]) {
        guard let row else { return append("".utf8, to: &key) }
        if row.kind == .string {
            append(row.slice, of: batch, to: &key)
        } else {
            append(cut(AttributeText.text(batch.value(of: row)).utf8[...]), to: &key)
        }
    }

    /// Bytes of a label's value; longer ones are cut, as labels are kept for long.
    static let textBytesMax = 512

    /// What of a text is shown: up to the character that does not fit.
    @inline(__always)
    static func cut<Text: BidirectionalCollection<UInt8>>(_ text: Text) -> Text.SubSequence {
        text.count <= textBytesMax ? text[...] : shortened(text)
    }

    @inline(never)
    private static func shortened<Text: BidirectionalCollection<UInt8>>(_ text: Text) -> Text.SubSequence {
        let end = text.index(text.startIndex, offsetBy: textBytesMax)
        var rest = text[..<end]
        var next = text[end]
        while next & 0xC0 == 0x80, let last = rest.popLast() { next = last }
        return rest
    }
}

extension ByteRange {
    /// Up to eight bytes at its end, as a number: enough to tell most texts of one kind apart.
    @inline(__always)
    func lastBytes(of batch: SpanBatch) -> UInt64 {
        batch.bytes.withUnsafeBytes { bytes in
            let end = indices.upperBound
            guard count > 0 else { return 0 }
            guard end >= 8 else { return bytes[indices].reduce(0) { $0 << 8 | UInt64($1) } }
            let last = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: end - 8, as: UInt64.self))
            return last >> UInt64(8 * max(0, 8 - Int(count)))
        }
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
