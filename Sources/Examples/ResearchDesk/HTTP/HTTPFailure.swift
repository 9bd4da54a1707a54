import SkeinAgents

/// Why a request to another service brought nothing.
struct HTTPFailure: ErrorTypeProviding, ErrorClassifying, CustomStringConvertible {
    /// Nil when there was no answer.
    var status: Int?
    var reason: String
    /// How long the service asks to be left alone.
    var retryAfter: Duration?

    /// What `error.type` is on the span: the status, as the conventions want it.
    var errorType: String { status.map { "\($0)" } ?? "no_answer" }

    /// What says whether another attempt may help.
    var errorClass: ErrorClass { status.map { ErrorClass(httpStatus: $0) } ?? .network }

    var description: String { reason }
}
