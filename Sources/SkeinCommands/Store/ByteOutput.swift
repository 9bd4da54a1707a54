#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Bytes on their way to a file or to standard output, some at a time.
final class ByteOutput {
    /// Bytes gathered before they are written.
    private static let bufferBytes = 1 << 20

    private let path: String?
    private let stream: UnsafeMutablePointer<FILE>
    /// Why writing failed; nothing is written after it.
    private(set) var failure: CommandFailure?

    /// - Parameter path: A file that is made, or emptied; nil for standard output.
    init(path: String?) throws(CommandFailure) {
        self.path = path
        guard let stream = path.map({ fopen($0, "wb") }) ?? fdopen(dup(STDOUT_FILENO), "wb") else {
            throw .failed("cannot write \(path ?? "standard output"): \(String(cString: strerror(errno)).lowercased())")
        }
        self.stream = stream
        setvbuf(stream, nil, _IOFBF, Self.bufferBytes)
    }

    func append(_ bytes: [UInt8]) {
        guard failure == nil, !bytes.isEmpty else { return }
        if fwrite(bytes, 1, bytes.count, stream) != bytes.count { fail() }
    }

    /// Writes what is left. To be called once, at the end.
    ///
    /// - Throws: When not all bytes could be written.
    func finish() throws(CommandFailure) {
        if fclose(stream) != 0, failure == nil { fail() }
        if let failure { throw failure }
    }

    private func fail() {
        // Whoever read the output has seen enough.
        if path == nil, errno == EPIPE { exit(0) }
        failure = .failed("cannot write \(path ?? "standard output"): \(String(cString: strerror(errno)).lowercased())")
    }
}
