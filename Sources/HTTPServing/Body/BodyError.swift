/// Why a request body could not be turned into bytes.
package enum BodyError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The body passes the limit, on the wire or once decompressed (status 413).
    case tooLarge(limitBytes: Int, afterDecompression: Bool)
    /// A content coding nobody here speaks (status 415).
    case unsupportedEncoding(String)
    /// The compressed data does not decode (status 400).
    case corrupt(encoding: ContentEncoding, reason: String)
    /// The peer went away before the body was complete; there is nobody left to answer.
    case disconnected
    /// The body came so slowly that it was given up (status 408).
    case tooSlow(limit: Duration)
    /// All requests under way together hold as much as they may; the same body may fit later (status 503).
    case buffersFull

    package var description: String {
        switch self {
        case .tooLarge(let limit, false): "body is over the limit of \(limit) bytes"
        case .tooLarge(let limit, true): "body is over the limit of \(limit) bytes after decompression"
        case .unsupportedEncoding(let name):
            "content encoding \"\(name)\" is not supported, expected identity, gzip, deflate or zstd"
        case .corrupt(let encoding, let reason): "\(encoding.rawValue) body is corrupt: \(reason)"
        case .disconnected: "the client disconnected before the body was complete"
        case .tooSlow(let limit): "the body was not complete after \(limit.components.seconds) s"
        case .buffersFull: "the buffers for requests under way are full"
        }
    }
}
