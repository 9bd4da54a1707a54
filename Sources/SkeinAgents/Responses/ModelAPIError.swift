/// An error that a provider's API reports in its answer.
public struct ModelAPIError: ErrorTypeProviding, ErrorClassifying, Equatable, CustomStringConvertible {
    /// What kind of error it is, in the provider's words, such as `rate_limit_error` or `RESOURCE_EXHAUSTED`.
    public var type: String?
    /// The provider's code, such as `context_length_exceeded` or `429`.
    public var code: String?
    /// What the provider says to people; at most ``messageBytesMax`` bytes.
    public var message: String

    /// Bytes of a message; it goes into the status of the span.
    public static let messageBytesMax = 1_024

    /// An error as the provider reports it.
    public init(type: String? = nil, code: String? = nil, message: String) {
        self.type = type
        self.code = code
        self.message = message.prefix(bytes: Self.messageBytesMax)
    }

    /// The type, else the code.
    public var errorType: String { type ?? code ?? "_OTHER" }

    /// What to do about it, as far as the type and the code tell.
    public var errorClass: ErrorClass {
        for word in [code, type].compactMap({ $0?.lowercased() }) {
            if let status = Int(word) { return ErrorClass(httpStatus: status) }
            if let known = Self.classes[word] { return known }
        }
        return .unknown
    }

    /// The message with its type.
    public var description: String { "\(errorType): \(message)" }

    private static let classes: [String: ErrorClass] = [
        // OpenAI. Without credit no later attempt helps, though the status is that of a rate limit.
        "insufficient_quota": .authentication, "invalid_api_key": .authentication,
        "rate_limit_exceeded": .rateLimit, "requests": .rateLimit, "tokens": .rateLimit,
        "invalid_request_error": .invalid, "context_length_exceeded": .invalid, "invalid_prompt": .invalid,
        "server_error": .unavailable, "internal_server_error": .unavailable, "service_unavailable": .unavailable,
        // Anthropic
        "rate_limit_error": .rateLimit, "overloaded_error": .unavailable, "api_error": .unavailable,
        "timeout_error": .unavailable, "authentication_error": .authentication, "permission_error": .authentication,
        "billing_error": .authentication, "not_found_error": .invalid, "request_too_large": .invalid,
        // Google
        "resource_exhausted": .rateLimit, "unavailable": .unavailable, "internal": .unavailable,
        "deadline_exceeded": .unavailable, "unauthenticated": .authentication, "permission_denied": .authentication,
        "invalid_argument": .invalid, "failed_precondition": .invalid, "not_found": .invalid, "cancelled": .cancelled,
    ]
}
