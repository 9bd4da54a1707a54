import OTLP
import OTLPTestSupport

extension FuzzTarget {
    /// A request that is taken can be rewritten, and means the same then; its JSON has the same spans.
    static func readOTLP(_ bytes: [UInt8]) throws(FuzzFailure) {
        _ = try? ExportResponse(decoding: bytes)
        _ = try? RPCStatus(decoding: bytes).retryDelay
        guard let batch = try? SpanBatch(decoding: bytes) else { return }
        let decoded = DecodedRequest(batch)
        guard let again = try? SpanBatch(decoding: batch.encoded()), isSame(DecodedRequest(again), decoded) else {
            throw FuzzFailure("a rewritten request differs from what was read")
        }
        guard let fromJSON = try? OTLPJSON.decode(OTLPJSON.encode(batch)),
            (try? SpanBatch(decoding: fromJSON))?.spans.count == batch.spans.count
        else { throw FuzzFailure("a request's JSON cannot be read") }
    }

    /// JSON becomes a request that is read, is refused with a reason, or is no larger than the text was.
    static func readJSON(_ bytes: [UInt8]) throws(FuzzFailure) {
        _ = try? ExportResponse(decodingJSON: bytes)
        guard let request = try? OTLPJSON.decode(bytes) else { return }
        guard let batch = try? SpanBatch(decoding: request) else {
            if request.count > bytes.count { throw FuzzFailure("JSON became a larger request that is refused") }
            return
        }
        guard let again = try? OTLPJSON.decode(OTLPJSON.encode(batch)),
            let spans = try? SpanBatch(decoding: again).spans.count, spans == batch.spans.count
        else { throw FuzzFailure("JSON written from JSON cannot be read") }
    }

    /// Equal, or different in no more than that a NaN equals nothing.
    private static func isSame(_ a: DecodedRequest, _ b: DecodedRequest) -> Bool {
        a == b || String(describing: a) == String(describing: b)
    }
}
