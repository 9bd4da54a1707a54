import CZstd

/// Compresses pages into a file's bytes. Owns its zstd context; used by one thread.
struct PageWriter: ~Copyable {
    /// The file so far.
    private(set) var bytes: Room<UInt8>
    /// The page being made; what it holds is gone with the next one.
    var page = Room<UInt8>(capacity: 64 << 10)
    private let context: OpaquePointer

    /// Values of a page of numbers from which each plane of bytes gets a zstd block of its own, with statistics of its
    /// own: for fewer the heads of the blocks cost more than that saves.
    private static let blockPlaneValuesMin = 1024

    /// `room`: bytes that the file will probably take.
    /// - Throws: ``FormatError`` when there is no memory for zstd's context.
    init(room: Int) throws(FormatError) {
        bytes = Room(capacity: room)
        guard let context = ZSTD_createCCtx() else { throw FormatError("no memory to compress pages") }
        self.context = context
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, BlockFormat.compressionLevel)
    }

    deinit { ZSTD_freeCCtx(context) }

    mutating func append(raw content: [UInt8]) { bytes.append(content) }

    /// Appends a page, compressed where that makes it smaller.
    mutating func write(_ content: [UInt8], compress: Bool = true) throws(FormatError) -> PageReference {
        page.removeAll()
        page.append(content)
        return try writePage(compress: compress)
    }

    /// Appends ``page``, compressed where that makes it smaller.
    mutating func writePage(compress: Bool = true) throws(FormatError) -> PageReference {
        try write(page.rawBuffer, compress: compress) { writer, target in
            ZSTD_compress2(
                writer.context, target.baseAddress, target.count, writer.page.base, writer.page.count)
        }
    }

    /// Appends ``page``, which has so many planes of `values` bytes at its end.
    mutating func writePage(planes: Int, values: Int) throws(FormatError) -> PageReference {
        guard planes > 1, values >= Self.blockPlaneValuesMin else { return try writePage() }
        return try write(page.rawBuffer, compress: true) { writer, target in
            writer.compress(planes: planes, values: values, into: target)
        }
    }

    /// Appends bytes that are no page of their own making, such as ids.
    mutating func write(raw content: UnsafeRawBufferPointer) throws(FormatError) -> PageReference {
        try write(content, compress: false) { _, _ in 0 }
    }

    /// `compressed`: writes the page and returns its bytes, or an error of zstd.
    private mutating func write(
        _ content: UnsafeRawBufferPointer, compress: Bool,
        _ compressed: (borrowing PageWriter, UnsafeMutableRawBufferPointer) -> Int
    ) throws(FormatError) -> PageReference {
        guard content.count <= BlockFormat.pageBytesMax else {
            throw FormatError("page of \(content.count) bytes, at most \(BlockFormat.pageBytesMax)")
        }
        let start = bytes.count
        let bound = max(ZSTD_compressBound(content.count), content.count)
        let target = UnsafeMutableRawBufferPointer(start: bytes.reserve(bound), count: bound)
        var count = content.count
        if compress, content.count >= BlockFormat.compressedBytesMin {
            let result = compressed(self, target)
            if ZSTD_isError(result) == 0, result < content.count { count = result }
        }
        if count == content.count, count > 0 { target.copyMemory(from: content) }
        let checksum = Checksum.crc32c(UnsafeRawBufferPointer(rebasing: target[..<count]))
        bytes.take(count)
        return PageReference(
            offset: UInt64(start), storedBytes: UInt32(count), rawBytes: UInt32(content.count), checksum: checksum)
    }

    /// One zstd frame with a block for what comes before the second plane, and one for each plane after it.
    private func compress(planes: Int, values: Int, into target: UnsafeMutableRawBufferPointer) -> Int {
        ZSTD_CCtx_reset(context, ZSTD_reset_session_only)
        ZSTD_CCtx_setPledgedSrcSize(context, UInt64(page.count))
        var output = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
        var end = page.count - (planes - 1) * values
        var input = ZSTD_inBuffer(src: page.base, size: end, pos: 0)
        while true {
            let left = ZSTD_compressStream2(
                context, &output, &input, end == page.count ? ZSTD_e_end : ZSTD_e_flush)
            // More than the bound of one block for all: what is left then is no use.
            guard ZSTD_isError(left) == 0, left == 0 else { return page.count }
            if end == page.count { return output.pos }
            end += values
            input.size = end
        }
    }
}
