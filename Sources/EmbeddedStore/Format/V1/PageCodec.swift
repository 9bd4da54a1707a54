import CChecksum
import CZstd

enum Checksum {
    static func crc32c(_ bytes: UnsafeRawBufferPointer) -> UInt32 { skein_crc32c(0, bytes.baseAddress, bytes.count) }

    static func crc32c(_ bytes: some ContiguousBytesLike) -> UInt32 { bytes.withRawBytes { crc32c($0) } }
}

/// Arrays and slices whose bytes lie together.
protocol ContiguousBytesLike {
    func withRawBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result
}

extension Array: ContiguousBytesLike where Element == UInt8 {
    func withRawBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result { withUnsafeBytes { body($0) } }
}

extension ArraySlice: ContiguousBytesLike where Element == UInt8 {
    func withRawBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result { withUnsafeBytes { body($0) } }
}

enum PageReader {
    /// The content of a page from its bytes in the file.
    static func content(_ stored: [UInt8], _ page: PageReference) throws(FormatError) -> [UInt8] {
        guard stored.count == Int(page.storedBytes) else {
            throw FormatError("page at byte \(page.offset) has \(stored.count) of its \(page.storedBytes) bytes")
        }
        guard Checksum.crc32c(stored) == page.checksum else {
            throw FormatError("page at byte \(page.offset) does not match its checksum")
        }
        if page.storedBytes == page.rawBytes { return stored }
        return try decompress(stored, rawBytes: Int(page.rawBytes), at: page.offset)
    }

    static func decompress(_ stored: [UInt8], rawBytes: Int, at offset: UInt64) throws(FormatError) -> [UInt8] {
        let declared = stored.withUnsafeBytes { ZSTD_getFrameContentSize($0.baseAddress, $0.count) }
        guard rawBytes <= BlockFormat.pageBytesMax, declared == UInt64(rawBytes) else {
            throw FormatError("page at byte \(offset) is no zstd frame of \(rawBytes) bytes")
        }
        let content = [UInt8](unsafeUninitializedCapacity: rawBytes) { target, count in
            let result = stored.withUnsafeBytes { source in
                ZSTD_decompress(target.baseAddress, target.count, source.baseAddress, source.count)
            }
            count = ZSTD_isError(result) != 0 ? 0 : result
        }
        guard content.count == rawBytes else { throw FormatError("page at byte \(offset) cannot be decompressed") }
        return content
    }
}
