import EmbeddedStore
import TraceStorage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A directory that goes with the last reference to it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/skein-store-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress, mkdtemp(base) != nil else {
                preconditionFailure("no directory in /tmp")
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
