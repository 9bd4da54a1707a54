/// Why a request got no response. Messages are libcurl's own words where it has any.
package enum TransportError: Error, Sendable, Equatable {
    /// The connect or the total timeout passed.
    case timedOut(String)
    /// No connection, or one that broke before the response was complete.
    case connectionFailed(String)
    /// The TLS handshake, a certificate or a key failed.
    case tls(String)
    /// The response body went over the configured cap, which is given in bytes.
    case responseTooLarge(limitBytes: Int)
    /// The URL or a header cannot be sent.
    case invalidRequest(String)
    /// The request body could not be compressed.
    case compressionFailed(String)
    /// The caller's task was cancelled, or the caller cancelled the transfer.
    case cancelled
    /// The transport was shut down before the response arrived.
    case shutDown
    /// Anything else: libcurl's code and message.
    case failed(code: Int, message: String)
}

extension TransportError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .timedOut(let message): "timed out: \(message)"
        case .connectionFailed(let message): "connection failed: \(message)"
        case .tls(let message): "tls: \(message)"
        case .responseTooLarge(let limit): "response larger than \(limit) bytes"
        case .invalidRequest(let message): "invalid request: \(message)"
        case .compressionFailed(let message): "compression failed: \(message)"
        case .cancelled: "cancelled"
        case .shutDown: "transport is shut down"
        case .failed(let code, let message): "curl error \(code): \(message)"
        }
    }
}
