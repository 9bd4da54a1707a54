import Foundation

/// An empty directory that is removed with its content.
package final class TemporaryDirectory {
    package let path: String

    package init() throws {
        var template = Array((NSTemporaryDirectory() + "/skein-bench-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw BenchmarkError("cannot make a temporary directory") }
        path = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    package func remove() {
        try? FileManager.default.removeItem(atPath: path)
    }
}

extension TemporaryDirectory {
    /// Bytes of all files in it and below, as their names list them.
    package var fileBytes: Int {
        guard let names = FileManager.default.enumerator(atPath: path) else { return 0 }
        var bytes = 0
        for case let name as String in names {
            var status = stat()
            if lstat(path + "/" + name, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
                bytes += Int(status.st_size)
            }
        }
        return bytes
    }
}
