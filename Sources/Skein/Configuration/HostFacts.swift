#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// What the process can say about itself and its machine.
enum HostFacts {
    /// The executable's file name as it was started.
    static var executableName: String? {
        CommandLine.arguments.first?.split(separator: "/").last.map(String.init)
    }

    /// The executable's file; outside Linux only where it was started by a path.
    static var executablePath: String? {
        // The longest path that either system makes, and its end.
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX) + 1) { buffer in
            buffer.initialize(repeating: 0)
            guard let base = buffer.baseAddress else { return nil }
            #if canImport(Darwin)
                guard let started = CommandLine.arguments.first, started.contains("/"), realpath(started, base) != nil
                else { return nil }
            #else
                guard readlink("/proc/self/exe", base, buffer.count - 1) > 0 else { return nil }
            #endif
            return String(cString: base)
        }
    }

    static var hostName: String? {
        // POSIX allows 255 bytes.
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            buffer.initialize(repeating: 0)
            guard let base = buffer.baseAddress, gethostname(base, buffer.count - 1) == 0 else { return nil }
            let name = String(cString: base)
            return name.isEmpty ? nil : name
        }
    }

    /// A random UUID (version 4) in its usual form.
    static func randomUUID() -> String {
        var generator = SystemRandomNumberGenerator()
        let high = generator.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let low = generator.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        let digits = [high, low].map { number in
            let hex = String(number, radix: 16)
            return String(repeating: "0", count: 16 - hex.count) + hex
        }.joined()
        var text = ""
        for (index, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(index) { text += "-" }
            text.append(digit)
        }
        return text
    }

    static var architecture: String {
        #if arch(x86_64)
            "amd64"
        #elseif arch(arm64)
            "arm64"
        #else
            "unknown"
        #endif
    }

    static var osType: String {
        #if canImport(Darwin)
            "darwin"
        #else
            "linux"
        #endif
    }

    /// The compiler this was built with, which brought the runtime; nil for one that is newer than this list.
    static var compilerVersion: String? {
        #if compiler(>=6.5)
            nil
        #elseif compiler(>=6.4)
            "6.4"
        #elseif compiler(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }
}
