/// OTLP/JSON: the JSON form of OTLP messages, as the OTLP specification deviates from proto3's (hexadecimal ids,
/// enumerations as numbers, lowerCamelCase keys only).
package enum OTLPJSON {
    /// Translates an `ExportTraceServiceRequest` from JSON to protobuf.
    ///
    /// White space alone is an empty request. Unknown members are passed over. A member given twice counts as protobuf
    /// has it: the last scalar wins, lists are joined, objects merged. Ids of a wrong length and attribute values
    /// nested too deep are carried over, so that ``SpanBatch/init(decoding:limits:)`` rejects their span alone.
    ///
    /// - Complexity: O(bytes); the result is smaller than the input.
    package static func decode(_ bytes: [UInt8], limits: SpanLimits = SpanLimits()) throws(OTLPJSONError) -> [UInt8] {
        try decode(bytes, as: .request, limits: limits)
    }

    static func decode(
        _ bytes: [UInt8], as message: OTLPSchema.Message, limits: SpanLimits = SpanLimits()
    ) throws(OTLPJSONError) -> [UInt8] {
        var decoder = OTLPJSONDecoder(bytes, limits: limits)
        return try decoder.decode(message)
    }
}
