import TraceStorage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The directory that holds everything a collector keeps.
enum DataDirectory {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Makes the directory and one for each part, and sees that files can be written there.
    static func prepare(_ directory: String, parts: [String]) throws(Failure) {
        for path in [directory] + parts.map({ "\(directory)/\($0)" }) { try make(path) }
        let probe = "\(directory)/.probe"
        let descriptor = open(probe, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("cannot be written to", directory, errno) }
        close(descriptor)
        unlink(probe)
    }

    private static func make(_ path: String) throws(Failure) {
        do throws(FileError) {
            try POSIXFileSystem().createDirectory(path)
        } catch { throw failure("cannot be made", path, error.code) }
        var status = stat()
        guard stat(path, &status) == 0 else { throw failure("cannot be used", path, errno) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw Failure(description: "data directory \(path): is a file, expected a directory")
        }
    }

    private static func failure(_ what: String, _ path: String, _ code: Int32) -> Failure {
        Failure(description: "data directory \(path): \(what): \(String(cString: strerror(code)).lowercased())")
    }
}
