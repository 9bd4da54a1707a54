import Synchronization
import TraceStorage

/// Where usage records are kept: files by the day of arrival in a directory of their own, each a run of chunks.
///
/// Each chunk says up to which batch of the journal its records go. A start replays the journal from the derivation's
/// checkpoint, which may be older: what is found again is left out, so that a record is neither lost nor doubled.
package final class UsageLog: Sendable {
    /// The log as it is at one moment.
    struct State: Sendable {
        /// The newest file, empty where there is none, and how far its whole chunks reach.
        var file = ""
        var bytes = 0
        /// Everything found up to here is in the files.
        var position = JournalPosition.beginning
        /// Records that are in no file yet, a chunk each, and up to where they go.
        var pending: [UsageChunkWriter] = []
        var pendingPosition = JournalPosition.beginning
        /// The pending chunks are being written, so that the next record begins one.
        var isFlushing = false
    }

    package let directory: String
    private let files: any FileSystem
    private let state = Mutex(State())

    /// - Parameter directory: Made when there is none.
    package init(directory: String, files: any FileSystem = POSIXFileSystem()) {
        self.directory = directory
        self.files = files
    }

    // MARK: writing, from the derivation's thread

    /// Makes the directory and cuts off what a crash left of a chunk. To be called before the first record.
    func open() throws(CheckpointError) {
        var found = State()
        do throws(FileError) {
            try files.createDirectory(directory)
            for name in try names().sorted().reversed() {
                let file = try files.open(path(name), .update)
                defer { file.close() }
                found = try end(of: name, file)
                if try file.size() > found.bytes { try file.truncate(to: found.bytes) }
                try file.synchronize()
                if found.bytes > 0 { break }
            }
            // The process before may have died before the newest file's name was durable.
            try files.synchronizeDirectory(directory)
        } catch { throw .io(error) }
        state.withLock { $0 = found }
    }

    private func end(of name: String, _ file: any File) throws(FileError) -> State {
        var found = State()
        found.file = name
        let size = try file.size()
        while found.bytes < size {
            let start = try file.readBytes(at: found.bytes, count: UsageChunk.headerBytes)
            // A future version is left as it is: reading it says so.
            guard let header = UsageChunk.Header(start[...]) else { break }
            let payload = try file.readBytes(at: found.bytes + UsageChunk.headerBytes, count: header.payloadBytes)
            guard payload.count == header.payloadBytes, header.isRight(payload) else { break }
            if let position = UsageChunk.position(payload[...]) { found.position = position }
            found.bytes += UsageChunk.headerBytes + payload.count
        }
        return found
    }

    /// Adds what was found with a batch, unless the files have it.
    func append(_ records: [UsageRecord], at position: JournalPosition) {
        state.withLock { state in
            guard position > state.position else { return }
            for index in records.indices {
                if state.isFlushing || state.pending.last?.isFull ?? true {
                    state.pending.append(UsageChunkWriter())
                    state.isFlushing = false
                }
                state.pending[state.pending.count - 1].append(records[index])
            }
            state.pendingPosition = position
        }
    }

    /// Makes all records durable.
    ///
    /// - Parameter day: The day of the records' arrival, in days since 1970; files of earlier days are complete.
    func flush(day: UInt64) throws(FileError) {
        let before = state.withLock { state in
            state.isFlushing = true
            return state
        }
        guard !before.pending.isEmpty else { return }
        let name = max(Self.name(day: day), before.file)
        let isNew = name != before.file
        let file = try files.open(path(name), isNew ? .create : .update)
        defer { file.close() }
        var bytes = isNew ? 0 : before.bytes
        for (number, writer) in before.pending.enumerated() {
            // Only with the last of them is everything up to the position there.
            let isLast = number == before.pending.count - 1
            let chunk = writer.chunk(position: isLast ? before.pendingPosition : before.position)
            try file.writeAll(chunk, at: bytes, path: path(name))
            bytes += chunk.count
        }
        try file.synchronize()
        if isNew { try files.synchronizeDirectory(directory) }
        state.withLock { state in
            (state.file, state.bytes, state.position) = (name, bytes, before.pendingPosition)
            state.pending.removeFirst(before.pending.count)
        }
    }

    /// Removes the files of days before `day`, and the oldest while all together have more than `bytesMax` bytes. The
    /// newest stays.
    func retain(from day: UInt64, bytesMax: Int) throws(FileError) {
        let newest = state.withLock { $0.file }
        var bytes = 0
        for name in try names().sorted().reversed() {
            let file = try files.open(path(name), .read)
            bytes += try file.size()
            file.close()
            if name < newest, name < Self.name(day: day) || bytes > bytesMax { try files.remove(path(name)) }
        }
    }

    // MARK: reading, from any thread

    func snapshot() -> State { state.withLock { $0 } }

    /// Calls `body` with each record of a range of time. Stops early when it says so.
    ///
    /// - Throws: ``CheckpointError`` for files that cannot be read or do not check.
    func forEach(
        in range: TimeRange, at now: State, _ body: (UsageRecord) -> Bool
    ) throws(CheckpointError) {
        let names: [String]
        do throws(FileError) { names = try self.names().filter { $0 <= now.file }.sorted() } catch { throw .io(error) }
        for name in names {
            guard try read(name, bytes: name == now.file ? now.bytes : .max, range, body) else { return }
        }
        for writer in now.pending {
            let payload = writer.payload(position: now.pendingPosition)
            guard try read(payload, of: now.file, at: now.bytes, range, body) else { return }
        }
    }

    private func read(
        _ name: String, bytes: Int, _ range: TimeRange, _ body: (UsageRecord) -> Bool
    ) throws(CheckpointError) -> Bool {
        let content: (file: any File, size: Int)
        do throws(FileError) {
            let file = try files.open(path(name), .read)
            content = (file, min(bytes, try file.size()))
        } catch {
            // Retention may have removed it since.
            if error.isNotFound { return true }
            throw .io(error)
        }
        defer { content.file.close() }
        var offset = 0
        while offset < content.size {
            let payload = try payload(of: name, content.file, at: offset)
            offset += UsageChunk.headerBytes + payload.count
            guard let times = UsageChunk.times(payload[...]) else { throw damaged(name, offset) }
            if times.upperBound < range.start || times.lowerBound >= range.end { continue }
            guard try read(payload, of: name, at: offset, range, body) else { return false }
        }
        return true
    }

    /// - Returns: False when `body` wants no more.
    private func read(
        _ payload: [UInt8], of name: String, at offset: Int, _ range: TimeRange, _ body: (UsageRecord) -> Bool
    ) throws(CheckpointError) -> Bool {
        var isStopped = false
        let isWhole = UsageChunk.forEach(payload[...]) { record in
            if !isStopped, range.contains(record.time) { isStopped = !body(record) }
        }
        guard isWhole else { throw damaged(name, offset) }
        return !isStopped
    }

    private func payload(of name: String, _ file: any File, at offset: Int) throws(CheckpointError) -> [UInt8] {
        let start: [UInt8]
        let payload: [UInt8]
        do throws(FileError) {
            start = try file.readBytes(at: offset, count: UsageChunk.headerBytes)
            let bytes = UsageChunk.Header(start[...])?.payloadBytes ?? 0
            payload = try file.readBytes(at: offset + UsageChunk.headerBytes, count: bytes)
        } catch { throw .io(error) }
        guard let header = UsageChunk.Header(start[...]) else { throw damaged(name, offset) }
        guard header.version <= UsageChunk.version else {
            throw .futureVersion(
                path: path(name), found: "format version \(header.version)", supported: "at most \(UsageChunk.version)")
        }
        guard payload.count == header.payloadBytes, header.isRight(payload) else {
            throw damaged(name, offset)
        }
        return payload
    }

    private func damaged(_ name: String, _ offset: Int) -> CheckpointError {
        .corrupt(path: path(name), reason: "the chunk of usage records at or before byte \(offset) does not check")
    }

    // MARK: names

    private func names() throws(FileError) -> [String] {
        try files.list(directory).filter { $0.hasPrefix("usage-") && $0.hasSuffix(".v1") }
    }

    private func path(_ name: String) -> String { directory + "/" + name }

    /// Days as six digits sort as they follow one another until the year 4700.
    private static func name(day: UInt64) -> String {
        let digits = String(day)
        return "usage-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits + ".v1"
    }
}
