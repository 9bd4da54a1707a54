import Synchronization
import TraceStorage

/// The append-only log of accepted requests: what is appended is acknowledged, and every consumer is a reader of it.
///
/// Order of use: ``open(_:files:onEvent:)``, ``reader(_:policy:cursor:)`` for each reader that was there before,
/// ``start()``, appends, ``drain()``, the readers take what is left, ``shutdown()``. Segments are removed only after
/// the start, so a reader that registers before it misses nothing.
package final class Journal: Sendable {
    private let core: JournalCore
    private let lockFile: any File
    /// Of readers that have not registered yet, until the start.
    private let savedCursors: Mutex<[String: JournalPosition]>
    private let threads = Mutex<[WorkerThread]>([])
    /// What was found on the disk.
    package let recovery: RecoveryReport

    /// Opens a directory's journal, made when absent, and repairs the end of it. Blocks for as long as it takes to
    /// read the last segment and the records' headers of all others.
    ///
    /// - Parameters:
    ///   - onEvent: Is called from the journal's and readers' threads, never under a lock; must not block.
    ///   - clock: The time in unix nanoseconds, as requests' received-at has it; only limits on age look at it.
    /// - Throws: ``JournalError/inUse(directory:processID:)``,
    ///   ``JournalError/unsupportedVersion(path:found:supported:)``, ``JournalError/io(message:)``,
    ///   ``JournalError/invalid(message:)``.
    package static func open(
        _ configuration: JournalConfiguration, files: any FileSystem = POSIXFileSystem(),
        onEvent: @escaping @Sendable (JournalEvent) -> Void = { _ in },
        clock: @escaping @Sendable () -> UInt64 = Journal.unixTime
    ) throws(JournalError) -> Journal {
        try configuration.validate()
        let lockFile = try DirectoryLock.take(configuration, files: files)
        do throws(JournalError) {
            var recovery = JournalRecovery(configuration: configuration, files: files)
            try recovery.run()
            return Journal(
                core: JournalCore(
                    configuration: configuration, files: files, clock: clock, recovery: recovery, onEvent: onEvent),
                lockFile: lockFile, recovery: recovery)
        } catch {
            lockFile.close()
            throw error
        }
    }

    /// The system's clock, in unix nanoseconds.
    @Sendable package static func unixTime() -> UInt64 { MonotonicTime.unixNanoseconds() }

    private init(core: JournalCore, lockFile: any File, recovery: JournalRecovery) {
        self.core = core
        self.lockFile = lockFile
        self.recovery = recovery.report
        savedCursors = Mutex(recovery.cursors)
    }

    /// Registers a reader; names are letters, digits and `_ - . /`. A name whose reader is still open is refused.
    ///
    /// Cursors of readers that are not registered at the start are forgotten. One that comes later begins before the
    /// oldest record that is left.
    package func reader(
        _ name: String, policy: ReaderPolicy, cursor: ReaderCursor = .journal
    ) throws(JournalError) -> JournalReader {
        guard CursorFile.isValidName(name) else {
            throw .invalid(
                message: "journal reader `\(name)`, expected 1 to \(CursorFile.readerNameBytesMax) letters, digits "
                    + "and _ - . /")
        }
        let start: JournalPosition
        let isPersisted: Bool
        switch cursor {
        case .journal: (start, isPersisted) = (savedCursors.withLock { $0[name] } ?? .beginning, true)
        case .external(let position): (start, isPersisted) = (position, false)
        }
        guard start <= RecordFormat.positionMax else {
            throw .invalid(
                message: "journal reader \(name) starts at \(start.rawValue), expected at most "
                    + "\(RecordFormat.positionMax.rawValue)")
        }
        let generation = try core.monitor.withLock { state throws(JournalError) in
            guard state.phase < .draining else { throw .closed }
            guard state.readers[name] == nil else { throw .invalid(message: "journal reader \(name) exists already") }
            // Records that are being written have their positions already.
            guard state.phase == .opened || start <= state.end else {
                throw .invalid(
                    message: "journal reader \(name) starts at \(start.rawValue), behind the end of a running journal")
            }
            let generation = state.nextReaderGeneration()
            state.register(name, policy: policy, isPersisted: isPersisted, start: start, generation: generation)
            return generation
        }
        savedCursors.withLock { $0[name] = nil }
        return JournalReader(name: name, generation: generation, core: core)
    }

    /// Begins to take appends.
    package func start() throws(JournalError) {
        let mayStart = core.monitor.withLock { state in
            guard state.phase == .opened else { return false }
            state.phase = .running
            state.reclaimIsDue = true
            return true
        }
        guard mayStart else { throw .closed }
        savedCursors.withLock { $0 = [:] }
        do {
            if core.configuration.durability != .os {
                let synchronizer = JournalSynchronizer(core: core)
                try startThread("journal sync") { synchronizer.run() }
            }
            let writer = JournalWriter(core: core)
            try startThread("journal write") { writer.run() }
        } catch {
            core.monitor.withLock { $0.phase = .finished }
            core.written.broadcast()
            throw .io(message: "\(error)")
        }
    }

    private func startThread(
        _ name: String, _ body: @escaping @Sendable () -> Void
    ) throws(WorkerThread.StartError) {
        let thread = try WorkerThread(name, body)
        threads.withLock { $0.append(thread) }
    }

    /// Appends a request and returns when it is written, under `fsync` when it is durable.
    ///
    /// May be called from any task, any number at once; requests that wait together are written together. The body is
    /// not copied. A cancelled task still gets its answer.
    ///
    /// - Throws: An error that ``JournalError/isRetryable`` when the request was not appended and may be sent again.
    package func append(_ request: JournalRequest) async throws(JournalError) -> AppendResult {
        let recordBytes = request.recordBytes
        let limit = min(RecordFormat.recordBytesMax, core.configuration.maxBytes - 2 * SegmentFormat.headerBytes)
        guard recordBytes <= limit else { throw .tooLarge(recordBytes: recordBytes, limitBytes: limit) }
        guard request.receiver.utf8.count <= RecordFormat.receiverBytesMax else {
            throw .invalid(
                message: "receiver name of \(request.receiver.utf8.count) bytes, at most "
                    + "\(RecordFormat.receiverBytesMax) are possible")
        }
        // Here and not on the writer's thread, so that it is spread over the callers' cores.
        let body = request.batch.bytes
        let bodyChecksum = body.span.bytes.crc32c()
        let result = await withCheckedContinuation { (continuation: AppendContinuation) in
            let append = PendingAppend(
                request: request, recordBytes: recordBytes, bodyChecksum: bodyChecksum, continuation: continuation)
            switch core.monitor.withLock({ $0.admit(append) }) {
            case .queued: core.work.signal()
            case .following: break
            case .answered(let result): continuation.resume(returning: result)
            }
        }
        return try result.get()
    }

    /// Takes no more appends, and returns when all that were taken are answered and durable. Readers then get what is
    /// left; see ``JournalReader/isFinished``.
    package func drain() async {
        await advance(to: .draining, andWaitFor: .drained)
    }

    /// Ends the journal: drains it, wakes all readers for good, writes the cursors and gives the directory back.
    /// May be called more than once.
    package func shutdown() async {
        await drain()
        await advance(to: .finishing, andWaitFor: .finished)
        core.written.broadcast()
        for thread in threads.withLock({ $0 }) { thread.join() }
        lockFile.close()
    }

    /// Counters since the start, and where every reader stands.
    package func metrics() -> JournalMetrics {
        core.monitor.withLock { $0.currentMetrics() }
    }

    private func advance(to target: JournalState.Phase, andWaitFor reached: JournalState.Phase) async {
        await withCheckedContinuation { (waiter: CheckedContinuation<Void, Never>) in
            let mustWait = core.monitor.withLock { state in
                // Without a thread there is nothing to wait for.
                if state.phase == .opened { state.phase = .finished }
                if state.phase < target { state.phase = target }
                return state.wait(for: reached, waiter)
            }
            core.work.signal()
            core.arrivals.broadcast()
            if !mustWait { waiter.resume() }
        }
    }
}
