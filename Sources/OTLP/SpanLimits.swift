/// What a span may hold before it is rejected, and why each number is what it is.
package struct SpanLimits: Hashable, Sendable {
    /// Levels of arrays and maps inside one attribute value. Real emitters stay under 10; the number keeps every
    /// recursive walk over a value within a small stack. A span over it is rejected.
    package let attributeDepthMax: Int

    /// Attributes of one span, those of its events and links included. SDKs stop at 128 by default; the number
    /// bounds what one span can cost a reader. A span over it is rejected.
    package let attributesMax: Int

    /// The most that ``attributeDepthMax`` can be set to, for the sake of the stack: a level takes about 300 bytes of
    /// it, and every walk over a value may recurse this far.
    package static let attributeDepthCeiling = 64

    /// Bytes of a request that 32-bit offsets address. Requests are limited far below it by the receivers.
    package static let requestBytesMax = Int(Int32.max)

    /// Bytes of rows that one byte of a request may turn into. A span of an agent needs 0.8, the smallest valid span
    /// 5.5; a request over it is no real one and is refused whole.
    package static let rowBytesPerRequestByte = 8

    /// Bytes of rows that any request may have on top of that.
    package static let rowBytesAlways = 65_536

    package init(attributeDepthMax: Int = 64, attributesMax: Int = 16_384) {
        self.attributeDepthMax = min(max(attributeDepthMax, 0), Self.attributeDepthCeiling)
        self.attributesMax = max(attributesMax, 0)
    }
}

/// Why a span of an otherwise readable request was not taken.
package enum SpanRejectionReason: String, CaseIterable, Sendable {
    case invalidTraceID = "invalid_trace_id"
    case invalidSpanID = "invalid_span_id"
    case invalidParentSpanID = "invalid_parent_span_id"
    case attributeDepth = "attribute_depth"
    case attributeCount = "attribute_count"

    /// One line for the `error_message` of a partial success.
    package func message(_ limits: SpanLimits) -> String {
        switch self {
        case .invalidTraceID: "trace_id is not 16 bytes with one of them non-zero"
        case .invalidSpanID: "span_id is not 8 bytes with one of them non-zero"
        case .invalidParentSpanID: "parent_span_id is neither empty nor 8 bytes"
        case .attributeDepth: "attribute nested deeper than \(limits.attributeDepthMax) levels"
        case .attributeCount: "more than \(limits.attributesMax) attributes"
        }
    }
}
