/// The file operations of the journal, so that tests can put errors, short writes and crashes between it and the disk.
///
/// Every call blocks and may come from any thread.
package protocol JournalFiles: Sendable {
    /// Makes a directory and those above it; one that exists is fine.
    func createDirectory(_ path: String) throws(FileError)

    /// The names of a directory's entries in no particular order.
    func list(_ directory: String) throws(FileError) -> [String]

    func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any JournalFile

    /// Puts a file in the place of another in one step.
    func rename(_ path: String, to newPath: String) throws(FileError)

    func remove(_ path: String) throws(FileError)

    /// Makes created, renamed and removed names in a directory durable.
    func synchronizeDirectory(_ path: String) throws(FileError)

    /// Opens a file, made when absent, and locks it against every other opening until it is closed or the process ends.
    ///
    /// - Throws: A ``FileError`` that ``FileError/isLocked`` when somebody else holds it.
    func lock(_ path: String) throws(FileError) -> any JournalFile
}

/// An open file. Closed by ``close()`` or with its last reference.
package protocol JournalFile: AnyObject, Sendable {
    func size() throws(FileError) -> Int

    /// Reads at most `buffer.count` bytes and returns how many; 0 at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int

    /// Writes buffers one after the other and returns how many bytes were written, which may be fewer than given.
    func write(_ buffers: [UnsafeRawBufferPointer], at offset: Int) throws(FileError) -> Int

    /// Makes the content written so far durable.
    func synchronize() throws(FileError)

    func truncate(to bytes: Int) throws(FileError)

    func close()
}

/// What a file is opened for.
package enum FileOpenMode: Sendable {
    case read
    /// Reads and writes a file that exists.
    case update
    /// Writes a new file, in place of one that exists.
    case create
}

/// Why the operating system refused a file operation.
package struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was tried: `open`, `write`, `synchronize`, …
    package let operation: String
    package let path: String
    /// The value of `errno`.
    package let code: Int32

    package init(operation: String, path: String, code: Int32) {
        self.operation = operation
        self.path = path
        self.code = code
    }
}

extension JournalFile {
    /// Writes all bytes of the buffers, in as many calls as the file takes.
    func writeAll(_ buffers: [UnsafeRawBufferPointer], at start: Int, path: String) throws(FileError) {
        var rest = buffers
        var offset = start
        rest.removeAll { $0.isEmpty }
        while !rest.isEmpty {
            var written = try write(rest, at: offset)
            guard written > 0 else { throw FileError.nothingWritten(path) }
            offset += written
            var passed = 0
            while passed < rest.count, written >= rest[passed].count {
                written -= rest[passed].count
                passed += 1
            }
            rest.removeFirst(passed)
            if written > 0, let first = rest.first { rest[0] = UnsafeRawBufferPointer(rebasing: first[written...]) }
        }
    }

    /// As ``writeAll(_:at:path:)`` for one array.
    func writeAll(_ bytes: [UInt8], at start: Int, path: String) throws(FileError) {
        let result: Result<Void, FileError> = bytes.withUnsafeBytes { buffer in
            do throws(FileError) { return .success(try writeAll([buffer], at: start, path: path)) } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    /// Reads `count` bytes, fewer only at the end of the file.
    func readBytes(at start: Int, count: Int) throws(FileError) -> [UInt8] {
        var failure: FileError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
            do throws(FileError) {
                while initializedCount < count {
                    let rest = UnsafeMutableRawBufferPointer(buffer)[initializedCount...]
                    let got = try read(
                        into: UnsafeMutableRawBufferPointer(rebasing: rest), at: start + initializedCount)
                    if got == 0 { return }
                    initializedCount += got
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }
}
