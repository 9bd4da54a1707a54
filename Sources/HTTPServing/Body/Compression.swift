import CIsal

/// Working memory of ISA-L's level 1, its "large" size: 64 Ki tokens a block. Larger ones compress no better
/// on span data, smaller ones cost ratio.
let gzipLevelBufferBytes = (4 << 10) + 2 * (8 << 10) + 4 * (64 << 10)

/// Compresses `bytes` as one gzip member, ISA-L level 1 (about 1 ms per MB).
///
/// Complexity: linear; holds the input, the output and 365 KB of working memory.
package func gzipCompress(_ bytes: [UInt8]) -> [UInt8] {
    let stream = UnsafeMutablePointer<isal_zstream>.allocate(capacity: 1)
    let levelBuffer = UnsafeMutablePointer<UInt8>.allocate(capacity: gzipLevelBufferBytes)
    defer {
        stream.deallocate()
        levelBuffer.deallocate()
    }
    isal_deflate_init(stream)
    stream.pointee.gzip_flag = UInt16(IGZIP_GZIP)
    stream.pointee.level = 1
    stream.pointee.level_buf = levelBuffer
    stream.pointee.level_buf_size = UInt32(gzipLevelBufferBytes)

    var output: [UInt8] = []
    var consumed = 0
    // A quarter of the input holds most text; the loop below doubles it for the rest.
    var capacity = max(512, bytes.count / 4)
    repeat {
        output = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
            let raw = UnsafeMutableRawBufferPointer(buffer)
            output.withUnsafeBytes { raw.copyMemory(from: $0) }
            count = output.count
            count += deflateStep(
                stream, bytes, &consumed, into: UnsafeMutableRawBufferPointer(rebasing: raw[count..<capacity]))
        }
        capacity *= 2
    } while stream.pointee.internal_state.state != ZSTATE_END
    return output
}

/// Feeds what is left of `bytes` until `output` is full or the stream has ended; returns the bytes written.
private func deflateStep(
    _ stream: UnsafeMutablePointer<isal_zstream>, _ bytes: [UInt8], _ consumed: inout Int,
    into output: UnsafeMutableRawBufferPointer
) -> Int {
    bytes.withUnsafeBytes { input in
        var written = 0
        while written < output.count, stream.pointee.internal_state.state != ZSTATE_END {
            let left = min(input.count - consumed, Int(UInt32.max))
            let room = min(output.count - written, Int(UInt32.max))
            let start = input.baseAddress.map { $0 + consumed }
            // ISA-L never writes through next_in; the C signature merely lacks const.
            stream.pointee.next_in = UnsafeMutablePointer(mutating: start?.assumingMemoryBound(to: UInt8.self))
            stream.pointee.avail_in = UInt32(left)
            stream.pointee.end_of_stream = consumed + left == input.count ? 1 : 0
            stream.pointee.next_out = output.baseAddress.map { ($0 + written).assumingMemoryBound(to: UInt8.self) }
            stream.pointee.avail_out = UInt32(room)
            let result = isal_deflate(stream)
            precondition(result == COMP_OK, "isal_deflate refused its own parameters")
            consumed += left - Int(stream.pointee.avail_in)
            written += room - Int(stream.pointee.avail_out)
        }
        return written
    }
}
