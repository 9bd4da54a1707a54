import CurlTransport
import TraceStorage

/// Something that nobody may see: a text, or a file that holds it and is read each time it is needed, so that it may
/// change.
package enum AlertSecret: Sendable, Equatable {
    case text(String)
    case file(String)

    /// Bytes of a file that are read: more is no token.
    private static let bytesMax = 64 << 10

    /// Without white space at either end.
    package func read() throws(FileError) -> String {
        switch self {
        case .text(let text): return text
        case .file(let path):
            let file = try POSIXFileSystem().open(path, .read)
            defer { file.close() }
            let bytes = try file.readBytes(at: 0, count: min(try file.size(), Self.bytesMax))
            let text = String(decoding: bytes, as: UTF8.self)
            let start = text.firstIndex { !$0.isWhitespace } ?? text.endIndex
            let end = text.lastIndex { !$0.isWhitespace }.map { text.index(after: $0) } ?? start
            return String(text[start..<end])
        }
    }
}

/// One of `alerts.notifiers`, with the keys of Alertmanager's receivers.
package struct NotifierConfiguration: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case webhook(Webhook)
        case slack(Slack)
        case pagerDuty(PagerDuty)
        case email(Email)

        package var name: String {
            switch self {
            case .webhook: "webhook"
            case .slack: "slack"
            case .pagerDuty: "pagerduty"
            case .email: "email"
            }
        }
    }

    /// A receiver of Alertmanager's webhook bodies.
    package struct Webhook: Sendable, Equatable {
        package var url: AlertSecret
        package var headers: [(name: String, value: String)] = []
        package var bearerToken: AlertSecret?
        /// Signs each body with HMAC-SHA256 in the header `X-Skein-Signature`.
        package var signingSecret: AlertSecret?

        package init(url: AlertSecret) { self.url = url }

        package static func == (a: Webhook, b: Webhook) -> Bool {
            a.url == b.url && a.bearerToken == b.bearerToken && a.signingSecret == b.signingSecret
                && a.headers.map(\.name) == b.headers.map(\.name) && a.headers.map(\.value) == b.headers.map(\.value)
        }
    }

    /// An incoming webhook of Slack.
    package struct Slack: Sendable, Equatable {
        package var url: AlertSecret
        package init(url: AlertSecret) { self.url = url }
    }

    /// PagerDuty's Events API, version 2.
    package struct PagerDuty: Sendable, Equatable {
        package var routingKey: AlertSecret
        package var url = "https://events.pagerduty.com/v2/enqueue"
        package init(routingKey: AlertSecret) { self.routingKey = routingKey }
    }

    package struct Email: Sendable, Equatable {
        package var to: [String]
        package var from: String
        /// `smarthost`.
        package var host: String
        package var port: Int
        /// The name that the server is greeted with.
        package var hello = "localhost"
        package var username: String?
        package var password: AlertSecret?
        /// TLS from the first byte, as on port 465; else it begins with STARTTLS.
        package var isTLSImplicit = false
        package var requiresTLS = true

        package init(to: [String], from: String, host: String, port: Int) {
            self.to = to
            self.from = from
            self.host = host
            self.port = port
        }
    }

    /// When a notice that failed is tried again.
    package struct Retry: Sendable, Equatable {
        package var initialInterval = 5 * AlertClock.second
        package var maxInterval = 300 * AlertClock.second
        /// After which a notice is given up.
        package var maxElapsedTime = 24 * 3_600 * AlertClock.second
        package init() {}
    }

    /// Such as `slack/ops`.
    package var id: String
    package var kind: Kind
    package var minSeverity = AlertSeverity.info
    package var sendsResolved = true
    /// Of one attempt.
    package var timeout = Duration.seconds(10)
    package var retry = Retry()
    package var tls = TransportConfiguration.TLS()

    package init(id: String, _ kind: Kind) {
        self.id = id
        self.kind = kind
    }

    /// Whether every alert is told of by itself: an incident there stands for one alert.
    package var tellsAlertsApart: Bool {
        if case .pagerDuty = kind { true } else { false }
    }
}
