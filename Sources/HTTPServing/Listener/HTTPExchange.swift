import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore

/// One request and its answer, around the responder: `Expect`, `Date`, errors nobody rendered, and the
/// orderly end of a connection whose request body was refused.
struct HTTPExchange<Responder: HTTPResponder>: Sendable
where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
    let responder: Responder
    let limits: HTTPLimits
    let logger: Logger

    func answer(_ request: Request, writer: consuming ResponseWriter, channel: any Channel) async throws {
        if expectsContinue(request) {
            try await writer.writeInformationalHead(HTTPResponse(status: .continue))
        }
        var response = await respond(to: request, channel: channel)
        response.headers[.date] = HTTPDate.now()
        // The rest of a refused body must not be read to its end for the sake of keep-alive.
        if response.status == .contentTooLarge || response.status == .requestTimeout {
            response.headers[.connection] = "close"
        }
        let isRefused = response.headers[.connection] == "close"
        if request.method == .head { response = response.createHeadResponse() }
        try await writer.write(response: response.head, body: response.body)
        if isRefused { linger(channel) }
    }

    private func respond(to request: Request, channel: any Channel) async -> Response {
        let context = Responder.Context(source: ApplicationRequestContextSource(channel: channel, logger: logger))
        do {
            return try await responder.respond(to: request, context: context)
        } catch let error as any HTTPResponseError {
            return Response(status: error.status)
        } catch {
            logger.error("request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
            return Response(status: .internalServerError)
        }
    }

    private func expectsContinue(_ request: Request) -> Bool {
        guard request.headers[.expect]?.lowercased() == "100-continue" else { return false }
        let length = request.headers[.contentLength].flatMap { Int($0) } ?? 0
        return length <= limits.maxBodyBytes
    }

    /// Says that nothing more will be sent, and gives the client a moment to notice.
    private func linger(_ channel: any Channel) {
        channel.close(mode: .output, promise: nil)
        channel.eventLoop.scheduleTask(in: TimeAmount(limits.lingerTimeout)) { channel.close(promise: nil) }
    }
}
