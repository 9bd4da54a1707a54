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
        /// A chunk that was written, for its room.
        var spare: UsageChunkWriter?
        /// Bytes of all files but the newest.
        var closedBytes = 0
        /// The files before this one were all looked at for compression, and those that were of the others.
        var packedBefore = ""
        var packed: Set<String> = []
        /// What retention has taken.
        var removed = UsageRemoved()
        var counts = UsageLogStatistics()
    }

    package let directory: String
    let files: any FileSystem
    /// Bytes of a file that is compressed which one call of ``packNext()`` takes.
    let packedSliceBytes: Int
    private let state = Mutex(State())
    /// The file that is being compressed, between two slices of it.
    let packing = Mutex<UsagePacking?>(nil)

    /// - Parameters:
    ///   - directory: Made when there is none.
    ///   - packedSliceBytes: Of a file that is compressed, at a checkpoint. 4 MiB, one run of chunks, are 40,000 calls and
    ///     take some 30 ms, so that a day of two million is compressed over five minutes of checkpoints.
    package init(
        directory: String, files: any FileSystem = POSIXFileSystem(), packedSliceBytes: Int = 4 << 20
    ) {
        self.directory = directory
        self.files = files
        self.packedSliceBytes = packedSliceBytes
    }

    // MARK: writing, from the derivation's thread

    /// Makes the directory and cuts off what a crash left of a chunk. To be called before the first record.
    ///
    /// - Throws: ``CheckpointError/futureVersion(path:found:supported:)`` where a newer program wrote the newest file.
    func open() throws(CheckpointError) {
        var found = State()
        let names: [String]
        do throws(FileError) {
            try files.createDirectory(directory)
            for name in try files.list(directory) where name.hasSuffix(Self.temporarySuffix) {
                try files.remove(path(name))
            }
            names = try self.names().sorted().reversed()
        } catch { throw .io(error) }
        for name in names {
            let file: any File
            do throws(FileError) { file = try files.open(path(name), .update) } catch { throw .io(error) }
            defer { file.close() }
            try refuseFutureVersion(name, file)
            found = try end(of: name, file)
            do throws(FileError) {
                if try file.size() > found.bytes { try file.truncate(to: found.bytes) }
                try file.synchronize()
            } catch { throw .io(error) }
            if found.bytes > 0 { break }
        }
        // The process before may have died before the newest file's name was durable.
        do throws(FileError) {
            try files.synchronizeDirectory(directory)
            for name in names where name != found.file { found.closedBytes += try size(of: name) }
        } catch { throw .io(error) }
        found.removed = try removed(names)
        state.withLock { $0 = found }
    }

    /// What retention took before. Where that is not known it may be all that is older than the oldest file.
    private func removed(_ names: [String]) throws(CheckpointError) -> UsageRemoved {
        if let removed = try UsageRemoved.read(self) { return removed }
        var removed = UsageRemoved()
        if let oldest = names.min() { removed.add(Self.start(of: oldest), .age) }
        return removed
    }

    /// - Parameter offset: Past the beginning only a chunk that checks is refused.
    private func refuseFutureVersion(_ name: String, _ file: any File, at offset: Int = 0) throws(CheckpointError) {
        let header: UsageChunk.Header
        do throws(FileError) {
            let start = try file.readBytes(at: offset, count: UsageChunk.headerBytes)
            guard let found = UsageChunk.Header(start[...]), found.version > UsagePack.versionMax else { return }
            header = found
            if offset > 0 {
                let payload = try file.readBytes(at: offset + UsageChunk.headerBytes, count: header.payloadBytes)
                guard payload.count == header.payloadBytes, header.isRight(payload) else { return }
            }
        } catch { throw .io(error) }
        throw .futureVersion(
            path: path(name), found: "format version \(header.version)", supported: "at most \(UsagePack.versionMax)")
    }

    /// How far a file reaches: behind the last chunk that completes a position. What is damaged before that stays, and
    /// what a newer program wrote behind a chunk that checks is not taken for damage.
    private func end(of name: String, _ file: any File) throws(CheckpointError) -> State {
        var found = State()
        found.file = name
        let size: Int
        do throws(FileError) { size = try file.size() } catch { throw .io(error) }
        var offset = 0
        while let chunk = try nextChunk(in: file, from: offset, size: size) {
            if chunk.start > offset { try refuseFutureVersion(name, file, at: offset) }
            offset = chunk.end
            guard let position = UsageChunk.position(chunk.payload[...]), position > found.position else { continue }
            (found.position, found.bytes) = (position, offset)
        }
        try refuseFutureVersion(name, file, at: offset)
        return found
    }

    private func nextChunk(
        in file: any File, from offset: Int, size: Int
    ) throws(CheckpointError) -> (version: UInt32, payload: [UInt8], start: Int, end: Int)? {
        do throws(FileError) { return try Self.chunk(in: file, from: offset, size: size) } catch { throw .io(error) }
    }

    /// A chunk that checks, at `offset` or, where what is there does not, behind it; nil when none follows.
    static func chunk(
        in file: any File, from offset: Int, size: Int
    ) throws(FileError) -> (version: UInt32, payload: [UInt8], start: Int, end: Int)? {
        var offset = offset
        while offset < size {
            let start = try file.readBytes(at: offset, count: UsageChunk.headerBytes)
            if let header = UsageChunk.Header(start[...]), header.version <= UsagePack.versionMax {
                let payload = try file.readBytes(at: offset + UsageChunk.headerBytes, count: header.payloadBytes)
                if payload.count == header.payloadBytes, header.isRight(payload) {
                    return (header.version, payload, offset, offset + UsageChunk.headerBytes + payload.count)
                }
            }
            guard let next = try magic(in: file, from: offset + 1, size: size) else { return nil }
            offset = next
        }
        return nil
    }

    /// Where the next chunk may begin.
    private static func magic(in file: any File, from offset: Int, size: Int) throws(FileError) -> Int? {
        var offset = offset
        while offset < size {
            let bytes = try file.readBytes(at: offset, count: min(searchBytes, size - offset))
            for index in 0..<max(0, bytes.count - 3) where bytes[index] == UsageChunk.magic[0] {
                if bytes[index..<index + 4].elementsEqual(UsageChunk.magic) { return offset + index }
            }
            offset += max(1, bytes.count - 3)
        }
        return nil
    }

    /// Bytes looked through at a time.
    private static let searchBytes = 1 << 20

    /// Adds what is found with a batch, unless the files have it.
    ///
    /// - Parameter position: Of the batch.
    func withAppender<Result>(at position: JournalPosition, _ body: (inout Appender) -> Result) -> Result {
        state.withLock { state in
            var appender = Appender(isNew: position > state.position)
            swap(&appender.pending, &state.pending)
            swap(&appender.spare, &state.spare)
            appender.beginsChunk = state.isFlushing
            defer {
                swap(&appender.pending, &state.pending)
                swap(&appender.spare, &state.spare)
                if appender.hasAppended {
                    state.isFlushing = false
                    state.pendingPosition = position
                }
            }
            return body(&appender)
        }
    }

    /// Takes records into the log.
    struct Appender: UsageSink {
        /// False for what the files have.
        let isNew: Bool
        fileprivate var pending: [UsageChunkWriter] = []
        fileprivate var spare: UsageChunkWriter?
        fileprivate var beginsChunk = false
        fileprivate var hasAppended = false

        fileprivate init(isNew: Bool) { self.isNew = isNew }

        mutating func add(_ entry: UsageEntry, of tenant: TenantID, _ texts: TextTable) {
            guard isNew else { return }
            hasAppended = true
            if beginsChunk || pending.last?.isFull ?? true {
                pending.append(spare.take() ?? UsageChunkWriter())
                beginsChunk = false
            }
            pending[pending.count - 1].append(entry, of: tenant, texts)
        }
    }

    /// Makes all records durable.
    ///
    /// - Parameter day: The day of the records' arrival, in days since 1970; files of earlier days are complete.
    /// - Parameter names: The attribution keys of the records.
    func flush(day: UInt64, names: [String]) throws(FileError) {
        var before = state.withLock { state in
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
            // Only with the last of them is everything up to the position there; a start takes back those without one.
            let isLast = number == before.pending.count - 1
            let chunk = writer.chunk(position: isLast ? before.pendingPosition : .beginning, names: names)
            try file.writeAll(chunk, at: bytes, path: path(name))
            bytes += chunk.count
        }
        try file.synchronize()
        if isNew { try files.synchronizeDirectory(directory) }
        state.withLock { state in
            if isNew { state.closedBytes += state.bytes }
            (state.file, state.bytes, state.position) = (name, bytes, before.pendingPosition)
            state.pending.removeFirst(before.pending.count)
        }
        // Not to be filled before nothing else holds it: it would be copied.
        guard var spare = before.pending.popLast() else { return }
        before.pending = []
        spare.clear()
        state.withLock { $0.spare = spare }
    }

    /// Whether a file can go because all together have more than `bytesMax` bytes.
    func isOver(bytesMax: Int) -> Bool {
        state.withLock { $0.closedBytes > 0 && $0.closedBytes + $0.bytes > bytesMax }
    }

    /// Removes the files of days before `day`, and the oldest while all together have more than `bytesMax` bytes. The
    /// newest stays. What goes is written down first, so that no answer takes it for nothing.
    func retain(from day: UInt64, bytesMax: Int) throws(FileError) {
        let (newest, before) = state.withLock { ($0.file, $0.removed) }
        var bytes = 0
        var kept = 0
        var removed = before
        var leaving: [(name: String, size: Int, reason: UsageLogStatistics.Reason)] = []
        for name in try names().sorted().reversed() {
            let size = try size(of: name)
            bytes += size
            let isOld = name < Self.name(day: day)
            if name < newest, isOld || bytes > bytesMax {
                leaving.append((name, size, isOld ? .age : .size))
                removed.add(lastTime(in: name), isOld ? .age : .size)
            } else if name != newest {
                kept += size
            }
        }
        if removed != before {
            try removed.write(self)
            state.withLock { $0.removed = removed }
        }
        for (name, size, reason) in leaving {
            stopPacking(name)
            try files.remove(path(name))
            state.withLock { state in
                state.counts.deletedDays[reason, default: 0] += 1
                state.counts.deletedBytes[reason, default: 0] += UInt64(size)
            }
        }
        state.withLock { $0.closedBytes = kept }
    }

    package var statistics: UsageLogStatistics {
        state.withLock { state in
            var result = state.counts
            result.diskBytes = state.closedBytes + state.bytes
            return result
        }
    }

    func withState<Result>(_ body: (inout State) -> Result) -> Result { state.withLock { body(&$0) } }

    private func size(of name: String) throws(FileError) -> Int {
        let file = try files.open(path(name), .read)
        defer { file.close() }
        return try file.size()
    }

    // MARK: reading, from any thread

    func snapshot() -> State { state.withLock { $0 } }

    /// Calls `body` with each record of a range of time. Stops early when it says so, and looks at `goesOn` before each
    /// chunk.
    ///
    /// - Parameter names: The attribution keys, in whose order records come.
    /// - Returns: Chunks that were passed over because they do not check.
    /// - Throws: ``CheckpointError`` for files that cannot be read.
    func forEach(
        in range: TimeRange, at now: State, names: [String], goesOn: () -> Bool, _ body: (UsageRecord) -> Bool
    ) throws(CheckpointError) -> Int {
        try forEachPayload(in: range, at: now, names: names, goesOn: goesOn) { payload in
            var goesOn = true
            let isWhole = UsageChunk.forEach(payload[...], names: names) { record in
                if goesOn, range.contains(record.time) { goesOn = body(record) }
            }
            return (isWhole, goesOn)
        }
    }

    /// Calls `body` with the payload of each ``UsageChunk`` that may have records of a range of time, until it says that
    /// it is enough. It also says whether the payload was whole.
    ///
    /// - Parameter names: The attribution keys of what is in no file yet.
    /// - Returns: Chunks that were passed over because they do not check, or were not whole.
    func forEachPayload(
        in range: TimeRange, at now: State, names: [String], goesOn: () -> Bool,
        _ body: ([UInt8]) -> (isWhole: Bool, goesOn: Bool)
    ) throws(CheckpointError) -> Int {
        var reading = Reading(range: range)
        let kept: [String]
        do throws(FileError) { kept = try self.names().filter { $0 <= now.file }.sorted() } catch { throw .io(error) }
        for name in kept where !reading.isStopped {
            let file: any File
            do throws(FileError) { file = try files.open(path(name), .read) } catch {
                // Retention may have removed it since.
                if error.isNotFound { continue }
                throw .io(error)
            }
            defer { file.close() }
            try refuseFutureVersion(name, file)
            do throws(FileError) {
                try read(file, bytes: name == now.file ? now.bytes : .max, &reading, goesOn, body)
            } catch { throw .io(error) }
        }
        for writer in now.pending where !reading.isStopped && goesOn() {
            reading.take(writer.payload(position: now.pendingPosition, names: names), body)
        }
        return reading.damaged
    }

    private struct Reading {
        let range: TimeRange
        var isStopped = false
        var damaged = 0

        mutating func take(_ payload: [UInt8], _ body: ([UInt8]) -> (isWhole: Bool, goesOn: Bool)) {
            let (isWhole, goesOn) = body(payload)
            isStopped = !goesOn
            if !isWhole { damaged += 1 }
        }

        /// Takes the chunks of a run that may have records of the range.
        mutating func take(
            packed payload: [UInt8], _ goesOn: () -> Bool, _ body: ([UInt8]) -> (isWhole: Bool, goesOn: Bool)
        ) {
            guard let content = UsagePack.content(of: payload) else {
                damaged += 1
                return
            }
            let isWhole = UsagePack.forEachPayload(content) { payload in
                guard goesOn() else {
                    isStopped = true
                    return false
                }
                if let times = UsageChunk.times(payload[...]), !mayHold(times) { return true }
                take(payload, body)
                return !isStopped
            }
            if !isWhole { damaged += 1 }
        }

        /// Whether records between two times may be of the range.
        func mayHold(_ times: ClosedRange<UInt64>) -> Bool {
            times.upperBound >= range.start && times.lowerBound < range.end
        }
    }

    private func read(
        _ file: any File, bytes: Int, _ reading: inout Reading, _ goesOn: () -> Bool,
        _ body: ([UInt8]) -> (isWhole: Bool, goesOn: Bool)
    ) throws(FileError) {
        let size = min(bytes, try file.size())
        var offset = 0
        while offset < size, !reading.isStopped {
            guard goesOn() else { return }
            if let next = try passedOver(file, offset, reading) {
                offset = next
                continue
            }
            let chunk = try Self.chunk(in: file, from: offset, size: size)
            if chunk?.start != offset { reading.damaged += 1 }
            guard let chunk else { return }
            offset = chunk.end
            if UsagePack.isPacked(chunk.version) {
                reading.take(packed: chunk.payload, goesOn, body)
            } else {
                reading.take(chunk.payload, body)
            }
        }
    }

    /// The end of a chunk whose times say that nothing of it is asked for; nil when it has to be read.
    private func passedOver(_ file: any File, _ offset: Int, _ reading: Reading) throws(FileError) -> Int? {
        let start = try file.readBytes(at: offset, count: UsageChunk.headerBytes + UsageChunk.timesBytesMax)
        guard start.count > UsageChunk.headerBytes, let header = UsageChunk.Header(start[...]),
            header.version <= UsagePack.versionMax, let times = UsageChunk.times(start[UsageChunk.headerBytes...]),
            !reading.mayHold(times)
        else { return nil }
        return offset + UsageChunk.headerBytes + header.payloadBytes
    }

    // MARK: names

    func names() throws(FileError) -> [String] {
        try files.list(directory).filter { $0.hasPrefix("usage-") && $0.hasSuffix(".v1") }
    }

    func path(_ name: String) -> String { directory + "/" + name }

    /// Days as six digits sort as they follow one another until the year 4700.
    private static func name(day: UInt64) -> String {
        let digits = String(day)
        return "usage-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits + ".v1"
    }
}

/// What the files of usage records come to; counts begin at zero with the process.
package struct UsageLogStatistics: Hashable, Sendable {
    /// Why records were deleted.
    package enum Reason: String, CaseIterable, Sendable {
        /// They came in longer ago than they are kept.
        case age
        /// All together had too many bytes.
        case size
    }

    /// Bytes of all files.
    package var diskBytes = 0
    /// Days whose records were deleted, and the bytes of their files.
    package var deletedDays: [Reason: UInt64] = [:]
    package var deletedBytes: [Reason: UInt64] = [:]
    /// Times that a file of a day that is over could not be compressed.
    package var failedCompressions: UInt64 = 0
}
