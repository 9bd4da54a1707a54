import TraceStorage

/// An append on its way to the writer.
struct PendingAppend: Sendable {
    let request: JournalRequest
    let recordBytes: Int
    let bodyChecksum: UInt32
    let continuation: AppendContinuation
}

typealias AppendContinuation = CheckedContinuation<Result<AppendResult, JournalError>, Never>

/// Everything that appenders, the writer and readers share, under one ``Monitor``.
struct JournalState {
    enum Phase: Comparable {
        /// Recovered; readers register.
        case opened
        case running
        /// Takes no appends any more; what was taken is being written.
        case draining
        /// All is written; readers take what is left and commit.
        case drained
        /// Readers get nothing any more.
        case finishing
        case finished
    }

    let configuration: JournalConfiguration
    var phase = Phase.opened
    var queue: [PendingAppend] = []
    var queuedBytes = 0
    var duplicates: DuplicateTable
    /// Copies of requests that are being written, sent by clients that did not wait.
    var followers: [RequestDigest: [AppendContinuation]] = [:]

    /// From old to new; the last one is written to.
    var segments: [Segment]
    var recent: RecentEntries
    /// While readers are behind, no group is taken before this reading of the clock.
    var nextGroupAt: UInt64 = 0
    /// Since when the next group waits for readers, if it does.
    var pausedSince: UInt64?
    var unsynchronized = UnsynchronizedFiles()
    /// Of the next record. Greater than `end.next` only when positions were given away that the disk lost.
    var nextPosition: JournalPosition
    /// The last position that readers may see.
    var end: JournalPosition

    var readers: [String: ReaderState] = [:]
    private var readerGeneration = 0
    var cursorsChanged = false
    /// Those who wait for the next phase.
    private var waiters: [CheckedContinuation<Void, Never>] = []
    var reclaimIsDue = false
    var metrics = JournalMetrics()

    init(configuration: JournalConfiguration, recovery: JournalRecovery) {
        self.configuration = configuration
        duplicates = recovery.duplicates
        segments = recovery.segments
        recent = RecentEntries(bytesMax: configuration.recentBytesMax)
        nextPosition = recovery.nextPosition
        end = JournalPosition(recovery.nextPosition.rawValue - 1)
        metrics.truncatedBytes = recovery.report.truncatedBytes
        metrics.truncations = recovery.report.truncations.count
        metrics.damagedRecords = recovery.report.lostRecords
        metrics.damagedSpans = recovery.report.lostSpans
    }

    /// Of segment headers and records.
    var usedBytes: Int { segments.reduce(0) { $0 + $1.endOffset } }
    /// What the segments take on the disk, room for records to come included.
    var diskBytes: Int { segments.reduce(0) { $0 + $1.fileBytes } }
    var total: JournalVolume { segments.last?.total ?? JournalVolume() }

    /// Tells readers of one name apart.
    mutating func nextReaderGeneration() -> Int {
        readerGeneration += 1
        return readerGeneration
    }

    /// Keeps a continuation until a phase is reached; false when it is there already.
    mutating func wait(for target: Phase, _ waiter: CheckedContinuation<Void, Never>) -> Bool {
        guard phase < target else { return false }
        waiters.append(waiter)
        return true
    }

    mutating func takeWaiters() -> [CheckedContinuation<Void, Never>] {
        defer { waiters = [] }
        return waiters
    }

    // MARK: appends

    enum Admission {
        case queued
        /// Waits for the copy of the request that is being written.
        case following
        case answered(Result<AppendResult, JournalError>)
    }

    mutating func admit(_ append: PendingAppend) -> Admission {
        let request = append.request
        guard phase == .running else { return .answered(.failure(.closed)) }
        switch duplicates.match(request.digest, receivedAt: request.receivedAt) {
        case .known(let position):
            metrics.duplicates += 1
            return .answered(.success(.duplicate(position)))
        case .pending:
            followers[request.digest, default: []].append(append.continuation)
            return .following
        case .none: break
        }
        let limit = configuration.queueBytesMax
        if queuedBytes > 0, queuedBytes + append.recordBytes > limit {
            metrics.busyAppends += 1
            return .answered(.failure(.busy(queuedBytes: queuedBytes, limitBytes: limit)))
        }
        if let error = capError(append.recordBytes) {
            metrics.fullAppends += 1
            return .answered(.failure(error))
        }
        duplicates.begin(request.digest, receivedAt: request.receivedAt)
        queue.append(append)
        queuedBytes += append.recordBytes
        return .queued
    }

    /// Takes appends from the queue that fit in one write, and in one segment that is written up to `endOffset`.
    mutating func takeGroup(recordsMax: Int, bytesMax: Int, endOffset: Int) -> ArraySlice<PendingAppend> {
        var bytes = 0
        let segmentBytes = configuration.segmentBytes
        var room = segmentBytes - endOffset
        if let first = queue.first, first.recordBytes > room { room = segmentBytes - SegmentFormat.headerBytes }
        var count = 0
        while count < queue.count, count < recordsMax {
            let next = queue[count].recordBytes
            if count > 0, bytes + next > min(bytesMax, room) { break }
            bytes += next
            count += 1
        }
        let group = queue[..<count]
        queue.removeFirst(count)
        return group
    }

    /// What the appends of a group are told once the lock is given back.
    typealias Answers = [(AppendContinuation, Result<AppendResult, JournalError>)]

    /// Makes a written group visible to readers.
    mutating func publish(_ group: ArraySlice<PendingAppend>, at start: Int) -> Answers {
        var answers: Answers = []
        var offset = start
        metrics.groups += 1
        for append in group {
            let position = nextPosition
            let request = append.request
            let spans = UInt32(truncatingIfNeeded: request.batch.spans.count)
            segments[segments.count - 1].append(
                position: position, start: offset, bytes: append.recordBytes, spans: spans,
                receivedAt: request.receivedAt)
            offset += append.recordBytes
            nextPosition = position.next
            end = position
            metrics.appendedRecords += 1
            metrics.appendedBytes += append.recordBytes
            metrics.appendedSpans += request.batch.spans.count
            queuedBytes -= append.recordBytes
            duplicates.insert(request.digest, position: position, receivedAt: request.receivedAt)
            if !readers.isEmpty { recent.append(JournalEntry(request, position: position)) }
            answers.append((append.continuation, .success(.appended(position))))
            for follower in followers.removeValue(forKey: request.digest) ?? [] {
                metrics.duplicates += 1
                answers.append((follower, .success(.duplicate(position))))
            }
        }
        return answers
    }

    /// The position of the next record to be written. Under `fsync` records are written before they are published.
    var writePosition: JournalPosition {
        JournalPosition(nextPosition.rawValue + UInt64(unsynchronized.groups.reduce(0) { $0 + $1.appends.count }))
    }

    /// Makes the first of the written groups visible, which are durable now.
    mutating func publishWritten(groups: Int, now: UInt64) -> (Answers, [JournalEvent]) {
        guard groups > 0 else { return ([], []) }
        var answers: Answers = []
        for group in unsynchronized.groups.prefix(groups) { answers += publish(group.appends, at: group.start) }
        unsynchronized.groups.removeFirst(groups)
        return (answers, skipReaders(neededBytes: 0, now: now))
    }

    /// How many bytes the last segment's file takes.
    mutating func noteAllocation(_ bytes: Int) {
        guard !segments.isEmpty else { return }
        segments[segments.count - 1].allocatedBytes = bytes
    }

    /// A segment's file ends with its last record.
    mutating func noteCut(path: String) {
        guard let index = segments.firstIndex(where: { $0.path == path }) else { return }
        segments[index].allocatedBytes = 0
    }

    /// Forgets a group that was not written.
    mutating func fail(_ group: ArraySlice<PendingAppend>, _ error: JournalError) -> Answers {
        var answers: Answers = []
        for append in group {
            let digest = append.request.digest
            queuedBytes -= append.recordBytes
            duplicates.forget(digest)
            answers.append((append.continuation, .failure(error)))
            answers += (followers.removeValue(forKey: digest) ?? []).map { ($0, .failure(error)) }
        }
        switch error {
        case .full, .diskFull: metrics.fullAppends += answers.count
        default: metrics.failedAppends += answers.count
        }
        return answers
    }
}
