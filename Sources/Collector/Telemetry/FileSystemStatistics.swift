#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How much room a file system has.
struct FileSystemStatistics: Sendable {
    /// Bytes that a process without privileges may still write.
    let freeBytes: UInt64
    /// Bytes of the whole file system.
    let sizeBytes: UInt64

    /// Of the file system that a path is on; nil where the system does not tell.
    init?(path: String) {
        var found = statvfs()
        guard statvfs(path, &found) == 0 else { return nil }
        let unit = UInt64(found.f_frsize)
        freeBytes = UInt64(found.f_bavail).multipliedReportingOverflow(by: unit).partialValue
        sizeBytes = UInt64(found.f_blocks).multipliedReportingOverflow(by: unit).partialValue
    }
}
