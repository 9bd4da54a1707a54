/// All that journal, store and derivation do to the disk, so that tests can put errors, short writes and crashes in between.
///
/// Every call blocks and may come from any thread.
package protocol FileSystem: Sendable {
    /// Makes a directory and those above it, durably; one that exists is fine.
    func createDirectory(_ path: String) throws(FileError)

    /// The names of a directory's entries in no particular order.
    func list(_ directory: String) throws(FileError) -> [String]

    func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any File

    /// Puts a file in the place of another in one step.
    func rename(_ path: String, to newPath: String) throws(FileError)

    func remove(_ path: String) throws(FileError)

    /// Makes created, renamed and removed names in a directory durable.
    func synchronizeDirectory(_ path: String) throws(FileError)

    /// Opens a file, made when absent, and locks it against every other opening until it is closed or the process ends.
    ///
    /// - Throws: A ``FileError`` that ``FileError/isLocked`` when somebody else holds it.
    func lock(_ path: String) throws(FileError) -> any File
}

/// An open file. Closed by ``close()`` or with its last reference.
package protocol File: AnyObject, Sendable {
    func size() throws(FileError) -> Int

    /// Reads at most `buffer.count` bytes and returns how many; 0 at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int

    /// Writes buffers one after the other and returns how many bytes were written, which may be fewer than given.
    func write(_ buffers: [UnsafeRawBufferPointer], at offset: Int) throws(FileError) -> Int

    /// Makes the content written so far durable.
    func synchronize() throws(FileError)

    func truncate(to bytes: Int) throws(FileError)

    /// Takes room on the disk for the file's first `bytes` bytes and makes it at least so long; new bytes read as 0.
    ///
    /// Where the file system cannot do that the file is only made longer, and a later write may still find no room.
    func allocate(_ bytes: Int) throws(FileError)

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
