import Glibc
import TraceStorage

/// The lock that keeps a second process out of a journal's directory.
enum DirectoryLock {
    static let name = "lock"

    /// Bytes of the longest process id with its line end.
    private static let textBytesMax = 24

    /// Takes the lock; it is held until the file is closed or the process ends, however it ends.
    static func take(
        _ configuration: JournalConfiguration, files: any FileSystem
    ) throws(JournalError) -> any File {
        let path = configuration.path(name)
        let file: any File
        do throws(FileError) {
            try files.createDirectory(configuration.directory)
            file = try files.lock(path)
        } catch {
            guard error.isLocked else { throw JournalError(error) }
            throw .inUse(directory: configuration.directory, processID: holder(path, files: files))
        }
        // Who holds the lock is for people to read; a disk that is full must not keep the journal from opening.
        try? file.truncate(to: 0)
        try? file.writeAll(Array("\(getpid())\n".utf8), at: 0, path: path)
        return file
    }

    private static func holder(_ path: String, files: any FileSystem) -> Int? {
        guard let file = try? files.open(path, .read), let bytes = try? file.readBytes(at: 0, count: textBytesMax)
        else { return nil }
        return Int(String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self))
    }
}
