import TraceStorage

/// Compression of the files of days that are over.
extension UsageLog {
    /// Compresses the file of one day before the newest, if one is not compressed yet. To be called from the
    /// derivation's thread, which it holds up for about a second for two million calls.
    ///
    /// The new file takes the place of the old one in one step, so that a crash leaves one of them, and a reader that has
    /// the old one open reads on in it. What the disk refuses is counted, and tried again on the next day or start.
    func packNext() {
        let (newest, done) = withState { ($0.file, $0.packedBefore) }
        guard newest != done else { return }
        let names: [String]
        do throws(FileError) { names = try self.names().filter { $0 < newest && !isPacked($0) }.sorted() } catch {
            withState { $0.counts.failedCompressions += 1 }
            return
        }
        for name in names.reversed() {
            var isPacked = false
            do throws(FileError) {
                isPacked = try pack(name)
            } catch {
                try? files.remove(temporary(name))
                withState { $0.counts.failedCompressions += 1 }
            }
            withState { _ = $0.packed.insert(name) }
            if isPacked { return }
        }
        withState { state in
            state.packedBefore = newest
            state.packed = []
        }
    }

    private func isPacked(_ name: String) -> Bool { withState { $0.packed.contains(name) } }

    func temporary(_ name: String) -> String { path(name) + Self.temporarySuffix }

    static let temporarySuffix = ".tmp"

    /// Leaves a file as it is that is compressed already, or has something that does not check, which may be read in
    /// part.
    ///
    /// - Returns: Whether it is compressed now and was not.
    private func pack(_ name: String) throws(FileError) -> Bool {
        let source = try files.open(path(name), .read)
        defer { source.close() }
        let start = try source.readBytes(at: 0, count: UsageChunk.headerBytes)
        guard UsageChunk.Header(start[...])?.version == UsageChunk.version, let bytes = try bytesToPack(source) else {
            return false
        }
        let target = try files.open(temporary(name), .create)
        defer { target.close() }
        var writer = PackWriter(file: target, path: temporary(name))
        var offset = 0
        while offset < bytes {
            // It was checked above, and files of days that are over do not change.
            guard let chunk = try Self.chunk(in: source, from: offset, size: bytes), chunk.start == offset,
                try writer.append(chunk.payload, try source.readBytes(at: offset, count: UsageChunk.headerBytes))
            else {
                try files.remove(temporary(name))
                return false
            }
            offset = chunk.end
        }
        guard try writer.finish() else {
            try files.remove(temporary(name))
            return false
        }
        try target.synchronize()
        let before = try source.size()
        try files.rename(temporary(name), to: path(name))
        try files.synchronizeDirectory(directory)
        withState { $0.closedBytes += writer.bytes - before }
        return true
    }

    /// How far the whole chunks of a file of version 1 reach; nil for other files, and where something does not check,
    /// a torn end included.
    ///
    /// What follows the last chunk that completes a position is of a flush that failed, whose records were written
    /// again elsewhere.
    private func bytesToPack(_ file: any File) throws(FileError) -> Int? {
        let size = try file.size()
        var offset = 0
        var whole = 0
        var position = JournalPosition.beginning
        while let chunk = try Self.chunk(in: file, from: offset, size: size) {
            guard chunk.version == UsageChunk.version, chunk.start == offset else { return nil }
            offset = chunk.end
            guard let found = UsageChunk.position(chunk.payload[...]), found > position else { continue }
            (position, whole) = (found, offset)
        }
        return whole > 0 && offset == size ? whole : nil
    }

    private struct PackWriter {
        let file: any File
        let path: String
        var bytes = 0
        private var content: [UInt8] = []
        private var summary = UsagePack.Summary()

        init(file: any File, path: String) {
            self.file = file
            self.path = path
        }

        /// - Returns: false for a chunk that is none.
        mutating func append(_ payload: [UInt8], _ header: [UInt8]) throws(FileError) -> Bool {
            if !content.isEmpty, content.count + payload.count > UsagePack.contentBytesGoal {
                guard try finish() else { return false }
            }
            content += header
            content += payload
            return summary.add(payload)
        }

        /// Writes what is there.
        mutating func finish() throws(FileError) -> Bool {
            guard !content.isEmpty else { return true }
            guard let chunk = UsagePack.chunk(of: content, summary) else { return false }
            try file.writeAll(chunk, at: bytes, path: path)
            bytes += chunk.count
            content.removeAll(keepingCapacity: true)
            summary = UsagePack.Summary()
            return true
        }
    }
}
