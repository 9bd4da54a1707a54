import TraceStorage

/// A file that is read at any place; closed when the last reference goes.
package protocol StoreFile: AnyObject, Sendable {
    var bytes: UInt64 { get }

    /// Up to `count` bytes from `offset` on; fewer only where the file ends.
    func read(at offset: UInt64, count: Int) throws(StorageError) -> [UInt8]
}

/// All that the store does to disk, so that tests can make each step fail.
///
/// Errors are ``StorageError/full(message:)`` for a disk without room and ``StorageError/io(message:)`` for all else.
package protocol StoreFileSystem: Sendable {
    /// Makes a directory and those above it; no error when it is there.
    func makeDirectory(_ path: String) throws(StorageError)
    /// The names in a directory, in no order.
    func names(in directory: String) throws(StorageError) -> [String]
    func open(_ path: String) throws(StorageError) -> any StoreFile
    /// Writes a file as a whole and makes its content durable.
    func write(_ bytes: [UInt8], to path: String) throws(StorageError)
    /// Atomic; replaces what is at the new path.
    func rename(_ path: String, to newPath: String) throws(StorageError)
    func remove(_ path: String) throws(StorageError)
    /// Makes names in the directory durable.
    func sync(directory: String) throws(StorageError)
}
