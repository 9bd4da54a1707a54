import Glibc

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

extension FileError {
    /// A call that wrote none of its bytes and said that it went well.
    package static func nothingWritten(_ path: String) -> FileError {
        FileError(operation: "write", path: path, code: EIO)
    }

    /// No space is left on the device, or the quota is used up.
    package var isFull: Bool { code == ENOSPC || code == EDQUOT }

    /// Somebody else holds the lock.
    package var isLocked: Bool { code == EWOULDBLOCK }

    package var isNotFound: Bool { code == ENOENT }

    package var description: String { "cannot \(operation) \(path): \(String(cString: strerror(code)).lowercased())" }
}
