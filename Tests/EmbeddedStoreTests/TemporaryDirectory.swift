import EmbeddedStore
import TraceStorage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A directory that goes with the last reference to it; in memory where the system has a place for that, because tests
/// of faults sync some 100,000 times.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        let parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        var template = Array("\(parent)/skein-store-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress, mkdtemp(base) != nil else {
                preconditionFailure("no directory in \(parent)")
            }
            return String(cString: base)
        }
    }

    deinit {
        Self.remove(path)
    }

    private static func remove(_ path: String) {
        let files = StoreFiles(POSIXFileSystem())
        for name in (try? files.names(in: path)) ?? [] {
            if unlink(path + "/" + name) != 0 { remove(path + "/" + name) }
        }
        rmdir(path)
    }

    func names() throws -> [String] { try StoreFiles(POSIXFileSystem()).names(in: path).sorted() }

    func bytes(_ name: String) throws -> [UInt8] {
        let file = try StoreFiles(POSIXFileSystem()).open(path + "/" + name)
        return try file.read(at: 0, count: Int(file.bytes))
    }

    func write(_ bytes: [UInt8], to name: String) throws {
        try StoreFiles(POSIXFileSystem()).write(bytes, to: path + "/" + name)
    }
}
