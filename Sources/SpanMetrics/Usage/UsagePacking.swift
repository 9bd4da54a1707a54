import TraceStorage

/// The compression of the file of one day, which goes on by slices: first all of it is checked, then it is written anew
/// beside the old file, whose place the new one takes in one step.
struct UsagePacking: Sendable {
    enum Outcome: Sendable {
        case unfinished
        /// It is compressed now, and takes so many bytes less.
        case packed(savedBytes: Int)
        /// It stays as it is: it is compressed already, or has something that does not check, which may be read in part.
        case left
    }

    /// A byte that is compressed costs about as much time as so many that are checked.
    private static let checksPerCompression = 4

    let name: String
    private let source: any File
    private let sourceBytes: Int
    /// How far it is: checked while there is no target, and then written.
    private var offset = 0
    /// How far the chunks that are to be kept reach. What follows the last one that completes a position is of a flush
    /// that failed, whose records were written again elsewhere.
    private var wholeBytes = 0
    private var position = JournalPosition.beginning
    private var target: (any File)?
    private var writer: RunWriter

    /// - Parameter name: A file of a day that is over: it does not change any more.
    init(_ name: String, of log: UsageLog) throws(FileError) {
        self.name = name
        writer = RunWriter(path: log.temporary(name), bytesGoal: min(UsagePack.contentBytesGoal, log.packedSliceBytes))
        source = try log.files.open(log.path(name), .read)
        do throws(FileError) { sourceBytes = try source.size() } catch {
            source.close()
            throw error
        }
    }

    /// Gives up what was begun, or ends it.
    func close() {
        source.close()
        target?.close()
    }

    /// Goes on until it is done or `bytes` are used up; what was written by then is durable.
    ///
    /// - Parameters:
    ///   - bytes: Bytes that may be compressed. What is used is taken off; may be used up a chunk too late.
    ///   - log: Whose file it is.
    mutating func goOn(_ bytes: inout Int, in log: UsageLog) throws(FileError) -> Outcome {
        if target == nil {
            guard try check(&bytes) else { return .left }
            guard offset == sourceBytes else { return .unfinished }
            guard wholeBytes > 0 else { return .left }
            target = try log.files.open(log.temporary(name), .create)
            offset = 0
        }
        guard let target else { return .left }
        let before = writer.bytes
        while offset < wholeBytes {
            guard bytes > 0 else {
                if writer.bytes > before { try target.synchronize() }
                return .unfinished
            }
            // It was checked above.
            guard let chunk = try UsageLog.chunk(in: source, from: offset, size: wholeBytes), chunk.start == offset,
                try writer.append(
                    chunk.payload, version: chunk.version,
                    try source.readBytes(at: offset, count: UsageChunk.headerBytes), to: target)
            else { return .left }
            bytes -= chunk.end - offset
            offset = chunk.end
        }
        guard try writer.finish(target) else { return .left }
        try target.synchronize()
        try log.files.rename(log.temporary(name), to: log.path(name))
        try log.files.synchronizeDirectory(log.directory)
        return .packed(savedBytes: sourceBytes - writer.bytes)
    }

    /// Looks at chunks that are not compressed.
    ///
    /// - Returns: false at something else, a torn end included.
    private mutating func check(_ bytes: inout Int) throws(FileError) -> Bool {
        while offset < sourceBytes, bytes > 0 {
            let start = try source.readBytes(at: offset, count: UsageChunk.headerBytes)
            guard let header = UsageChunk.Header(start[...]), UsageChunk.isKnown(header.version) else { return false }
            let end = offset + UsageChunk.headerBytes + header.payloadBytes
            // No further than its end: what follows one that does not check is not looked for.
            guard end <= sourceBytes, let chunk = try UsageLog.chunk(in: source, from: offset, size: end),
                chunk.start == offset
            else { return false }
            bytes -= max(1, (chunk.end - offset) / Self.checksPerCompression)
            offset = chunk.end
            guard let found = UsageChunk.position(chunk.payload[...]), found > position else { continue }
            (position, wholeBytes) = (found, offset)
        }
        return true
    }

    /// Puts chunks together to runs that are compressed.
    private struct RunWriter: Sendable {
        let path: String
        /// Of chunks that are compressed together, no more than a slice.
        let bytesGoal: Int
        var bytes = 0
        private var content: [UInt8] = []
        private var summary = UsagePack.Summary()

        init(path: String, bytesGoal: Int) { (self.path, self.bytesGoal) = (path, bytesGoal) }

        /// - Returns: false for a chunk that is none.
        mutating func append(
            _ payload: [UInt8], version: UInt32, _ header: [UInt8], to file: any File
        ) throws(FileError) -> Bool {
            if !content.isEmpty, content.count + payload.count > bytesGoal {
                guard try finish(file) else { return false }
            }
            content += header
            content += payload
            return summary.add(payload, version: version)
        }

        /// Writes what is there.
        mutating func finish(_ file: any File) throws(FileError) -> Bool {
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
