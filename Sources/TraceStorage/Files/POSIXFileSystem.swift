import Glibc

/// The operating system's files.
package struct POSIXFileSystem: FileSystem {
    package init() {}

    package func createDirectory(_ path: String) throws(FileError) {
        var parent = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: true) {
            let above = parent.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : parent
            parent += parent.isEmpty && !path.hasPrefix("/") ? String(part) : "/" + part
            if mkdir(parent, 0o750) == 0 {
                try synchronizeDirectory(above)
            } else if errno != EEXIST {
                throw FileError(operation: "create directory", path: parent, code: errno)
            }
        }
    }

    package func list(_ directory: String) throws(FileError) -> [String] {
        guard let stream = opendir(directory) else { throw FileError(operation: "list", path: directory, code: errno) }
        defer { closedir(stream) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
            errno = 0
        }
        if errno != 0 { throw FileError(operation: "list", path: directory, code: errno) }
        return names
    }

    package func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any File {
        let flags =
            switch mode {
            case .read: O_RDONLY
            case .update: O_RDWR
            case .create: O_RDWR | O_CREAT | O_TRUNC
            }
        return try POSIXFile(path, flags: flags)
    }

    package func rename(_ path: String, to newPath: String) throws(FileError) {
        if Glibc.rename(path, newPath) != 0 { throw FileError(operation: "rename", path: path, code: errno) }
    }

    package func remove(_ path: String) throws(FileError) {
        if unlink(path) != 0 { throw FileError(operation: "remove", path: path, code: errno) }
    }

    package func synchronizeDirectory(_ path: String) throws(FileError) {
        let file = try POSIXFile(path, flags: O_RDONLY | O_DIRECTORY)
        defer { file.close() }
        try file.synchronize()
    }

    package func lock(_ path: String) throws(FileError) -> any File {
        let file = try POSIXFile(path, flags: O_RDWR | O_CREAT)
        try file.lock()
        return file
    }
}

// The owner closes or locks a file while nobody else uses it; the kernel serves calls on it from any thread.
private final class POSIXFile: File, @unchecked Sendable {
    /// Buffers that one system call takes (`IOV_MAX` of Linux); the rest is for the next call.
    private static let buffersMax = 1024

    private let path: String
    private var descriptor: Int32
    private var isLocked = false

    init(_ path: String, flags: Int32) throws(FileError) {
        self.path = path
        descriptor = Glibc.open(path, flags | O_CLOEXEC, 0o640)
        if descriptor < 0 { throw FileError(operation: "open", path: path, code: errno) }
    }

    deinit { close() }

    func size() throws(FileError) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("stat") }
        return Int(status.st_size)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) -> Int {
        while true {
            let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
            if count >= 0 { return count }
            if errno != EINTR { throw failure("read") }
        }
    }

    func write(_ buffers: [UnsafeRawBufferPointer], at offset: Int) throws(FileError) -> Int {
        let vectors = buffers.prefix(Self.buffersMax).map { buffer in
            iovec(iov_base: UnsafeMutableRawPointer(mutating: buffer.baseAddress), iov_len: buffer.count)
        }
        while true {
            let count = pwritev(descriptor, vectors, Int32(vectors.count), off_t(offset))
            if count >= 0 { return count }
            if errno != EINTR { throw failure("write") }
        }
    }

    func synchronize() throws(FileError) {
        // A failed call is not repeated: the kernel forgets the error and calls the lost pages clean.
        if fdatasync(descriptor) != 0 { throw failure("synchronize") }
    }

    func truncate(to bytes: Int) throws(FileError) {
        while ftruncate(descriptor, off_t(bytes)) != 0 {
            if errno != EINTR { throw failure("truncate") }
        }
    }

    func allocate(_ bytes: Int) throws(FileError) {
        while true {
            let code = posix_fallocate(descriptor, 0, off_t(bytes))
            switch code {
            case 0: return
            case EINTR: continue
            case EOPNOTSUPP, EINVAL: return try size() < bytes ? truncate(to: bytes) : ()
            default: throw FileError(operation: "allocate", path: path, code: code)
            }
        }
    }

    func lock() throws(FileError) {
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno != EINTR { throw failure("lock") }
        }
        isLocked = true
    }

    func close() {
        guard descriptor >= 0 else { return }
        // A process that is just being started still shares the open file, and closing alone would leave it locked.
        if isLocked { _ = flock(descriptor, LOCK_UN) }
        _ = Glibc.close(descriptor)
        descriptor = -1
    }

    private func failure(_ operation: String) -> FileError {
        FileError(operation: operation, path: path, code: errno)
    }
}
