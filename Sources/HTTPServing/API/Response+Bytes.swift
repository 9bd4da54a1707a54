import HTTPTypes
import Hummingbird
import NIOCore

/// Smallest body worth compressing: under 1 KiB the gzip frame and the working memory cost more than they save.
private let minCompressedBytes = 1 << 10

extension Response {
    /// A response with a body that is already in memory.
    ///
    /// - Parameter acceptEncoding: the request's `Accept-Encoding`; where it allows gzip and the body is at
    ///   least 1 KiB, the body goes out compressed. nil sends it as it is.
    package static func bytes(
        _ body: [UInt8], contentType: String, status: HTTPResponse.Status = .ok, acceptEncoding: String? = nil
    ) -> Response {
        var headers: HTTPFields = [.contentType: contentType]
        var body = body
        if let acceptEncoding {
            headers[.vary] = "Accept-Encoding"
            if body.count >= minCompressedBytes, acceptsGzip(acceptEncoding) {
                headers[.contentEncoding] = "gzip"
                body = gzipCompress(body)
            }
        }
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}

extension Response {
    /// A response whose body is made part by part, and compressed as it is made where `acceptEncoding` allows gzip, so
    /// that the whole of it is there in its compressed form only.
    ///
    /// - Parameter make: Gives the parts to its argument, in their order; false where there is no body.
    /// - Returns: nil when there is no body.
    package static func parts(
        contentType: String, acceptEncoding: String, _ make: (_ sink: (_ part: [UInt8]) -> Void) -> Bool
    ) -> Response? {
        var headers: HTTPFields = [.contentType: contentType, .vary: "Accept-Encoding"]
        var body: [UInt8] = []
        if acceptsGzip(acceptEncoding) {
            headers[.contentEncoding] = "gzip"
            var gzip = GzipStream()
            guard make({ gzip.append($0) }) else { return nil }
            body = gzip.finish()
        } else {
            guard make({ body += $0 }) else { return nil }
        }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}

/// Whether an `Accept-Encoding` value allows gzip (RFC 9110 section 12.5.3): `gzip`, `x-gzip` or `*`, unless
/// its weight is 0. A named gzip goes before `*`.
package func acceptsGzip(_ header: String) -> Bool {
    var wildcard = false
    for item in header.lowercased().split(separator: ",") {
        let parts = item.split(separator: ";").map { $0.trimmed }
        guard let coding = parts.first else { continue }
        let isAllowed = !parts.dropFirst().contains { parameter in
            parameter.hasPrefix("q=") && parameter.dropFirst(2).allSatisfy { $0 == "0" || $0 == "." }
        }
        if coding == "gzip" || coding == "x-gzip" { return isAllowed }
        if coding == "*" { wildcard = isAllowed }
    }
    return wildcard
}

extension Substring {
    /// Without the blanks and tabs at both ends.
    fileprivate var trimmed: Substring {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        guard let first = firstIndex(where: { !isBlank($0) }), let last = lastIndex(where: { !isBlank($0) }) else {
            return ""
        }
        return self[first...last]
    }
}
