import CIsal

/// Compresses parts that come one after the other as one gzip member, ISA-L level 1, so that a large text need never be
/// there as a whole. Not to be used from two threads at once.
package struct GzipStream: ~Copyable {
    private let stream: UnsafeMutablePointer<isal_zstream>
    private let levelBuffer: UnsafeMutablePointer<UInt8>
    private var output: [UInt8] = []

    /// Room for what one call of ISA-L gives.
    private static let stepBytes = 1 << 16

    package init() {
        stream = .allocate(capacity: 1)
        levelBuffer = .allocate(capacity: gzipLevelBufferBytes)
        isal_deflate_init(stream)
        stream.pointee.gzip_flag = UInt16(IGZIP_GZIP)
        stream.pointee.level = 1
        stream.pointee.level_buf = levelBuffer
        stream.pointee.level_buf_size = UInt32(gzipLevelBufferBytes)
    }

    deinit {
        stream.deallocate()
        levelBuffer.deallocate()
    }

    /// Takes the next part.
    package mutating func append(_ bytes: [UInt8]) { step(bytes, isLast: false) }

    /// Ends the member and gives all of it. Nothing may follow.
    package mutating func finish() -> [UInt8] {
        step([], isLast: true)
        let result = output
        output = []
        return result
    }

    private mutating func step(_ bytes: [UInt8], isLast: Bool) {
        var consumed = 0
        var isFull = true
        while isLast ? stream.pointee.internal_state.state != ZSTATE_END : consumed < bytes.count || isFull {
            let start = output.count
            output.append(contentsOf: repeatElement(0, count: Self.stepBytes))
            let written = bytes.withUnsafeBytes { input in
                output.withUnsafeMutableBytes { output in
                    let left = min(input.count - consumed, Int(UInt32.max))
                    let base = input.baseAddress.map { $0 + consumed }
                    // ISA-L never writes through next_in; the C signature merely lacks const.
                    stream.pointee.next_in = UnsafeMutablePointer(mutating: base?.assumingMemoryBound(to: UInt8.self))
                    stream.pointee.avail_in = UInt32(left)
                    stream.pointee.end_of_stream = isLast && consumed + left == input.count ? 1 : 0
                    stream.pointee.next_out = output.baseAddress.map {
                        ($0 + start).assumingMemoryBound(to: UInt8.self)
                    }
                    stream.pointee.avail_out = UInt32(Self.stepBytes)
                    let result = isal_deflate(stream)
                    precondition(result == COMP_OK, "isal_deflate refused its own parameters")
                    consumed += left - Int(stream.pointee.avail_in)
                    return Self.stepBytes - Int(stream.pointee.avail_out)
                }
            }
            isFull = written == Self.stepBytes
            output.removeLast(Self.stepBytes - written)
        }
    }
}
