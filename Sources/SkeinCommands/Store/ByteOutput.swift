#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Bytes on their way to a file or to standard output, some at a time. A file that is not finished is removed, so that
/// none is left that looks whole and is not.
final class ByteOutput {
    /// Bytes gathered before they are written.
    private static let bufferBytes = 1 << 20

    private let path: String?
    private let stream: UnsafeMutablePointer<FILE>
    /// Why writing failed; nothing is written after it.
    private(set) var failure: CommandFailure?
    /// The output is a file of its own, not standard output, a device or a pipe.
    private let isRegularFile: Bool
    private var isClosed = false

    /// - Parameter path: A file that is made, or emptied; nil for standard output.
    init(path: String?) throws(CommandFailure) {
        self.path = path
        guard let stream = path.map({ fopen($0, "wb") }) ?? fdopen(dup(STDOUT_FILENO), "wb") else {
            throw .failed("cannot write \(path ?? "standard output"): \(String(cString: strerror(errno)).lowercased())")
        }
        self.stream = stream
        var status = stat()
        isRegularFile = path != nil && fstat(fileno(stream), &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        setvbuf(stream, nil, _IOFBF, Self.bufferBytes)
    }

    deinit {
        guard !isClosed else { return }
        fclose(stream)
        removeFile()
    }

    func append(_ bytes: [UInt8]) {
        guard failure == nil, !bytes.isEmpty else { return }
        if fwrite(bytes, 1, bytes.count, stream) != bytes.count { fail() }
    }

    /// Writes what is left. To be called once, at the end.
    ///
    /// - Throws: When not all bytes could be written; the file is gone then.
    func finish() throws(CommandFailure) {
        isClosed = true
        if fclose(stream) != 0, failure == nil { fail() }
        guard let failure else { return }
        removeFile()
        throw failure
    }

    private func removeFile() {
        if let path, isRegularFile { unlink(path) }
    }

    private func fail() {
        // Whoever read the output has seen enough.
        if path == nil, errno == EPIPE { exit(0) }
        failure = .failed("cannot write \(path ?? "standard output"): \(String(cString: strerror(errno)).lowercased())")
    }
}
