import Hummingbird
import NIOCore

extension Request {
    /// Reads the whole body into one array and undoes its `Content-Encoding`.
    ///
    /// Uncompressed bytes are copied once, from the network buffer into the result. Call it once for a request.
    ///
    /// - Parameter limitBytes: the most bytes accepted, on the wire and again after decompression.
    /// - Throws: `BodyError`; after `tooLarge` answer 413 and the listener closes the connection, so that the
    ///   rest of the body need not be read.
    package func collectBytes(limitBytes: Int = BodyLimits.maxBodyBytes) async throws(BodyError) -> [UInt8] {
        let encoding = try ContentEncoding(header: headers[.contentEncoding])
        let length = headers[.contentLength].flatMap { Int($0) }
        let wire = try await HTTPServing.collectBytes(body, contentLength: length, limitBytes: limitBytes)
        // An empty body is empty in every coding.
        if encoding == .identity || wire.isEmpty { return wire }
        return try decompress(wire, encoding: encoding, limitBytes: limitBytes)
    }
}

/// Gathers the buffers of `body` into one array of at most `limitBytes`.
///
/// - Parameter contentLength: what the header says; fewer bytes than this mean that the peer went away.
package func collectBytes(
    _ body: RequestBody, contentLength: Int?, limitBytes: Int
) async throws(BodyError) -> [UInt8] {
    if let contentLength, contentLength > limitBytes {
        throw .tooLarge(limitBytes: limitBytes, afterDecompression: false)
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(min(max(contentLength ?? 0, 0), BodyLimits.maxTrustedLengthBytes))
    var iterator = body.makeAsyncIterator()
    while let buffer = try await next(&iterator) {
        guard buffer.readableBytes <= limitBytes - bytes.count else {
            throw .tooLarge(limitBytes: limitBytes, afterDecompression: false)
        }
        append(buffer, to: &bytes, limitBytes: limitBytes)
    }
    if let contentLength, bytes.count < contentLength { throw .disconnected }
    return bytes
}

/// Every error of the body sequence means that the connection has failed.
private func next(_ iterator: inout RequestBody.AsyncIterator) async throws(BodyError) -> ByteBuffer? {
    do {
        return try await iterator.next()
    } catch {
        throw .disconnected
    }
}

/// Appends with one copy; grows by doubling, but never past the limit.
func append(_ buffer: ByteBuffer, to bytes: inout [UInt8], limitBytes: Int) {
    let needed = bytes.count + buffer.readableBytes
    if needed > bytes.capacity {
        bytes.reserveCapacity(max(needed, min(bytes.capacity * 2, limitBytes)))
    }
    buffer.withUnsafeReadableBytes { bytes.append(contentsOf: $0) }
}
