import CChecksum
import TraceStorage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

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

    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.withUnsafeBytes { skein_crc32c(0, $0.baseAddress, $0.count) }
    }

    // MARK: file

    /// The checkpoint of a directory; nil when it has none.
    package static func load(from directory: String) throws(CheckpointError) -> DerivedCheckpoint? {
        let path = directory + "/" + fileName
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw .io(path: path, operation: "open", errno: errno)
        }
        defer { close(descriptor) }
        let size = lseek(descriptor, 0, SEEK_END)
        guard size >= 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw .io(path: path, operation: "seek", errno: errno)
        }
        guard size <= fileBytesMax else { throw .corrupt(path: path, reason: "it has \(size) bytes") }
        var bytes = [UInt8](repeating: 0, count: Int(size))
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress! + done, $0.count - done) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .io(path: path, operation: "read", errno: errno) }
            if count == 0 { break }
            done += count
        }
        bytes.removeSubrange(done...)
        do throws(CheckpointError) {
            return try DerivedCheckpoint(decoding: bytes)
        } catch { throw error.with(path: path) }
    }

    /// Replaces the checkpoint of a directory; when this returns the new one survives a loss of power.
    package func write(to directory: String) throws(CheckpointError) {
        let path = directory + "/" + Self.fileName
        let temporary = path + ".tmp"
        try Self.writeAndSync(encoded(), to: temporary)
        guard rename(temporary, path) == 0 else { throw .io(path: path, operation: "rename", errno: errno) }
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .io(path: directory, operation: "open", errno: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .io(path: directory, operation: "fsync", errno: errno) }
    }

    private static func writeAndSync(_ bytes: [UInt8], to path: String) throws(CheckpointError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .io(path: path, operation: "open", errno: errno) }
        defer { close(descriptor) }
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { Self.write(descriptor, $0) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .io(path: path, operation: "write", errno: errno) }
            done += count
        }
        guard fsync(descriptor) == 0 else { throw .io(path: path, operation: "fsync", errno: errno) }
    }

    private static func write(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
            Glibc.write(descriptor, buffer.baseAddress, buffer.count)
        #else
            Darwin.write(descriptor, buffer.baseAddress, buffer.count)
        #endif
    }
}
