import CZlib

/// The content of one gzip member of at most 64 MiB; nil when it is malformed.
package func gunzip(_ bytes: [UInt8]) -> [UInt8]? {
    var stream = z_stream()
    guard inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
    defer { inflateEnd(&stream) }
    var input = bytes
    var output: [UInt8] = []
    return input.withUnsafeMutableBufferPointer { input in
        stream.next_in = input.baseAddress
        stream.avail_in = UInt32(input.count)
        var result = Z_OK
        while result == Z_OK, output.count < 64 << 20 {
            let part = [UInt8](unsafeUninitializedCapacity: 65_536) { target, count in
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(target.count)
                result = inflate(&stream, Z_NO_FLUSH)
                count = target.count - Int(stream.avail_out)
            }
            output += part
        }
        return result == Z_STREAM_END ? output : nil
    }
}
