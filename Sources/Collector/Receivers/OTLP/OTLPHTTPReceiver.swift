import HTTPServing
import HTTPTypes
import Hummingbird
import OTLP

/// OTLP over HTTP: `POST /v1/traces` with protobuf or JSON, answered as the OpenTelemetry Collector answers.
package struct OTLPHTTPReceiver: Sendable {
    private let configuration: OTLPReceiverConfiguration.HTTP
    private let ingest: Ingest
    private let budget: BufferBudget
    private let counters: IngestCounters

    /// - Parameter budget: what all requests under way may hold, from the first byte of a body until its answer.
    package init(
        _ configuration: OTLPReceiverConfiguration.HTTP, ingest: Ingest, budget: BufferBudget, metrics: SelfMetrics
    ) {
        self.configuration = configuration
        self.ingest = ingest
        self.budget = budget
        counters = IngestCounters(receiver: "otlp_http", transport: "http", metrics: metrics)
    }

    /// The traces path, and a word about every other one.
    package func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.add(middleware: UnknownPathHint(tracesPath: configuration.tracesPath))
        let path = RouterPath(configuration.tracesPath)
        router.post(path) { request, _ in await export(request) }
        router.refuseOtherMethods(path, allowed: [.post]) { [counters] in counters.countRefusedRequest(.wrongMethod) }
        return router
    }

    private func export(_ request: Request) async -> Response {
        guard let format = OTLPHTTPFormat(contentType: request.headers[.contentType]) else {
            counters.countRefusedRequest(.wrongContentType)
            return .plain(
                .unsupportedMediaType, "unsupported content type, expected application/x-protobuf or application/json")
        }
        if let refusal = ingest.refusalBeforeReading(counters) { return refuse(refusal, format).closing() }
        let reservation = BufferReservation(budget)
        defer { withExtendedLifetime(reservation) {} }
        let body: [UInt8]
        do throws(BodyError) {
            body = try await request.collectBytes(limitBytes: configuration.bodyBytesMax, reservation: reservation)
        } catch {
            return refuse(error, format)
        }
        guard !body.isEmpty else {
            counters.countRequest()
            return format.success(Ingest.Acceptance(acceptedSpans: 0, rejections: [:]), ingest.limits)
        }
        do throws(Ingest.Refusal) {
            return format.success(
                try await ingest.accept(body, encoding: format.encoding, from: counters), ingest.limits)
        } catch {
            return refuse(error, format)
        }
    }

    private func refuse(_ refusal: Ingest.Refusal, _ format: OTLPHTTPFormat) -> Response {
        guard let wait = refusal.retryAfter else {
            return refusal.reason == .tooLarge
                ? format.failure(.contentTooLarge, .resourceExhausted, refusal.message)
                : format.failure(.badRequest, .invalidArgument, refusal.message)
        }
        var response = format.failure(.serviceUnavailable, .unavailable, refusal.message)
        response.headers[.retryAfter] = "\(max(1, Int(wait.seconds.rounded(.up))))"
        return response
    }

    private func refuse(_ error: BodyError, _ format: OTLPHTTPFormat) -> Response {
        switch error {
        case .tooLarge:
            counters.countRefusedRequest(.tooLarge)
            return format.failure(.contentTooLarge, .resourceExhausted, "\(error)")
        case .unsupportedEncoding:
            counters.countRefusedRequest(.unsupportedEncoding)
            return format.failure(.unsupportedMediaType, .invalidArgument, "\(error)")
        case .corrupt:
            counters.countRefusedRequest(.corruptEncoding)
            return format.failure(.badRequest, .invalidArgument, "\(error)")
        case .disconnected:
            counters.countRefusedRequest(.disconnected)
            return format.failure(.badRequest, .invalidArgument, "\(error)")
        case .tooSlow:
            counters.countRefusedRequest(.tooSlow)
            return format.failure(.requestTimeout, .deadlineExceeded, "\(error)")
        case .buffersFull:
            counters.countRefusedRequest(.buffersFull)
            return refuse(Ingest.Refusal.buffersFull, format).closing()
        }
    }
}

/// Answers every unknown path with what there is, in the encoding of the request.
private struct UnknownPathHint: RouterMiddleware {
    typealias Context = BasicRequestContext

    let tracesPath: String

    func handle(
        _ request: Request, context: BasicRequestContext,
        next: (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as any HTTPResponseError where error.status == .notFound {
            let message = "there is nothing at \(request.uri.path); this collector takes traces only, at \(tracesPath)"
            guard let format = OTLPHTTPFormat(contentType: request.headers[.contentType]) else {
                return .plain(.notFound, message)
            }
            return format.failure(.notFound, .unimplemented, message)
        }
    }
}

extension Response {
    /// For a client that has not said how it reads.
    fileprivate static func plain(_ status: HTTPResponse.Status, _ text: String) -> Response {
        .bytes(Array("\(text)\n".utf8), contentType: "text/plain; charset=utf-8", status: status)
    }

    /// To a request whose body is not read: the rest of it must not be waited for.
    fileprivate func closing() -> Response {
        var response = self
        response.headers[.connection] = "close"
        return response
    }
}
