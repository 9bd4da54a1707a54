import HTTPServing
import HTTPTypes
import Hummingbird
import OTLP

/// The two ways of writing OTLP over HTTP; an answer is written as its request was.
enum OTLPHTTPFormat {
    case protobuf, json

    /// Parameters of the media type say nothing here; nil for any other type, or none.
    init?(contentType: String?) {
        // As exporters write it, which takes no closer look.
        if contentType == "application/x-protobuf" {
            self = .protobuf
            return
        }
        let mediaType = contentType?.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }.lowercased()
        switch mediaType {
        case "application/x-protobuf": self = .protobuf
        case "application/json": self = .json
        default: return nil
        }
    }

    var encoding: Ingest.Encoding { self == .json ? .json : .protobuf }

    private var contentType: String { self == .json ? "application/json" : "application/x-protobuf" }

    /// An `ExportTraceServiceResponse`.
    func success(_ acceptance: Ingest.Acceptance, _ limits: SpanLimits) -> Response {
        let response = ExportResponse(
            rejectedSpans: Int64(acceptance.rejectedSpans), errorMessage: acceptance.message(limits) ?? "")
        return .bytes(self == .json ? response.json() : response.protobuf(), contentType: contentType)
    }

    /// A `google.rpc.Status`.
    func failure(_ status: HTTPResponse.Status, _ code: RPCStatus.Code, _ message: String) -> Response {
        let body = RPCStatus(code, message)
        return .bytes(self == .json ? body.json() : body.protobuf(), contentType: contentType, status: status)
    }
}
