import HTTPTypes
import Hummingbird
import Tracing

/// Gives every request a server span, as the child of the caller's span where the headers name one.
struct ServerSpans: RouterMiddleware {
    typealias Context = BasicRequestContext

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var parent = ServiceContext.topLevel
        InstrumentationSystem.instrument.extract(request.headers, into: &parent, using: HeaderExtractor())
        return try await withSpan("\(request.method)", context: parent, ofKind: .server) { _ in
            try await next(request, context)
        }
    }
}

/// Reads headers of a request. Several of one name come joined by commas, in their order: for `tracestate` that is one
/// list, and for `traceparent` no valid header, as it should be.
private struct HeaderExtractor: Extractor {
    func extract(key: String, from headers: HTTPFields) -> String? {
        HTTPField.Name(key).flatMap { headers[$0] }
    }
}
