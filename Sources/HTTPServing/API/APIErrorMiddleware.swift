import HTTPTypes
import Hummingbird
import Logging

/// Renders every error of a router as the error body of our own API, unknown paths included.
///
/// Add it first, so that it sees the errors of all other middleware. What an unforeseen error says goes to
/// the log, never to the client.
package struct APIErrorMiddleware<Context: RequestContext>: RouterMiddleware {
    package init() {}

    package func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as APIError {
            return error.response()
        } catch let error as BodyError {
            return APIError(error).response()
        } catch let error as any HTTPResponseError {
            return Self.apiError(error, request: request).response()
        } catch {
            context.logger.error(
                "request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
            return APIError(
                status: .internalServerError, code: "internal", message: "the request failed",
                hint: "the collector's log has the reason"
            ).response()
        }
    }

    /// What Hummingbird throws by itself: an unknown path, or parameters that do not parse.
    private static func apiError(_ error: any HTTPResponseError, request: Request) -> APIError {
        if error.status == .notFound {
            return .notFound("there is nothing at \(request.method.rawValue) \(request.uri.path)")
        }
        let message = (error as? HTTPError)?.body ?? error.status.reasonPhrase.lowercased()
        let code = error.status.reasonPhrase.lowercased().replacing(" ", with: "_")
        return APIError(status: error.status, code: code, message: message, hint: "")
    }
}
