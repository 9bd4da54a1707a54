#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The file operations of ``SpillFiles``; tests put failures in between.
package protocol SpillFileSystem: Sendable {
    /// Makes a directory and those above it; one that is there already is fine.
    func createDirectory(_ path: String) throws(SpillError)
    /// The names in a directory, in no order.
    func list(_ directory: String) throws(SpillError) -> [String]
    /// The size of a file in bytes.
    func size(_ path: String) throws(SpillError) -> Int
    /// Writes a new file that holds `header` and `content`.
    func write(_ header: [UInt8], _ content: [UInt8], to path: String) throws(SpillError)
    /// The whole content of a file.
    func read(_ path: String) throws(SpillError) -> [UInt8]
    /// Moves a file in one step.
    func rename(_ path: String, to newPath: String) throws(SpillError)
    /// Removes a file.
    func remove(_ path: String) throws(SpillError)
    /// Opens a file and takes its lock without waiting; the descriptor holds it.
    func lock(_ path: String) throws(SpillError) -> Int32
    /// Closes the descriptor of a lock.
    ///
    /// - Parameter releases: false leaves the lock with the process this one was forked from.
    func unlock(_ descriptor: Int32, releases: Bool)
}

/// The operating system's files.
package struct POSIXSpillFileSystem: SpillFileSystem {
    package init() {}

    package func createDirectory(_ path: String) throws(SpillError) {
        var parent = ""
        for part in path.split(separator: "/") {
            parent += parent.isEmpty && !path.hasPrefix("/") ? String(part) : "/\(part)"
            // Spans may hold what only this user should read.
            if mkdir(parent, 0o700) == 0 { continue }
            let code = errno
            // Above a mount point the answer may be another than "exists"; the last one decides.
            var status = stat()
            guard stat(parent, &status) == 0 else {
                throw SpillError(operation: "create directory", path: parent, code: code)
            }
            guard status.st_mode & S_IFMT == S_IFDIR else {
                throw SpillError(operation: "create directory", path: parent, code: ENOTDIR)
            }
        }
    }

    package func list(_ directory: String) throws(SpillError) -> [String] {
        guard let stream = opendir(directory) else { throw failure("list", directory) }
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
        if errno != 0 { throw failure("list", directory) }
        return names
    }

    package func size(_ path: String) throws(SpillError) -> Int {
        var status = stat()
        guard stat(path, &status) == 0 else { throw failure("read the size of", path) }
        return Int(status.st_size)
    }

    package func write(_ header: [UInt8], _ content: [UInt8], to path: String) throws(SpillError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("create", path) }
        var code: Int32 = 0
        for part in [header, content] where code == 0 { code = Self.write(part, to: descriptor) }
        // Some file systems tell only now that there was no space.
        if close(descriptor) != 0, code == 0 { code = errno }
        if code != 0 { throw SpillError(operation: "write", path: path, code: code) }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let part = UnsafeRawBufferPointer(rebasing: rest)
                #if canImport(Darwin)
                    let count = Darwin.write(descriptor, part.baseAddress, part.count)
                #elseif canImport(Musl)
                    let count = Musl.write(descriptor, part.baseAddress, part.count)
                #else
                    let count = Glibc.write(descriptor, part.baseAddress, part.count)
                #endif
                if count < 0, errno != EINTR { return errno }
                if count == 0 { return EIO }
                rest = rest.dropFirst(max(0, count))
            }
            return 0
        }
    }

    package func read(_ path: String) throws(SpillError) -> [UInt8] {
        do {
            return try FileReader.read(path, bytesMax: Int(Int32.max))
        } catch {
            throw SpillError(operation: "read", path: path, code: error.code)
        }
    }

    package func rename(_ path: String, to newPath: String) throws(SpillError) {
        #if canImport(Darwin)
            let result = Darwin.rename(path, newPath)
        #elseif canImport(Musl)
            let result = Musl.rename(path, newPath)
        #else
            let result = Glibc.rename(path, newPath)
        #endif
        if result != 0 { throw failure("rename", path) }
    }

    package func remove(_ path: String) throws(SpillError) {
        if unlink(path) != 0 { throw failure("remove", path) }
    }

    package func lock(_ path: String) throws(SpillError) -> Int32 {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("open", path) }
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            if code == EINTR { continue }
            close(descriptor)
            throw SpillError(operation: "lock", path: path, code: code)
        }
        return descriptor
    }

    package func unlock(_ descriptor: Int32, releases: Bool) {
        // A process that is just being started may share the open file, and closing alone would leave it locked.
        if releases { _ = flock(descriptor, LOCK_UN) }
        close(descriptor)
    }

    private func failure(_ operation: String, _ path: String) -> SpillError {
        SpillError(operation: operation, path: path, code: errno)
    }
}
