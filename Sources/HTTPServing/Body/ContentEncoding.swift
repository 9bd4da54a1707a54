/// The content codings a request body or a gRPC message may arrive in (RFC 9110 section 8.4.1, RFC 8878).
package enum ContentEncoding: String, Sendable, CaseIterable {
    case identity
    case gzip
    /// zlib-wrapped as the RFC says; bare deflate is recognised and accepted too, as many clients send it.
    case deflate
    case zstd

    /// Reads a `Content-Encoding` or `grpc-encoding` value; nil and the empty string mean identity.
    ///
    /// - Throws: `BodyError.unsupportedEncoding` for an unknown name and for a list of several codings.
    package init(header: String?) throws(BodyError) {
        guard let header, !header.isEmpty else {
            self = .identity
            return
        }
        switch header.lowercased() {
        case "identity": self = .identity
        case "gzip", "x-gzip": self = .gzip
        case "deflate": self = .deflate
        case "zstd": self = .zstd
        default: throw .unsupportedEncoding(header)
        }
    }
}
