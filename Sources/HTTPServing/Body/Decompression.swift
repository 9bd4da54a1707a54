/// Decodes `bytes` into one array of at most `limitBytes`.
///
/// A bomb is refused as soon as its output passes the limit: the memory held is never more than the
/// limit and one growth step. Takes CPU in proportion to the output (about 1 ms per MB of gzip), so it
/// belongs on a task, not on an event loop.
///
/// - Parameter reservation: what the output is taken from before it is allocated; nil takes it from nowhere.
/// - Throws: `buffersFull`; `tooLarge` with `afterDecompression` false when identity bytes pass the limit, true for the
///   others; `corrupt` for damaged, truncated or trailing data.
package func decompress(
    _ bytes: [UInt8], encoding: ContentEncoding, limitBytes: Int = BodyLimits.maxBodyBytes,
    reservation: BufferReservation? = nil
) throws(BodyError) -> [UInt8] {
    switch encoding {
    case .identity:
        guard bytes.count <= limitBytes else { throw .tooLarge(limitBytes: limitBytes, afterDecompression: false) }
        return bytes
    case .gzip, .deflate:
        return try drain(InflateDecoder(encoding: encoding, input: bytes), limitBytes, reservation)
    case .zstd:
        return try drain(ZstdDecoder(input: bytes), limitBytes, reservation)
    }
}

/// A decoder that owns its input and writes its output piece by piece.
protocol StreamDecoder: AnyObject {
    var encoding: ContentEncoding { get }

    /// What the input says about its decoded size; a hint only, never trusted beyond the limit.
    var expectedBytes: Int { get }

    /// True once the input has ended where its format says it should.
    var isFinished: Bool { get }

    /// Decodes until `output` is full or the input has ended; returns the number of bytes written.
    func decode(into output: UnsafeMutableRawBufferPointer) throws(BodyError) -> Int
}

/// Smallest output allocation: below it growing costs more than the memory saves.
private let minOutputBytes = 4 << 10

/// How far the first allocation trusts the input: deflate cannot expand more than 1,032 times.
let maxExpansion = 1_032

private func drain(
    _ decoder: some StreamDecoder, _ limitBytes: Int, _ reservation: BufferReservation?
) throws(BodyError) -> [UInt8] {
    // One byte over the limit is enough to know that the output passes it.
    let most = min(limitBytes, Int.max - 1) + 1
    var capacity = min(most, max(minOutputBytes, decoder.expectedBytes))
    var output: [UInt8] = []
    var reserved = 0
    while true {
        if let reservation, !reservation.grow(capacity - reserved) { throw .buffersFull }
        reserved = capacity
        var failure: BodyError?
        output = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
            let raw = UnsafeMutableRawBufferPointer(buffer)
            output.withUnsafeBytes { raw.copyMemory(from: $0) }
            count = output.count
            do throws(BodyError) {
                count += try decoder.decode(into: UnsafeMutableRawBufferPointer(rebasing: raw[count..<capacity]))
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        if output.count > limitBytes { throw .tooLarge(limitBytes: limitBytes, afterDecompression: true) }
        if decoder.isFinished { return output }
        // Not finished means that the buffer is full: a decoder that lacks input throws.
        capacity = min(most, capacity * 2)
    }
}
