/// The frame of a block file: header, footer and trailer around the pages.
enum BlockFrame {
    /// The first bytes of every block.
    static let header: [UInt8] = {
        var writer = ByteWriter(bytes: BlockFormat.magic)
        writer.fixed(BlockFormat.version)
        writer.fixed(Checksum.crc32c(writer.bytes))
        return writer.bytes
    }()

    /// The last bytes of a block whose footer is this page.
    static func trailer(footer: PageReference) -> [UInt8] {
        var writer = ByteWriter()
        writer.fixed(footer.offset)
        writer.fixed(footer.storedBytes)
        writer.fixed(footer.rawBytes)
        writer.fixed(footer.checksum)
        writer.fixed(BlockFormat.version)
        writer.fixed(Checksum.crc32c(writer.bytes))
        writer.bytes.append(contentsOf: BlockFormat.magic)
        return writer.bytes
    }

    /// The format version that a header states.
    static func version(header: [UInt8]) throws(FormatError) -> UInt32 {
        guard header.count == BlockFormat.headerBytes, header.starts(with: BlockFormat.magic) else {
            throw FormatError("does not begin as a block file")
        }
        var reader = ByteReader(Array(header.dropFirst(BlockFormat.magic.count)))
        let version = try reader.fixed(UInt32.self)
        guard try reader.fixed(UInt32.self) == Checksum.crc32c(header.prefix(12)) else {
            throw FormatError("the header does not match its checksum")
        }
        return version
    }

    /// Where the footer is, from the last bytes of a file of `fileBytes`.
    static func footer(trailer: [UInt8], fileBytes: UInt64) throws(FormatError) -> PageReference {
        guard trailer.count == BlockFormat.trailerBytes, trailer.suffix(8).elementsEqual(BlockFormat.magic) else {
            throw FormatError("does not end as a block file")
        }
        var reader = ByteReader(trailer)
        let footer = PageReference(
            offset: try reader.fixed(UInt64.self), storedBytes: try reader.fixed(UInt32.self),
            rawBytes: try reader.fixed(UInt32.self), checksum: try reader.fixed(UInt32.self))
        _ = try reader.fixed(UInt32.self)
        guard try reader.fixed(UInt32.self) == Checksum.crc32c(trailer.prefix(24)) else {
            throw FormatError("the trailer does not match its checksum")
        }
        guard footer.offset <= fileBytes, UInt64(footer.storedBytes) <= fileBytes - footer.offset,
            footer.rawBytes <= BlockFormat.footerBytesMax
        else { throw FormatError("the footer does not lie in the file") }
        return footer
    }
}
