#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A file operation of the spill directory that failed.
package struct SpillError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was tried, such as `write`.
    package let operation: String
    /// The file or directory.
    package let path: String
    /// The system's error number.
    package let code: Int32

    package init(operation: String, path: String, code: Int32) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    /// Another process holds the directory.
    package var isLocked: Bool { operation == "lock" && code == EWOULDBLOCK }

    /// No space is left on the device, or the quota is used up.
    package var isFull: Bool { code == ENOSPC || code == EDQUOT }

    /// The process or the system is short of something that comes back; the file itself is not to blame.
    var isShortage: Bool { [EMFILE, ENFILE, ENOMEM, EAGAIN].contains(code) }

    /// One line for a log.
    package var description: String {
        if isLocked { return "\(path) is locked: another process uses the directory; each needs one of its own" }
        return "cannot \(operation) \(path): \(String(cString: strerror(code)).lowercased())"
    }
}
