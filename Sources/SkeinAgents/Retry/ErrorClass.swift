/// What kind of failure an error is: what decides whether another attempt may help.
public enum ErrorClass: String, Sendable, CaseIterable {
    /// Too many requests; later they are welcome again.
    case rateLimit = "rate_limit"
    /// No answer came: no connection, or one that broke.
    case network
    /// The server cannot answer now.
    case unavailable
    /// Who asks is unknown, may not, or has no credit.
    case authentication
    /// The request is wrong and stays so.
    case invalid
    /// The caller no longer wants it.
    case cancelled
    /// Anything else.
    case unknown

    /// The class of an HTTP status. A status below 400 is no failure and gives `unknown`.
    public init(httpStatus status: Int) {
        self =
            switch status {
            case ..<400: .unknown
            case 401, 402, 403, 407: .authentication
            case 429: .rateLimit
            // The request came too late, too early, or met another one: it may be repeated.
            case 408, 409, 425: .unavailable
            case 499: .cancelled
            case 501, 505: .invalid
            case 500...: .unavailable
            default: .invalid
            }
    }

    /// The class of an error as it says itself; else by what is known of the errors of Foundation's `URLSession`, of the
    /// system, of SwiftNIO and of AsyncHTTPClient, none of which need be linked; else `unknown`.
    public init(_ error: any Error) {
        if let error = error as? any ErrorClassifying {
            self = error.errorClass
        } else {
            self = error is CancellationError ? .cancelled : ConnectionErrors.errorClass(of: error) ?? .unknown
        }
    }

    /// Another attempt may help: rate limits, no answer, a server that cannot answer now.
    public static let retryable: Set<ErrorClass> = [.rateLimit, .network, .unavailable]
}

/// An error that knows what kind of failure it is.
public protocol ErrorClassifying: Error {
    /// The kind.
    var errorClass: ErrorClass { get }
    /// How long the server asks to wait before another attempt; nil when it does not say.
    var retryAfter: Duration? { get }
}

extension ErrorClassifying {
    /// The server does not say.
    public var retryAfter: Duration? { nil }
}
