import OTLP

/// What an answer to an export means (OTLP specification, "OTLP/HTTP Response").
package enum ExportVerdict: Sendable, Equatable {
    /// The target has the request; it left out `rejectedSpans` of it for good.
    case delivered(rejectedSpans: Int, message: String)
    /// The same request may succeed later; not before `retryAfter`, where the target said so.
    case retryable(reason: String, retryAfter: Duration?)
    /// The target will never take this request.
    case refused(status: Int, reason: String)

    /// - Parameter retryAfter: The `Retry-After` header as a duration from now.
    package static func of(status: Int, retryAfter: Duration?) -> ExportVerdict {
        switch status {
        case 200..<300: .delivered(rejectedSpans: 0, message: "")
        case 429, 502, 503, 504: .retryable(reason: "status \(status)", retryAfter: retryAfter)
        default: .refused(status: status, reason: "status \(status)")
        }
    }

    /// Whether a refusal may be due to what is in the request, so that a part of it may be taken. Everything else, such
    /// as a missing token or a wrong path, would be said of every part too.
    package static func dependsOnContent(status: Int) -> Bool { [400, 413, 422, 500].contains(status) }
}
