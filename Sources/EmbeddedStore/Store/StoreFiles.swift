import TraceStorage

/// The store's view of a file system: whole files, and errors as those of a store.
///
/// Errors are ``StorageError/full(message:)`` for a disk without room and ``StorageError/io(message:)`` for all else.
package struct StoreFiles: Sendable {
    private let system: any FileSystem

    package init(_ system: any FileSystem) {
        self.system = system
    }

    /// Makes a directory and those above it; no error when it is there.
    package func makeDirectory(_ path: String) throws(StorageError) {
        try storageErrors { () throws(FileError) in try system.createDirectory(path) }
    }

    /// The names in a directory, in no order.
    package func names(in directory: String) throws(StorageError) -> [String] {
        try storageErrors { () throws(FileError) in try system.list(directory) }
    }

    package func open(_ path: String) throws(StorageError) -> StoreFile {
        try storageErrors { () throws(FileError) in
            let file = try system.open(path, .read)
            return StoreFile(file, bytes: UInt64(clamping: try file.size()))
        }
    }

    /// Writes a file as a whole and makes its content durable.
    package func write(_ bytes: [UInt8], to path: String) throws(StorageError) {
        let result: Result<Void, StorageError> = bytes.withUnsafeBytes { bytes in
            do throws(StorageError) { return .success(try write(bytes, to: path)) } catch { return .failure(error) }
        }
        try result.get()
    }

    /// As ``write(_:to:)-([UInt8],_)`` for bytes that somebody else holds.
    func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws(StorageError) {
        try storageErrors { () throws(FileError) in
            let file = try system.open(path, .create)
            defer { file.close() }
            try file.writeAll([bytes], at: 0, path: path)
            try file.synchronize()
        }
    }

    /// Atomic; replaces what is at the new path.
    package func rename(_ path: String, to newPath: String) throws(StorageError) {
        try storageErrors { () throws(FileError) in try system.rename(path, to: newPath) }
    }

    /// Removes a file; no error when it is gone already.
    package func remove(_ path: String) throws(StorageError) {
        try storageErrors { () throws(FileError) in
            do throws(FileError) { try system.remove(path) } catch  where error.isNotFound {}
        }
    }

    /// Makes names in the directory durable.
    package func sync(directory: String) throws(StorageError) {
        try storageErrors { () throws(FileError) in try system.synchronizeDirectory(directory) }
    }
}

/// A file that is read at any place; closed when the last reference goes.
package final class StoreFile: Sendable {
    package let bytes: UInt64
    private let file: any File

    init(_ file: any File, bytes: UInt64) {
        self.file = file
        self.bytes = bytes
    }

    /// Up to `count` bytes from `offset` on; fewer only where the file ends.
    package func read(at offset: UInt64, count: Int) throws(StorageError) -> [UInt8] {
        guard offset <= bytes, count >= 0 else { return [] }
        let wanted = min(count, Int(clamping: bytes - offset))
        return try storageErrors { () throws(FileError) in try file.readBytes(at: Int(offset), count: wanted) }
    }

    /// Fills a buffer from `offset` on and says how many bytes there were: fewer only where the file ends.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(StorageError) -> Int {
        guard offset <= bytes else { return 0 }
        let wanted = min(buffer.count, Int(clamping: bytes - offset))
        return try storageErrors { () throws(FileError) in
            var count = 0
            while count < wanted {
                let part = UnsafeMutableRawBufferPointer(rebasing: buffer[count..<wanted])
                let read = try file.read(into: part, at: Int(offset) + count)
                guard read > 0 else { break }
                count += read
            }
            return count
        }
    }
}

private func storageErrors<Result>(_ body: () throws(FileError) -> Result) throws(StorageError) -> Result {
    do throws(FileError) { return try body() } catch {
        throw error.isFull ? .full(message: error.description) : .io(message: error.description)
    }
}

extension StorageError {
    /// What a program says to a file of a version that it does not know.
    static func futureVersion(_ version: UInt32, of path: String, readsUpTo supported: UInt32) -> StorageError {
        .corrupt(message: "\(path) has format version \(version), this program reads up to \(supported)")
    }
}
