extension FileSystem {
    /// Puts a file in the place of another in one step; when this returns it survives a loss of power.
    ///
    /// - Parameter temporary: Where it is written first, in the same directory.
    package func replace(
        _ path: String, in directory: String, with bytes: [UInt8], temporary: String
    ) throws(FileError) {
        let file = try open(temporary, .create)
        defer { file.close() }
        try file.writeAll(bytes, at: 0, path: temporary)
        try file.synchronize()
        try rename(temporary, to: path)
        try synchronizeDirectory(directory)
    }
}

extension File {
    /// Writes all bytes of the buffers, in as many calls as the file takes.
    package func writeAll(_ buffers: [UnsafeRawBufferPointer], at start: Int, path: String) throws(FileError) {
        var rest = buffers
        var offset = start
        rest.removeAll { $0.isEmpty }
        while !rest.isEmpty {
            var written = try write(rest, at: offset)
            guard written > 0 else { throw FileError.nothingWritten(path) }
            offset += written
            var passed = 0
            while passed < rest.count, written >= rest[passed].count {
                written -= rest[passed].count
                passed += 1
            }
            rest.removeFirst(passed)
            if written > 0, let first = rest.first { rest[0] = UnsafeRawBufferPointer(rebasing: first[written...]) }
        }
    }

    /// As ``writeAll(_:at:path:)`` for one array.
    package func writeAll(_ bytes: [UInt8], at start: Int, path: String) throws(FileError) {
        let result: Result<Void, FileError> = bytes.withUnsafeBytes { buffer in
            do throws(FileError) { return .success(try writeAll([buffer], at: start, path: path)) } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    /// Reads `count` bytes, fewer only at the end of the file.
    package func readBytes(at start: Int, count: Int) throws(FileError) -> [UInt8] {
        var failure: FileError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
            do throws(FileError) {
                while initializedCount < count {
                    let rest = UnsafeMutableRawBufferPointer(buffer)[initializedCount...]
                    let got = try read(
                        into: UnsafeMutableRawBufferPointer(rebasing: rest), at: start + initializedCount)
                    if got == 0 { return }
                    initializedCount += got
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }
}
