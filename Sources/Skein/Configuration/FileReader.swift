#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Reads whole files, up to a bound.
enum FileReader {
    /// The system's error number.
    struct Failure: Error {
        let code: Int32
    }

    /// The first `bytesMax` bytes of a file. Files of `/proc` have no size, so it is not asked for.
    static func read(_ path: String, bytesMax: Int) throws(Failure) -> [UInt8] {
        // Without waiting: a pipe in the place of a file must not stop the process.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Failure(code: errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var code: Int32 = 0
        while bytes.count < bytesMax, code == 0 {
            let wanted = min(65_536, bytesMax - bytes.count)
            let part = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
                #if canImport(Darwin)
                    let result = Darwin.read(descriptor, buffer.baseAddress, wanted)
                #elseif canImport(Musl)
                    let result = Musl.read(descriptor, buffer.baseAddress, wanted)
                #else
                    let result = Glibc.read(descriptor, buffer.baseAddress, wanted)
                #endif
                code = result < 0 ? errno : 0
                count = max(0, result)
            }
            if code == EINTR {
                code = 0
                continue
            }
            if part.isEmpty { break }
            bytes += part
        }
        if code != 0 { throw Failure(code: code) }
        return bytes
    }
}
