import CurlTransport
import OTLP
import TraceStorage

/// Tells webhooks, Slack and PagerDuty over HTTP.
package final class HTTPNoticeSender: NoticeSender {
    private let configuration: NotifierConfiguration
    private let externalURL: String
    private let userAgent: String
    private let now: @Sendable () -> UInt64
    private let transport: CurlTransport

    /// Bytes of an answer that are read: it only says why something was refused.
    private static let responseBytesMax = 64 << 10
    /// Of them that an error shows.
    private static let messageMax = 200

    /// - Parameter now: Unix nanoseconds; dates of `Retry-After` are taken by it.
    package init(
        _ configuration: NotifierConfiguration, externalURL: String, userAgent: String,
        now: @escaping @Sendable () -> UInt64
    ) throws(TransportError) {
        self.configuration = configuration
        self.externalURL = externalURL
        self.userAgent = userAgent
        self.now = now
        var transport = TransportConfiguration()
        transport.totalTimeout = configuration.timeout
        transport.connectTimeout = min(configuration.timeout, .seconds(5))
        transport.responseBytesMax = Self.responseBytesMax
        transport.connectionsPerHostMax = 1
        transport.tls = configuration.tls
        self.transport = try CurlTransport(transport)
    }

    package func shutdown() { transport.shutdown() }

    package func send(_ notice: Notice) -> DeliveryResult {
        let request: HTTPRequestMessage
        do throws(FileError) { request = try self.request(notice) } catch {
            // A file that is being replaced may be there a moment later.
            return .retryable(reason: "\(error)", retryAfter: nil)
        }
        do throws(TransportError) {
            return verdict(try transport.sendBlocking(request))
        } catch {
            if case .invalidRequest(let message) = error { return .refused(reason: message) }
            return .retryable(reason: "\(error)", retryAfter: nil)
        }
    }

    /// 429 and failures of the server pass; another refusal of the request does not.
    private func verdict(_ response: HTTPResponseMessage) -> DeliveryResult {
        if (200..<300).contains(response.status) { return .delivered }
        let text = String(decoding: response.body.prefix(Self.messageMax), as: UTF8.self)
        let shown = String(text.map { $0.isNewline ? " " : $0 })
        let reason = "status \(response.status)" + (shown.isEmpty ? "" : ": \(shown)")
        switch response.status {
        case 408, 425, 429, 500...:
            let asked = RetryAfterHeader.duration(response.header("Retry-After"), now: now())
            return .retryable(
                reason: reason, retryAfter: asked.map { UInt64($0.components.seconds) * AlertClock.second })
        default: return .refused(reason: reason)
        }
    }

    // MARK: requests

    func request(_ notice: Notice) throws(FileError) -> HTTPRequestMessage {
        var headers = [HTTPHeader("Content-Type", "application/json"), HTTPHeader("User-Agent", userAgent)]
        let url: String
        let body: [UInt8]
        switch configuration.kind {
        case .webhook(let webhook):
            url = try webhook.url.read()
            body = WebhookBody.bytes(notice, externalURL: externalURL)
            headers += webhook.headers.map { HTTPHeader($0.name, $0.value) }
            if let token = webhook.bearerToken {
                headers.append(HTTPHeader("Authorization", "Bearer \(try token.read())"))
            }
            if let secret = webhook.signingSecret {
                let code = MessageAuthentication.code(of: body, key: Array(try secret.read().utf8))
                headers.append(HTTPHeader("X-Skein-Signature", "sha256=\(code)"))
            }
        case .slack(let slack):
            url = try slack.url.read()
            body = SlackBody.bytes(notice, externalURL: externalURL)
        case .pagerDuty(let pagerDuty):
            url = pagerDuty.url
            body = PagerDutyBody.bytes(notice, routingKey: try pagerDuty.routingKey.read(), externalURL: externalURL)
        case .email:
            url = ""
            body = []
        }
        return HTTPRequestMessage(url: url, headers: headers, body: body, timeout: configuration.timeout)
    }
}
