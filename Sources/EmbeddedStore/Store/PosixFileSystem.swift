import TraceStorage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The disk.
package struct PosixFileSystem: StoreFileSystem {
    package init() {}

    package func makeDirectory(_ path: String) throws(StorageError) {
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            made += "/" + part
            if mkdir(made, 0o755) != 0, errno != EEXIST { throw .errno(errno, "cannot make directory", made) }
        }
    }

    package func names(in directory: String) throws(StorageError) -> [String] {
        guard let stream = opendir(directory) else { throw .errno(errno, "cannot list", directory) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    package func open(_ path: String) throws(StorageError) -> any StoreFile { try PosixFile(path) }

    package func write(_ bytes: [UInt8], to path: String) throws(StorageError) {
        let descriptor = retrying { openForWriting(path) }
        guard descriptor >= 0 else { throw .errno(errno, "cannot create", path) }
        do throws(StorageError) {
            try writeAll(bytes, descriptor, path)
            guard retrying({ Int(fsync(Int32(descriptor))) }) == 0 else { throw .errno(errno, "cannot sync", path) }
        } catch {
            close(Int32(descriptor))
            throw error
        }
        guard close(Int32(descriptor)) == 0 else { throw .errno(errno, "cannot close", path) }
    }

    package func rename(_ path: String, to newPath: String) throws(StorageError) {
        #if canImport(Glibc)
            let result = Glibc.rename(path, newPath)
        #else
            let result = Darwin.rename(path, newPath)
        #endif
        guard result == 0 else { throw .errno(errno, "cannot rename", path) }
    }

    package func remove(_ path: String) throws(StorageError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw .errno(errno, "cannot remove", path) }
    }

    package func sync(directory: String) throws(StorageError) {
        let descriptor = retrying { openForReading(directory) }
        guard descriptor >= 0 else { throw .errno(errno, "cannot open", directory) }
        defer { close(Int32(descriptor)) }
        guard fsync(Int32(descriptor)) == 0 else { throw .errno(errno, "cannot sync", directory) }
    }

    private func writeAll(_ bytes: [UInt8], _ descriptor: Int, _ path: String) throws(StorageError) {
        var written = 0
        while written < bytes.count {
            let count = retrying {
                bytes.withUnsafeBytes { buffer in
                    posixWrite(Int32(descriptor), UnsafeRawBufferPointer(rebasing: buffer[written...]))
                }
            }
            guard count > 0 else { throw .errno(count == 0 ? ENOSPC : errno, "cannot write", path) }
            written += count
        }
    }
}

/// A file on disk, open for reading.
private final class PosixFile: StoreFile {
    let bytes: UInt64
    private let path: String
    private let descriptor: Int32

    init(_ path: String) throws(StorageError) {
        let descriptor = retrying { openForReading(path) }
        guard descriptor >= 0 else { throw .errno(errno, "cannot open", path) }
        self.path = path
        self.descriptor = Int32(descriptor)
        var status = stat()
        guard fstat(Int32(descriptor), &status) == 0 else {
            let reason = errno
            close(Int32(descriptor))
            throw .errno(reason, "cannot examine", path)
        }
        bytes = UInt64(max(0, status.st_size))
    }

    deinit {
        close(descriptor)
    }

    func read(at offset: UInt64, count: Int) throws(StorageError) -> [UInt8] {
        guard offset <= bytes, count >= 0 else { return [] }
        let wanted = min(count, Int(bytes - offset))
        var reason: Int32 = 0
        let content = [UInt8](unsafeUninitializedCapacity: wanted) { target, filled in
            filled = 0
            while filled < wanted {
                let part = retrying {
                    pread(descriptor, target.baseAddress.map { $0 + filled }, wanted - filled, off_t(offset) + filled)
                }
                if part < 0 { reason = errno }
                guard part > 0 else { return }
                filled += part
            }
        }
        guard reason == 0 else { throw .errno(reason, "cannot read", path) }
        return content
    }
}

extension StorageError {
    /// An error of the operating system.
    static func errno(_ reason: Int32, _ what: String, _ path: String) -> StorageError {
        let message = "\(what) \(path): \(String(cString: strerror(reason)).lowercased())"
        return reason == ENOSPC || reason == EDQUOT ? .full(message: message) : .io(message: message)
    }
}

/// Calls again when a signal came in between.
private func retrying(_ call: () -> Int) -> Int {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}

private func openForReading(_ path: String) -> Int { Int(open(path, O_RDONLY | O_CLOEXEC)) }

private func openForWriting(_ path: String) -> Int { Int(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)) }

private func posixWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    write(descriptor, bytes.baseAddress, bytes.count)
}
