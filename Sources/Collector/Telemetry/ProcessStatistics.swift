import CPlatform

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What the system says about this process.
package enum ProcessStatistics {
    /// Resident memory in bytes; 0 where the system does not tell.
    package static func residentBytes() -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var text = [CChar](repeating: 0, count: 128)
        guard fgets(&text, Int32(text.count), file) != nil else { return 0 }
        let fields = text.prefix { $0 != 0 }.split(separator: CChar(UInt8(ascii: " ")))
        guard fields.count > 1 else { return 0 }
        let pages = fields[1].reduce(0) { $0 &* 10 &+ Int($1) &- 48 }
        return pages &* sysconf(Int32(_SC_PAGESIZE))
    }

    /// CPU seconds of user and system time together.
    package static func cpuSeconds() -> Double {
        Double(skein_cpu_nanoseconds()) / 1e9
    }

    /// Unix nanoseconds.
    package static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
