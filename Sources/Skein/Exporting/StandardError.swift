#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The standard error of the process.
enum StandardError {
    /// Whether it is a terminal that shows colours and its user wants them (no-color.org).
    static var isColorTerminal: Bool {
        func value(_ name: String) -> String { getenv(name).map { String(cString: $0) } ?? "" }
        return isatty(STDERR_FILENO) == 1 && value("NO_COLOR").isEmpty && value("TERM") != "dumb"
    }

    /// Writes all of `text`; nil, or what the system says against it. Blocks while the other side is slow.
    static func write(_ text: String) -> String? {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { writeOnce($0) }
            if count > 0 { rest = rest.dropFirst(count) }
            if count == 0 { return "nothing was written" }
            guard count < 0, errno != EINTR else { continue }
            guard errno == EAGAIN else { return String(cString: strerror(errno)).lowercased() }
            var ready = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
            // A reader that has taken nothing for a second will not: spans are not worth more.
            if poll(&ready, 1, 1_000) == 0 { return "its reader is too slow" }
        }
        return nil
    }

    private static func writeOnce(_ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Darwin)
            Darwin.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
            Musl.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
        #else
            Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
        #endif
    }
}
