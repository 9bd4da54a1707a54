#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Writing to the two output streams: data to one, messages to the other.
enum Terminal {
    /// A line on standard error. When nobody reads there any more it is lost, and the process goes on.
    static func message(_ text: String) {
        _ = write(text + "\n", to: STDERR_FILENO)
    }

    /// Writes over the line that the cursor is in; for progress, on a terminal only.
    static func transient(_ text: String) {
        _ = write("\r\u{1B}[K" + text, to: STDERR_FILENO)
    }

    /// Text on standard output, as it is. A closed pipe ends the process quietly, as it does for every tool; any other
    /// failure ends it with status 1, so that a truncated answer is never taken for a whole one.
    static func output(_ text: String) {
        guard !write(text, to: STDOUT_FILENO) else { return }
        if errno == EPIPE { exit(0) }
        message("skein: cannot write the answer: \(String(cString: strerror(errno)).lowercased())")
        exit(1)
    }

    /// Ends the process.
    static func end(_ status: Int32) -> Never { exit(status) }

    static var isOutputATerminal: Bool { isatty(STDOUT_FILENO) == 1 }
    static var isErrorATerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Columns of the terminal; 100 where there is none, such as in a pipe.
    static var columns: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col >= 40 else { return 100 }
        return Int(size.ws_col)
    }

    /// One `write` at a time until all is out; false when that fails, with the reason in `errno`.
    private static func write(_ text: String, to descriptor: Int32) -> Bool {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
            if written > 0 {
                bytes = bytes.dropFirst(written)
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    #if canImport(Glibc)
        Glibc.write(descriptor, bytes, count)
    #else
        Darwin.write(descriptor, bytes, count)
    #endif
}

/// ANSI styles, only on a terminal and only without `NO_COLOR` (https://no-color.org).
package struct Style: Sendable {
    let isEnabled: Bool

    package init(isEnabled: Bool) { self.isEnabled = isEnabled }

    static func forOutput(environment: [String: String]) -> Style {
        Style(isEnabled: Terminal.isOutputATerminal && (environment["NO_COLOR"] ?? "").isEmpty)
    }

    package func bold(_ text: String) -> String { wrap(text, "1") }
    package func dim(_ text: String) -> String { wrap(text, "2") }
    package func red(_ text: String) -> String { wrap(text, "31") }
    package func green(_ text: String) -> String { wrap(text, "32") }
    package func yellow(_ text: String) -> String { wrap(text, "33") }
    package func blue(_ text: String) -> String { wrap(text, "34") }
    package func cyan(_ text: String) -> String { wrap(text, "36") }

    private func wrap(_ text: String, _ code: String) -> String {
        isEnabled ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
