import CZlib

/// `bytes` as one gzip member.
///
/// - Parameter level: zlib's 1 (fast) to 9 (small). Level 1 makes OTLP about five times smaller.
/// - Throws: ``TransportError/compressionFailed(_:)`` when zlib has no memory or the input is over 4 GiB.
package func gzip(_ bytes: [UInt8], level: Int32 = 1) throws(TransportError) -> [UInt8] {
    guard UInt32(exactly: bytes.count) != nil else {
        throw .compressionFailed("\(bytes.count) bytes, expected at most \(UInt32.max)")
    }
    var stream = z_stream()
    /// 15 is the largest window; 16 on top asks for a gzip wrapper.
    let windowBits: Int32 = 15 + 16
    let opened = deflateInit2_(
        &stream, level, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size))
    guard opened == Z_OK else { throw .compressionFailed("zlib error \(opened)") }
    defer { deflateEnd(&stream) }

    var result = Z_OK
    let bound = Int(deflateBound(&stream, UInt(bytes.count)))
    let compressed = bytes.withUnsafeBufferPointer { input in
        [UInt8](unsafeUninitializedCapacity: bound) { output, count in
            // zlib never writes through next_in.
            stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            stream.avail_in = UInt32(input.count)
            stream.next_out = output.baseAddress
            stream.avail_out = UInt32(clamping: output.count)
            result = deflate(&stream, Z_FINISH)
            count = Int(clamping: stream.total_out)
        }
    }
    guard result == Z_STREAM_END else { throw .compressionFailed("zlib error \(result)") }
    return compressed
}
