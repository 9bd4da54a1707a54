import HTTPTypes
import Hummingbird

/// An error of our own HTTP API, rendered as `{"error": {"code", "message", "hint"}}`.
package struct APIError: Error, Equatable, Sendable {
    package let status: HTTPResponse.Status
    /// What a program can act on, snake_case: `not_found`, `invalid_parameter`.
    package let code: String
    /// What happened, for a person; lower case, no final period.
    package let message: String
    /// What to do about it.
    package let hint: String
    /// Seconds for the `Retry-After` header, for 429 and 503.
    package let retryAfterSeconds: Int?

    package init(
        status: HTTPResponse.Status, code: String, message: String, hint: String, retryAfterSeconds: Int? = nil
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.retryAfterSeconds = retryAfterSeconds
    }

    package static func badRequest(_ message: String, code: String = "invalid_parameter", hint: String = "") -> Self {
        APIError(status: .badRequest, code: code, message: message, hint: hint)
    }

    package static func notFound(_ message: String, code: String = "not_found", hint: String = "") -> Self {
        APIError(status: .notFound, code: code, message: message, hint: hint)
    }

    package static func unavailable(
        _ message: String, code: String = "unavailable", hint: String = "", retryAfterSeconds: Int = 1
    ) -> Self {
        APIError(
            status: .serviceUnavailable, code: code, message: message, hint: hint, retryAfterSeconds: retryAfterSeconds)
    }

    /// The body and its headers.
    package func response() -> Response {
        let json =
            "{\"error\":{\"code\":\(JSONText.quote(code)),\"message\":\(JSONText.quote(message)),"
            + "\"hint\":\(JSONText.quote(hint))}}"
        var response = Response.bytes(Array(json.utf8), contentType: "application/json", status: status)
        if let retryAfterSeconds { response.headers[.retryAfter] = "\(retryAfterSeconds)" }
        return response
    }
}

extension APIError {
    /// What a refused request body looks like in our own API.
    package init(_ error: BodyError) {
        switch error {
        case .tooLarge:
            self.init(
                status: .contentTooLarge, code: "body_too_large", message: "\(error)", hint: "send a smaller body")
        case .unsupportedEncoding:
            self.init(
                status: .unsupportedMediaType, code: "unsupported_encoding", message: "\(error)",
                hint: "send the body uncompressed or with gzip")
        case .tooSlow:
            self.init(status: .requestTimeout, code: "slow_body", message: "\(error)", hint: "send the body at once")
        case .buffersFull:
            self.init(
                status: .serviceUnavailable, code: "buffers_full", message: "\(error)",
                hint: "send the request again", retryAfterSeconds: 1)
        case .corrupt, .disconnected:
            self.init(status: .badRequest, code: "corrupt_body", message: "\(error)", hint: "send the request again")
        }
    }
}

/// JSON string literals, for bodies too small to be worth an encoder.
enum JSONText {
    /// Quotes `text` and escapes what RFC 8259 section 7 asks for.
    static func quote(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{0}"..<"\u{20}":
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
