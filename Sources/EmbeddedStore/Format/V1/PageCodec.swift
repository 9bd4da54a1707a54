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

/// Compresses pages into a file's bytes. Owns its zstd context; used by one thread.
final class PageWriter {
    private(set) var bytes: [UInt8] = []
    private let context: OpaquePointer

    /// - Throws: ``FormatError`` when there is no memory for zstd's context.
    init() throws(FormatError) {
        guard let context = ZSTD_createCCtx() else { throw FormatError("no memory to compress pages") }
        self.context = context
    }

    deinit {
        ZSTD_freeCCtx(context)
    }

    func append(raw content: [UInt8]) {
        bytes.append(contentsOf: content)
    }

    /// Appends a page, compressed where that makes it smaller.
    func page(_ content: [UInt8], compress: Bool = true) throws(FormatError) -> PageReference {
        guard content.count <= BlockFormat.pageBytesMax else {
            throw FormatError("page of \(content.count) bytes, at most \(BlockFormat.pageBytesMax)")
        }
        let start = bytes.count
        if !compress || content.count < BlockFormat.compressedBytesMin || !appendCompressed(content) {
            bytes.append(contentsOf: content)
        }
        return PageReference(
            offset: UInt64(start), storedBytes: UInt32(bytes.count - start), rawBytes: UInt32(content.count),
            checksum: Checksum.crc32c(bytes[start...]))
    }

    /// False, with nothing appended, when compression does not make the content smaller.
    private func appendCompressed(_ content: [UInt8]) -> Bool {
        let compressed = [UInt8](unsafeUninitializedCapacity: content.count) { target, count in
            let result = content.withUnsafeBytes { source in
                ZSTD_compressCCtx(
                    context, target.baseAddress, target.count, source.baseAddress, source.count,
                    BlockFormat.compressionLevel)
            }
            count = ZSTD_isError(result) != 0 ? 0 : result
        }
        guard !compressed.isEmpty, compressed.count < content.count else { return false }
        bytes.append(contentsOf: compressed)
        return true
    }
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
