import CZstd

/// zstd through libzstd's streaming interface; several frames may follow one another.
final class ZstdDecoder: StreamDecoder {
    /// Base-2 logarithm of the largest window accepted: 8 MiB, what RFC 8878 section 3.1.1.1.2 asks every
    /// decoder to take. A frame that wants more is refused as corrupt.
    static let maxWindowLog: Int32 = 23

    let encoding = ContentEncoding.zstd
    private(set) var isFinished = false
    private let input: [UInt8]
    private let context: OpaquePointer?
    private var consumed = 0

    init(input: [UInt8]) {
        self.input = input
        context = ZSTD_createDCtx()
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Self.maxWindowLog)
    }

    deinit { ZSTD_freeDCtx(context) }

    /// The frame header usually tells the content size; the two error codes are the largest values.
    var expectedBytes: Int {
        let size = input.withUnsafeBytes { ZSTD_getFrameContentSize($0.baseAddress, $0.count) }
        return size < UInt64(Int32.max) ? Int(size) &+ 1 : input.count &* 6
    }

    func decode(into output: UnsafeMutableRawBufferPointer) throws(BodyError) -> Int {
        guard context != nil else { throw .corrupt(encoding: .zstd, reason: "out of memory for the decoder") }
        guard !input.isEmpty else { throw .corrupt(encoding: .zstd, reason: "no data") }
        var written = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        while !isFinished, written.pos < written.size {
            let before = (consumed, written.pos)
            let result = input.withUnsafeBytes { bytes in
                var source = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: consumed)
                let result = ZSTD_decompressStream(context, &written, &source)
                consumed = source.pos
                return result
            }
            if ZSTD_isError(result) != 0 {
                throw .corrupt(encoding: .zstd, reason: String(cString: ZSTD_getErrorName(result)).lowercased())
            }
            // Zero: a frame has ended and all of it is written.
            if result == 0, consumed == input.count {
                isFinished = true
            } else if before == (consumed, written.pos) {
                throw .corrupt(encoding: .zstd, reason: "data ends early")
            }
        }
        return written.pos
    }
}
