import HTTPServing
import HTTPTypes
import Hummingbird
import OTLP

/// OTLP over HTTP: `POST /v1/traces` with protobuf or JSON, answered as the OpenTelemetry Collector answers.
package struct OTLPHTTPReceiver: Sendable {
    private let configuration: OTLPReceiverConfiguration.HTTP
    private let ingest: Ingest
    private let counters: IngestCounters

    package init(_ configuration: OTLPReceiverConfiguration.HTTP, ingest: Ingest, metrics: SelfMetrics) {
        self.configuration = configuration
        self.ingest = ingest
        counters = IngestCounters(receiver: "otlp_http", transport: "http", metrics: metrics)
    }

    package func router() -> Router<BasicRequestContext> {
        let router = Router()
        let path = RouterPath(configuration.tracesPath)
        router.post(path) { request, _ in await export(request) }
        for method in [HTTPRequest.Method.get, .put, .patch, .delete, .head, .options] {
            router.on(path, method: method) { _, _ in
                counters.count(.wrongMethod)
                var response = Self.text(.methodNotAllowed, "405 method not allowed, supported: [POST]")
                response.headers[.allow] = "POST"
                return response
            }
        }
        for signal in ["logs", "metrics"] {
            router.on("/v1/\(signal)", method: .post) { _, _ in
                Self.text(.notFound, "this collector takes traces only, at \(configuration.tracesPath)")
            }
        }
        return router
    }

    private func export(_ request: Request) async -> Response {
        guard let format = Format(contentType: request.headers[.contentType]) else {
            counters.count(.wrongContentType)
            return Self.text(
                .unsupportedMediaType,
                "415 unsupported media type, supported: [application/json, application/x-protobuf]")
        }
        let body: [UInt8]
        do throws(BodyError) {
            body = try await request.collectBytes(limitBytes: configuration.bodyBytesMax)
        } catch {
            return refuse(error, format)
        }
        do throws(Ingest.Refusal) {
            let acceptance =
                body.isEmpty
                ? Ingest.Acceptance(acceptedSpans: 0, rejections: [:])
                : try await ingest.accept(body, encoding: format.encoding, from: counters)
            return format.response(.ok, format.success(acceptance, ingest.limits))
        } catch {
            let status: HTTPResponse.Status = error.retryAfter == nil ? .badRequest : .serviceUnavailable
            let code: RPCStatus.Code = error.retryAfter == nil ? .invalidArgument : .unavailable
            var response = format.response(status, format.failure(code, error.message))
            if let wait = error.retryAfter {
                response.headers[.retryAfter] = "\(max(1, Int(wait.seconds.rounded(.up))))"
            }
            return response
        }
    }

    private func refuse(_ error: BodyError, _ format: Format) -> Response {
        counters.countRequest()
        switch error {
        case .tooLarge:
            counters.count(.tooLarge)
            return format.response(.contentTooLarge, format.failure(.resourceExhausted, "\(error)"))
        case .unsupportedEncoding:
            counters.count(.unsupportedEncoding)
            return format.response(.unsupportedMediaType, format.failure(.invalidArgument, "\(error)"))
        case .corrupt, .disconnected:
            counters.count(.corruptEncoding)
            return format.response(.badRequest, format.failure(.invalidArgument, "\(error)"))
        }
    }

    private static func text(_ status: HTTPResponse.Status, _ text: String) -> Response {
        .bytes(Array(text.utf8), contentType: "text/plain; charset=utf-8", status: status)
    }
}

/// The two ways of writing OTLP over HTTP; an answer is written as its request was.
private enum Format {
    case protobuf, json

    /// Parameters of the media type say nothing here; nil for any other type, or none.
    init?(contentType: String?) {
        let mediaType = contentType?.split(separator: ";", maxSplits: 1).first?
            .trimmingPrefix { $0 == " " }.lowercased()
        switch mediaType?.split(separator: " ").first {
        case "application/x-protobuf": self = .protobuf
        case "application/json": self = .json
        default: return nil
        }
    }

    var encoding: Ingest.Encoding { self == .json ? .json : .protobuf }

    func success(_ acceptance: Ingest.Acceptance, _ limits: SpanLimits) -> [UInt8] {
        let response = ExportResponse(
            rejectedSpans: Int64(acceptance.rejectedSpans), errorMessage: acceptance.message(limits) ?? "")
        return self == .json ? response.json() : response.protobuf()
    }

    func failure(_ code: RPCStatus.Code, _ message: String) -> [UInt8] {
        let status = RPCStatus(code, message)
        return self == .json ? status.json() : status.protobuf()
    }

    func response(_ status: HTTPResponse.Status, _ body: [UInt8]) -> Response {
        .bytes(body, contentType: self == .json ? "application/json" : "application/x-protobuf", status: status)
    }
}
