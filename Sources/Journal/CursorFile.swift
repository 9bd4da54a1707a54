import TraceStorage

/// The file that keeps readers' positions: lines of a name and a number, and a checksum over them.
enum CursorFile {
    static let name = "cursors"
    static let temporaryName = "cursors.tmp"
    private static let title = "skein-journal-cursors"
    static let version: UInt32 = 1

    /// Bytes that are read of it. There are a handful of readers with names of at most ``readerNameBytesMax`` bytes;
    /// a longer file is not ours.
    private static let bytesMax = 1 << 20

    /// Bytes of a reader's name: long enough for any exporter's name, and it stays a line.
    static let readerNameBytesMax = 128

    /// Letters, digits and `_ - . /`, as component names have them.
    static func isValidName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= readerNameBytesMax
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."),
                    UInt8(ascii: "/"):
                    true
                default: false
                }
            }
    }

    static func encode(_ cursors: [String: JournalPosition]) -> [UInt8] {
        var text = "\(title) \(version)\n"
        for (name, position) in cursors.sorted(by: { $0.key < $1.key }) { text += "\(name) \(position.rawValue)\n" }
        let checksum = Array(text.utf8).span.bytes.crc32c()
        return Array((text + "crc32c \(String(checksum, radix: 16))\n").utf8)
    }

    /// Why a file's content is of no use.
    enum Defect: Error {
        case damaged(String)
        case future(UInt32)
    }

    static func decode(_ bytes: [UInt8]) throws(Defect) -> [String: JournalPosition] {
        var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        guard let firstLine = lines.first, firstLine.hasPrefix(title + " "),
            let found = UInt32(firstLine.dropFirst(title.utf8.count + 1))
        else { throw .damaged("the first line is not `\(title) \(version)`") }
        guard found <= version else { throw .future(found) }
        guard lines.popLast() == "", let last = lines.popLast(), last.hasPrefix("crc32c ") else {
            throw .damaged("the last line is no checksum")
        }
        let covered = bytes.count - last.utf8.count - 1
        let expected = UInt32(last.dropFirst("crc32c ".utf8.count), radix: 16)
        guard covered >= 0, bytes.span.bytes.extracting(first: covered).crc32c() == expected else {
            throw .damaged("the checksum does not match")
        }
        var cursors: [String: JournalPosition] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: " ")
            guard parts.count == 2, isValidName(String(parts[0])), let position = UInt64(parts[1]),
                position <= RecordFormat.positionMax.rawValue
            else {
                throw .damaged("`\(line)` is no name and position")
            }
            cursors[String(parts[0])] = JournalPosition(position)
        }
        return cursors
    }

    /// Replaces the file in one step and makes it durable.
    static func write(
        _ cursors: [String: JournalPosition], configuration: JournalConfiguration, files: any FileSystem
    ) throws(FileError) {
        try files.replace(
            configuration.path(name), in: configuration.directory, with: encode(cursors),
            temporary: configuration.path(temporaryName))
    }

    /// The file's content; nil when there is none.
    static func read(configuration: JournalConfiguration, files: any FileSystem) throws(FileError) -> [UInt8]? {
        do throws(FileError) {
            let file = try files.open(configuration.path(name), .read)
            defer { file.close() }
            return try file.readBytes(at: 0, count: min(file.size(), bytesMax))
        } catch {
            if error.isNotFound { return nil }
            throw error
        }
    }
}
