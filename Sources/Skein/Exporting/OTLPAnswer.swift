import ContextBaggage
import CurlTransport
import OTLP

/// What an attempt to send a batch came to, by the rules of OTLP/HTTP.
package enum OTLPAnswer {
    /// Unicode scalars of a receiver's words that go into a log line.
    private static let textLengthMax = 200

    /// What an answer means: 2xx is success, 429, 502, 503 and 504 ask for another attempt, all else is final.
    package static func result(_ response: HTTPResponseMessage) -> ExportResult {
        switch response.status {
        case 200..<300: return success(response)
        case 429, 502, 503, 504:
            return .retryable(
                reason(response), after: response.header("Retry-After").flatMap { RetryAfter.parse($0) })
        default: return .failure(reason(response))
        }
    }

    /// What it means that no answer came. A connection that was refused, broke or was too slow is worth another attempt.
    ///
    /// - Parameter endpoint: for the reason; without secrets.
    package static func result(_ error: TransportError, endpoint: String) -> ExportResult {
        switch error {
        case .timedOut(let message), .connectionFailed(let message): .retryable("\(endpoint): \(message)")
        // A receiver that restarts in the middle of a handshake looks the same as one with a wrong certificate.
        case .tls: .retryable("\(endpoint): \(error)")
        default: .failure("\(endpoint): \(error)\(hint(error))")
        }
    }

    /// What a server of HTTP/2, which gRPC is, says to a request of HTTP/1.1.
    private static func hint(_ error: TransportError) -> String {
        "\(error)".contains("HTTP/0.9") ? "; is this a port for gRPC? OTLP/HTTP is usually on 4318" : ""
    }

    /// `ExportTraceServiceResponse`: an empty one is full success. One that is something else may come from no receiver of
    /// OTLP at all; the spans count as sent, and the operator is told.
    private static func success(_ response: HTTPResponseMessage) -> ExportResult {
        let body = response.body
        guard !body.isEmpty else { return .success() }
        let type = response.header("Content-Type") ?? ""
        let answer = isJSON(response) ? try? ExportResponse(decodingJSON: body) : try? ExportResponse(decoding: body)
        guard let answer, isJSON(response) || isProtobuf(response) || type.isEmpty else {
            let what = type.isEmpty ? "of no type" : "of type \(printable(type))"
            return .success(message: "an answer \(what) that is no OTLP; is the endpoint a receiver's?")
        }
        return .success(
            rejected: Int(clamping: max(0, answer.rejectedSpans)), message: printable(answer.errorMessage))
    }

    private static func reason(_ response: HTTPResponseMessage) -> String {
        let message = statusMessage(response)
        return message.isEmpty ? "status \(response.status)" : "status \(response.status): \(message)"
    }

    /// The message of a `google.rpc.Status`, or the first line of a text body.
    private static func statusMessage(_ response: HTTPResponseMessage) -> String {
        if isProtobuf(response) {
            return (try? RPCStatus(decoding: response.body)).map { printable($0.message) } ?? ""
        }
        if isJSON(response), let status = try? RPCStatus(decodingJSON: response.body), !status.message.isEmpty {
            return printable(status.message)
        }
        return printable(String(decoding: response.body.prefix(textLengthMax), as: UTF8.self))
    }

    private static func isJSON(_ response: HTTPResponseMessage) -> Bool {
        response.header("Content-Type")?.lowercased().hasPrefix("application/json") == true
    }

    private static func isProtobuf(_ response: HTTPResponseMessage) -> Bool {
        response.header("Content-Type")?.lowercased().hasPrefix("application/x-protobuf") == true
    }

    /// The first line of a text from outside, bounded, without what a terminal would obey.
    private static func printable(_ text: String) -> String {
        let line = text.trimmingOptionalWhitespace().split(whereSeparator: \.isNewline).first ?? ""
        let (start, fullCount) = TerminalText.cut(String(line), max: textLengthMax)
        return TerminalText.escape(start) + (fullCount == nil ? "" : "…")
    }
}
