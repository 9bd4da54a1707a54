import HTTPTypes
import Hummingbird
import Skein
import Tracing

/// Gives every request a server span, as the child of the caller's span where the headers name one.
struct ServerSpans: RouterMiddleware {
    typealias Context = BasicRequestContext

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var parent = ServiceContext.topLevel
        InstrumentationSystem.instrument.extract(request.headers, into: &parent, using: HeaderExtractor())
        // The route is part of the name, the path is not: it may hold ids, and names must be few.
        let route = context.endpointPath
        let name = route.map { "\(request.method) \($0)" } ?? "\(request.method)"
        return try await withSpan(name, context: parent, ofKind: .server) { span in
            span.updateAttributes { attributes in
                attributes[HTTPAttributes.httpRequestMethod.name] = request.method.rawValue
                attributes[HTTPAttributes.urlPath.name] = request.uri.path
                attributes[HTTPAttributes.urlScheme.name] = "http"
                attributes[HTTPAttributes.httpRoute.name] = route
                attributes[HTTPAttributes.userID.name] = parent.baggage?[HTTPAttributes.userID.name]
            }
            do {
                let response = try await next(request, context)
                record(response.status, on: span)
                return response
            } catch {
                record((error as? any HTTPResponseError)?.status ?? .internalServerError, on: span)
                throw error
            }
        }
    }

    /// A status of 500 and more is the server's failure; one below is the caller's, and the span is no error.
    private func record(_ status: HTTPResponse.Status, on span: any Span) {
        span.attributes[HTTPAttributes.httpResponseStatusCode.name] = status.code
        guard status.code >= 500 else { return }
        span.attributes[ErrorAttributes.errorType.name] = "\(status.code)"
        span.setStatus(SpanStatus(code: .error))
    }
}

/// Reads trace context and baggage from the headers of a request.
struct HeaderExtractor: Extractor {
    func extract(key: String, from headers: HTTPFields) -> String? {
        HTTPField.Name(key).flatMap { headers[$0] }
    }
}
