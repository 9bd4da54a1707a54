import Hummingbird
import NIOCore

extension Request {
    /// Reads the whole body into one array and undoes its `Content-Encoding`.
    ///
    /// Copies of a byte from here to the journal's file: the kernel's into the receive buffer, ``append(_:to:limitBytes:)``
    /// from there into the array; then, for a compressed body, the decoder's output into a second array. The index, the
    /// live tail and the journal's record all point into that array; writing the record is the kernel's copy again.
    /// Call it once for a request.
    ///
    /// - Parameters:
    ///   - limitBytes: the most bytes accepted, on the wire and again after decompression.
    ///   - reservation: what the bytes are taken from while they arrive and while they are decompressed; hold on to it
    ///     for as long as to the bytes. nil takes them from nowhere.
    ///   - timeout: how long the body may take.
    /// - Throws: `BodyError`; after `tooLarge`, `tooSlow` and `buffersFull` the rest of the body need not be read if the
    ///   answer says `Connection: close`.
    package func collectBytes(
        limitBytes: Int = BodyLimits.maxBodyBytes, reservation: BufferReservation? = nil,
        timeout: Duration = BodyLimits.readTimeout
    ) async throws(BodyError) -> [UInt8] {
        let encoding = try ContentEncoding(header: headers[.contentEncoding])
        let length = headers[.contentLength].flatMap { Int($0) }
        let wire = try await HTTPServing.collectBytes(
            body, contentLength: length, limitBytes: limitBytes, reservation: reservation, timeout: timeout)
        // An empty body is empty in every coding.
        if encoding == .identity || wire.isEmpty { return wire }
        return try decompress(wire, encoding: encoding, limitBytes: limitBytes, reservation: reservation)
    }
}

/// Gathers the buffers of `body` into one array of at most `limitBytes`.
///
/// - Parameter contentLength: what the header says; fewer bytes than this mean that the peer went away.
func collectBytes(
    _ body: RequestBody, contentLength: Int?, limitBytes: Int, reservation: BufferReservation?, timeout: Duration
) async throws(BodyError) -> [UInt8] {
    if let contentLength, contentLength > limitBytes {
        throw .tooLarge(limitBytes: limitBytes, afterDecompression: false)
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(min(max(contentLength ?? 0, 0), BodyLimits.maxTrustedLengthBytes))
    let deadline = ContinuousClock.now + timeout
    var iterator = body.makeAsyncIterator()
    while let buffer = try await next(&iterator) {
        guard buffer.readableBytes <= limitBytes - bytes.count else {
            throw .tooLarge(limitBytes: limitBytes, afterDecompression: false)
        }
        if let reservation, !reservation.grow(buffer.readableBytes) { throw .buffersFull }
        append(buffer, to: &bytes, limitBytes: contentLength ?? limitBytes)
        if bytes.count < contentLength ?? .max, .now > deadline { throw .tooSlow(limit: timeout) }
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
