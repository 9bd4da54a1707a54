import CZlib
import CZstd
import CurlTransport

struct CompressionFailed: Error {}

/// A body in one of the codings that receivers take.
func compressed(_ bytes: [UInt8], _ encoding: String?) throws -> [UInt8] {
    switch encoding {
    case nil: return bytes
    case "gzip": return try gzip(bytes)
    case "deflate":
        var count = compressBound(UInt(bytes.count))
        var result = [UInt8](repeating: 0, count: Int(count))
        guard compress(&result, &count, bytes, UInt(bytes.count)) == Z_OK else { throw CompressionFailed() }
        return Array(result.prefix(Int(count)))
    case "zstd":
        var result = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
        let count = ZSTD_compress(&result, result.count, bytes, bytes.count, 1)
        guard ZSTD_isError(count) == 0 else { throw CompressionFailed() }
        return Array(result.prefix(count))
    default: throw CompressionFailed()
    }
}
