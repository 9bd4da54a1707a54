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
        let whole = block[..<offset] + footer + [UInt8](repeating: 0, count: trailerBytes)
        return claiming(whole, footerAt: offset, storedBytes: footer.count, rawBytes: footer.count, checksum(footer))
    }

    /// The block with a trailer that says where its footer is, and how large.
    static func claiming(
        _ block: [UInt8], footerAt offset: Int, storedBytes: Int, rawBytes: Int, _ checksum: [UInt8] = [0, 0, 0, 0]
    ) -> [UInt8] {
        let sizes = littleEndian(storedBytes, 4) + littleEndian(rawBytes, 4)
        let trailer = littleEndian(offset, 8) + sizes + checksum + littleEndian(1, 4)
        return Array(block.dropLast(trailerBytes)) + trailer + Self.checksum(trailer) + Array("SKEINBLK".utf8)
    }

    /// A page as a footer names it; its checksum is that of the block's bytes there, as far as there are any.
    static func page(in block: [UInt8], at offset: Int, storedBytes: Int, rawBytes: Int) -> [UInt8] {
        let stored = offset < 0 || offset >= block.count ? [] : Array(block[offset...].prefix(storedBytes))
        return varint(offset) + varint(storedBytes) + varint(rawBytes) + checksum(stored)
    }

    static func varint(_ value: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = UInt64(bitPattern: Int64(value))
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(truncatingIfNeeded: rest)]
    }

    /// Where in a footer the page of scopes is named.
    static func scopesPage(in footer: [UInt8]) -> Range<Int> {
        var offset = 0
        func varint() -> Int {
            var value = 0
            var shift = 0
            while true {
                let byte = footer[offset]
                offset += 1
                value |= Int(byte & 0x7F) << shift
                if byte < 0x80 { return value }
                shift += 7
            }
        }
        offset += varint()
        _ = (varint(), varint())
        offset += 48
        _ = varint()
        for _ in 0..<varint() { offset += varint() }
        let start = offset
        _ = (varint(), varint(), varint())
        return start..<offset + 4
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
