import CChecksum
import CZstd

/// Takes block files apart and puts them together with checksums that match, by what docs/formats/block-v1.md says.
enum BlockSurgery {
    private static let trailerBytes = 36

    private static func number(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> Int {
        (0..<count).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
    }

    private static func littleEndian(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private static func checksum(_ bytes: [UInt8]) -> [UInt8] {
        littleEndian(Int(bytes.withUnsafeBytes { skein_crc32c(0, $0.baseAddress, $0.count) }), 4)
    }

    /// The footer before compression.
    static func footer(of block: [UInt8]) throws -> [UInt8] {
        let trailer = block.count - trailerBytes
        let offset = number(block, trailer, 8)
        let stored = Array(block[offset..<offset + number(block, trailer + 8, 4)])
        let rawBytes = number(block, trailer + 12, 4)
        guard stored.count != rawBytes else { return stored }
        return [UInt8](unsafeUninitializedCapacity: rawBytes) { target, count in
            count = stored.withUnsafeBytes {
                ZSTD_decompress(target.baseAddress, target.count, $0.baseAddress, $0.count)
            }
        }
    }

    /// The block with another footer, not compressed.
    static func replacingFooter(of block: [UInt8], with footer: [UInt8]) -> [UInt8] {
        let offset = number(block, block.count - trailerBytes, 8)
        let sizes = littleEndian(footer.count, 4)
        let trailer = littleEndian(offset, 8) + sizes + sizes + checksum(footer) + littleEndian(1, 4)
        return block[..<offset] + footer + trailer + checksum(trailer) + Array("SKEINBLK".utf8)
    }

    /// A manifest of one block with another length of its file.
    static func manifest(_ manifest: [UInt8], fileBytes: Int) -> [UInt8] {
        var content = Array(manifest[20...])
        // Position (8), next number (8), count (1), the block's number (8), then the length of its file.
        content.replaceSubrange(25..<33, with: littleEndian(fileBytes, 8))
        let header = manifest[..<12] + checksum(content)
        return header + checksum(Array(header)) + content
    }
}
