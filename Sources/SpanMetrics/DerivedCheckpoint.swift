import CChecksum
import TraceStorage

/// The file that holds all derived state, format version 1.
///
/// Layout, numbers little-endian: magic `SKEINDRV`, version u32, section count u32; for each section the name
/// (u8 length and UTF-8), its version u32, position u64, payload length u64 and payload; at the end the CRC32C of
/// everything before it, u32. It is written beside its place, synced and renamed over it, so that there is always one
/// whole checkpoint.
package struct DerivedCheckpoint: Hashable, Sendable {
    package static let fileName = "derived.checkpoint"
    package static let version: UInt32 = 1
    /// Bytes of a file that are read at all; 20,000 series take 4 MB. A larger one is corrupt.
    package static let fileBytesMax = 1 << 31
    private static let magic = Array("SKEINDRV".utf8)

    package var sections: [CheckpointSection]

    package init(sections: [CheckpointSection]) {
        self.sections = sections
    }

    // MARK: bytes

    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.reserve(sections.reduce(1_024) { $0 + $1.payload.count + 512 })
        writer.raw(Self.magic)
        writer.fixed(Self.version)
        writer.fixed(UInt32(sections.count))
        for section in sections {
            let name = Array(section.name.utf8.prefix(255))
            writer.fixed(UInt8(name.count))
            writer.raw(name)
            writer.fixed(section.version)
            writer.fixed(section.position.rawValue)
            writer.fixed(UInt64(section.payload.count))
            writer.raw(section.payload)
        }
        writer.fixed(Self.checksum(writer.bytes[...]))
        return writer.bytes
    }

    /// - Throws: ``CheckpointError`` with an empty path.
    package init(decoding bytes: [UInt8]) throws(CheckpointError) {
        var reader = ByteReader(bytes[...])
        guard let magic = reader.take(Self.magic.count), magic.elementsEqual(Self.magic) else {
            throw Self.corrupt("it does not begin with SKEINDRV")
        }
        guard let version = reader.fixed(UInt32.self) else { throw Self.corrupt("it ends within its header") }
        guard version <= Self.version else {
            throw .futureVersion(path: "", found: "format version \(version)", supported: "at most \(Self.version)")
        }
        guard bytes.count >= 20 else { throw Self.corrupt("it ends within its header") }
        var tail = ByteReader(bytes[(bytes.count - 4)...])
        let stored = tail.fixed(UInt32.self)
        guard stored == Self.checksum(bytes[..<(bytes.count - 4)]) else { throw Self.corrupt("its checksum is wrong") }
        guard let count = reader.fixed(UInt32.self) else { throw Self.corrupt("it ends within its header") }
        sections = []
        for _ in 0..<count {
            guard let nameBytes = reader.byte(), let name = reader.take(Int(nameBytes)),
                let version = reader.fixed(UInt32.self), let position = reader.fixed(UInt64.self),
                let length = reader.fixed(UInt64.self), let payload = reader.take(Int(clamping: length))
            else { throw Self.corrupt("it ends within a section") }
            sections.append(
                CheckpointSection(
                    name: String(decoding: name, as: UTF8.self), version: version,
                    position: JournalPosition(position), payload: Array(payload)))
        }
        guard reader.remaining == 4 else { throw Self.corrupt("bytes follow its last section") }
    }

    private static func corrupt(_ reason: String) -> CheckpointError { .corrupt(path: "", reason: reason) }

    static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.withUnsafeBytes { skein_crc32c(0, $0.baseAddress, $0.count) }
    }

    // MARK: file

    /// The checkpoint of a directory, made durable before it is believed; nil when the directory has none.
    package static func load(
        from directory: String, files: any FileSystem
    ) throws(CheckpointError) -> DerivedCheckpoint? {
        let path = directory + "/" + fileName
        let content: [UInt8]?
        do throws(FileError) {
            let file = try files.open(path, .read)
            defer { file.close() }
            let size = try file.size()
            content = size <= fileBytesMax ? try file.readBytes(at: 0, count: size) : nil
            // The process before may have died between the renaming and the sync of the directory. The journal forgets
            // what the checkpoint covers, so a loss of power must not bring an older one back.
            try files.synchronizeDirectory(directory)
        } catch {
            if error.isNotFound { return nil }
            throw .io(error)
        }
        guard let content else { throw .corrupt(path: path, reason: "it has more than \(fileBytesMax) bytes") }
        do throws(CheckpointError) {
            return try DerivedCheckpoint(decoding: content)
        } catch { throw error.with(path: path) }
    }

    /// Replaces the checkpoint of a directory; when this returns the new one survives a loss of power.
    package func write(to directory: String, files: any FileSystem) throws(CheckpointError) {
        let path = directory + "/" + Self.fileName
        do throws(FileError) {
            try files.replace(path, in: directory, with: encoded(), temporary: path + ".tmp")
        } catch { throw .io(error) }
    }
}
