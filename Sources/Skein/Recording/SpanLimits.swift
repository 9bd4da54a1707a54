/// How much one span may hold. What goes over is dropped and counted in the span's dropped counts.
public struct SpanLimits: Sendable, Equatable {
    /// Distinct attributes of a span; 128 is OpenTelemetry's default.
    public var attributeCountMax = 128
    /// Unicode scalars of a string value; longer ones are cut, nil means no limit.
    public var attributeValueLengthMax: Int?
    /// Events of a span.
    public var eventCountMax = 128
    /// Links of a span.
    public var linkCountMax = 128
    /// Attributes of one event.
    public var attributesPerEventMax = 128
    /// Attributes of one link.
    public var attributesPerLinkMax = 128

    /// OpenTelemetry's defaults.
    public init() {}

    /// `value` cut to the limit.
    @inline(__always)
    func cut(_ value: String) -> String {
        guard let limit = attributeValueLengthMax, value.utf8.count > limit else { return value }
        return Self.cut(value, limit)
    }

    /// The first `length` Unicode scalars.
    @inline(never)
    static func cut(_ value: String, _ length: Int) -> String {
        String(value.unicodeScalars.prefix(length))
    }
}
