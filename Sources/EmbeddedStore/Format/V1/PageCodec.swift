import CChecksum
import CZstd
import TraceStorage

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

/// Reads pages into memory that is used again for the next page. Owns its zstd context; used by one thread.
final class PageReader {
    private var stored: [UInt8] = []
    private var content: [UInt8] = []
    /// Made for the first page that is compressed, and kept: making one costs more than most pages.
    private var decompressor: OpaquePointer?

    init() {}

    deinit {
        ZSTD_freeDCtx(decompressor)
    }

    /// Buffers above this many bytes are given back after use: few pages are so large.
    private static let keptBytesMax = 4 << 20

    /// Bytes of memory that it keeps.
    var memoryBytes: Int { stored.capacity + content.capacity }

    /// Hands the content of a page to `body`, which must not keep it.
    func withContent<Result>(
        _ page: PageReference, in file: StoreFile, _ body: (UnsafeRawBufferPointer) throws(FormatError) -> Result
    ) throws(PageError) -> Result {
        defer { shrink() }
        try read(page, in: file)
        do throws(FormatError) {
            let isCompressed = page.storedBytes != page.rawBytes
            if isCompressed { try decompress(page) }
            return try Self.borrow(isCompressed ? content : stored, Int(page.rawBytes), body)
        } catch { throw .format(error) }
    }

    /// The content of a page.
    func content(_ page: PageReference, in file: StoreFile) throws(PageError) -> [UInt8] {
        try withContent(page, in: file) { bytes throws(FormatError) in Array(bytes) }
    }

    private static func borrow<Result>(
        _ bytes: [UInt8], _ count: Int, _ body: (UnsafeRawBufferPointer) throws(FormatError) -> Result
    ) throws(FormatError) -> Result {
        try bytes.withUnsafeBufferPointer { buffer throws(FormatError) in
            try body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]))
        }
    }

    private func read(_ page: PageReference, in file: StoreFile) throws(PageError) {
        let wanted = Int(page.storedBytes)
        guard page.offset <= file.bytes, UInt64(wanted) <= file.bytes - page.offset else {
            throw .format(FormatError("page at byte \(page.offset) does not lie in the file"))
        }
        if stored.count < wanted { stored = Array(repeating: 0, count: Swift.max(wanted, 64 << 10)) }
        let count: Int
        let checksum: UInt32
        do throws(StorageError) {
            count = try stored.withUnsafeMutableBufferPointer { buffer throws(StorageError) in
                let target = UnsafeMutableRawBufferPointer(buffer)[..<wanted]
                return try file.read(into: UnsafeMutableRawBufferPointer(rebasing: target), at: page.offset)
            }
            checksum = stored.withUnsafeBytes { Checksum.crc32c(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        } catch { throw .storage(error) }
        guard count == wanted else {
            throw .format(FormatError("page at byte \(page.offset) has \(count) of its \(wanted) bytes"))
        }
        guard checksum == page.checksum else {
            throw .format(FormatError("page at byte \(page.offset) does not match its checksum"))
        }
    }

    private func decompress(_ page: PageReference) throws(FormatError) {
        let raw = Int(page.rawBytes)
        let count = Int(page.storedBytes)
        let declared = stored.withUnsafeBytes { ZSTD_getFrameContentSize($0.baseAddress, count) }
        guard raw <= BlockFormat.pageBytesMax, declared == UInt64(raw) else {
            throw FormatError("page at byte \(page.offset) is no zstd frame of \(raw) bytes")
        }
        if decompressor == nil { decompressor = ZSTD_createDCtx() }
        guard let decompressor else { throw FormatError("no memory to decompress pages") }
        if content.count < raw { content = Array(repeating: 0, count: Swift.max(raw, 64 << 10)) }
        let result = content.withUnsafeMutableBytes { target in
            stored.withUnsafeBytes { source in
                ZSTD_decompressDCtx(decompressor, target.baseAddress, raw, source.baseAddress, count)
            }
        }
        guard ZSTD_isError(result) == 0, result == raw else {
            throw FormatError("page at byte \(page.offset) cannot be decompressed")
        }
    }

    private func shrink() {
        if stored.count > Self.keptBytesMax { stored = [] }
        if content.count > Self.keptBytesMax { content = [] }
    }
}

/// Why a page could not be read.
enum PageError: Error {
    /// Its bytes do not check.
    case format(FormatError)
    /// The file could not be read.
    case storage(StorageError)
}
