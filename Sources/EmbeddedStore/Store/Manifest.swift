import OTLP
import TraceStorage

/// What the manifest says about one block, so that most blocks need not be opened to know that they do not matter.
struct BlockEntry: Hashable, Sendable {
    var number: UInt64
    var fileBytes: UInt64
    var spans: UInt64
    var startMin: UInt64
    var startMax: UInt64
    var receivedMin: UInt64
    var receivedMax: UInt64
    var isOutOfRange: Bool
    var tenant: TenantID

    var key: BlockKey { BlockKey(tenant: tenant, isOutOfRange: isOutOfRange) }

    /// The name of the block's file.
    var name: String { Self.prefix + String(number) + Self.suffix }

    static let prefix = "block-"
    static let suffix = ".skb"

    /// The number in a block file's name; nil for other names.
    static func number(name: String) -> UInt64? {
        guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { return nil }
        return UInt64(name.dropFirst(prefix.count).dropLast(suffix.count))
    }
}

/// What all spans of a block have in common: those that differ in it are sealed apart and never joined.
struct BlockKey: Hashable {
    let tenant: TenantID
    let isOutOfRange: Bool
}

/// The list of a store's blocks and the journal position that they cover: the one file whose renaming makes a seal, a
/// merge or a deletion happen.
struct Manifest: Hashable, Sendable {
    static let magic: [UInt8] = Array("SKEINMAN".utf8)
    static let version: UInt32 = 1
    static let fileName = "manifest"
    static let temporaryName = "manifest.new"

    /// Blocks that a manifest may name; some 1,000 times what default retention keeps at full size.
    private static let blocksMax = 8_000_000

    var position = JournalPosition.beginning
    /// The number of the next block; numbers are never used twice.
    var nextNumber: UInt64 = 1
    /// In the order in which they were sealed.
    var blocks: [BlockEntry] = []
    /// Retention has deleted spans, so that answers about the time before the oldest are not complete.
    var hasDeleted = false

    /// Why a manifest's bytes are not taken.
    enum ReadError: Error, Hashable {
        case corrupt(reason: String)
        case futureVersion(UInt32)
    }

    /// Magic (8), version (4), CRC32C of the rest (4), CRC32C of these 16 (4), then the content.
    func encoded() -> [UInt8] {
        var content = ByteWriter()
        content.fixed(position.rawValue)
        content.fixed(nextNumber)
        content.varint(blocks.count)
        for block in blocks { block.encode(to: &content) }
        content.varint(hasDeleted ? 1 : 0)
        var writer = ByteWriter(bytes: Self.magic)
        writer.fixed(Self.version)
        writer.fixed(Checksum.crc32c(content.bytes))
        writer.fixed(Checksum.crc32c(writer.bytes))
        writer.bytes += content.bytes
        return writer.bytes
    }

    init(
        position: JournalPosition = .beginning, nextNumber: UInt64 = 1, blocks: [BlockEntry] = [],
        hasDeleted: Bool = false
    ) {
        self.position = position
        self.nextNumber = nextNumber
        self.blocks = blocks
        self.hasDeleted = hasDeleted
    }

    init(decoding bytes: [UInt8]) throws(ReadError) {
        guard bytes.count >= 20, bytes.starts(with: Self.magic) else {
            throw .corrupt(reason: "does not begin as a manifest")
        }
        do throws(FormatError) {
            var header = ByteReader(Array(bytes[8..<20]))
            let version = try header.fixed(UInt32.self)
            let checksum = try header.fixed(UInt32.self)
            guard try header.fixed(UInt32.self) == Checksum.crc32c(bytes[..<16]) else {
                throw FormatError("the header does not match its checksum")
            }
            guard version == Self.version else { throw FormatError("version \(version)") }
            guard checksum == Checksum.crc32c(bytes[20...]) else { throw FormatError("does not match its checksum") }
            var reader = ByteReader(Array(bytes[20...]))
            position = JournalPosition(try reader.fixed(UInt64.self))
            nextNumber = try reader.fixed(UInt64.self)
            for _ in 0..<(try reader.count(max: min(reader.bytesLeft, Self.blocksMax))) {
                blocks.append(try BlockEntry(&reader))
            }
            hasDeleted = try reader.count(max: 1) == 1
        } catch {
            if let future = Self.futureVersion(bytes) { throw .futureVersion(future) }
            throw .corrupt(reason: error.reason)
        }
    }

    /// A version above ours in a header that matches its checksum.
    private static func futureVersion(_ bytes: [UInt8]) -> UInt32? {
        var reader = ByteReader(Array(bytes[8..<20]))
        guard let version = try? reader.fixed(UInt32.self), (try? reader.fixed(UInt32.self)) != nil,
            let checksum = try? reader.fixed(UInt32.self), checksum == Checksum.crc32c(bytes[..<16])
        else { return nil }
        return version > Self.version ? version : nil
    }
}

extension BlockEntry {
    fileprivate func encode(to writer: inout ByteWriter) {
        for value in [number, fileBytes, spans, startMin, startMax, receivedMin, receivedMax] { writer.fixed(value) }
        writer.varint(isOutOfRange ? 1 : 0)
        writer.string(tenant.name.utf8)
    }

    fileprivate init(_ reader: inout ByteReader) throws(FormatError) {
        number = try reader.fixed(UInt64.self)
        fileBytes = try reader.fixed(UInt64.self)
        spans = try reader.fixed(UInt64.self)
        startMin = try reader.fixed(UInt64.self)
        startMax = try reader.fixed(UInt64.self)
        receivedMin = try reader.fixed(UInt64.self)
        receivedMax = try reader.fixed(UInt64.self)
        isOutOfRange = try reader.count(max: 1) == 1
        guard let tenant = TenantID(String(decoding: try reader.string(), as: UTF8.self)) else {
            throw FormatError("tenant longer than \(TenantID.bytesMax) bytes")
        }
        self.tenant = tenant
    }
}
