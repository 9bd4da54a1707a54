import CZlib
import CZstd

/// Reference encoders and decoders, none of them the ones under test.
enum Codecs {
    /// zlib's wrapper, chosen through `windowBits`.
    enum Wrapper: Int32 {
        case gzip = 31
        case zlib = 15
        case raw = -15
    }

    static func deflate(_ bytes: [UInt8], _ wrapper: Wrapper) -> [UInt8] {
        var stream = z_stream()
        let version = deflateInit2_(
            &stream, 6, Z_DEFLATED, wrapper.rawValue, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        precondition(version == Z_OK)
        defer { deflateEnd(&stream) }
        var input = bytes
        var output = [UInt8](repeating: 0, count: bytes.count + bytes.count / 100 + 128)
        let capacity = output.count
        input.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { target in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(capacity)
                precondition(CZlib.deflate(&stream, Z_FINISH) == Z_STREAM_END)
            }
        }
        return Array(output[..<Int(stream.total_out)])
    }

    static func gunzip(_ bytes: [UInt8], capacity: Int) -> [UInt8] {
        var stream = z_stream()
        precondition(
            inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK)
        defer { inflateEnd(&stream) }
        var input = bytes
        var output = [UInt8](repeating: 0, count: capacity + 1)
        input.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { target in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(target.count)
                precondition(inflate(&stream, Z_FINISH) == Z_STREAM_END)
            }
        }
        return Array(output[..<Int(stream.total_out)])
    }

    static func zstd(_ bytes: [UInt8], level: Int32 = 1) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
        let size = output.withUnsafeMutableBytes { target in
            bytes.withUnsafeBytes { ZSTD_compress(target.baseAddress, target.count, $0.baseAddress, $0.count, level) }
        }
        precondition(ZSTD_isError(size) == 0)
        return Array(output[..<size])
    }

    /// zstd without a content size in the header, with a window of 2^`windowLog` bytes.
    static func zstdStreamed(_ bytes: [UInt8], windowLog: Int32) -> [UInt8] {
        let context = ZSTD_createCCtx()
        defer { ZSTD_freeCCtx(context) }
        ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, windowLog)
        var output = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count) + 64)
        let written = output.withUnsafeMutableBytes { target in
            bytes.withUnsafeBytes { source in
                var out = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                // Two calls, so that the encoder cannot know the size when it writes the header.
                var first = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
                ZSTD_compressStream2(context, &out, &first, ZSTD_e_flush)
                var rest = ZSTD_inBuffer(src: source.baseAddress, size: 0, pos: 0)
                precondition(ZSTD_compressStream2(context, &out, &rest, ZSTD_e_end) == 0)
                return out.pos
            }
        }
        return Array(output[..<written])
    }

    /// Bytes that compress about as well as spans do, the same for the same arguments.
    static func sample(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var state = seed
        return (0..<count).map { index in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return index % 16 < 3 ? UInt8(truncatingIfNeeded: state >> 40) : UInt8(truncatingIfNeeded: index % 16)
        }
    }
}
