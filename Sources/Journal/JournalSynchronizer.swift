import TraceStorage

/// What the journal's second thread does: it tells the disk to keep what the writer has written, so that the writer
/// goes on meanwhile, and cuts finished segments to their ends.
///
/// Under `fsync` it acknowledges: whatever was written while the disk was busy is kept by the next call, all at once.
final class JournalSynchronizer: Sendable {
    private let core: JournalCore

    init(core: JournalCore) {
        self.core = core
    }

    private enum Work {
        /// Files to make durable, and how many of the written groups are in them.
        case synchronize([UnsynchronizedFile], groups: Int)
        case finish
    }

    /// Runs until the journal is shut down.
    func run() {
        while true {
            switch core.monitor.wait(on: core.written, nextWork) {
            case .synchronize(let files, let groups): synchronize(files, groups: groups)
            case .finish: return
            }
        }
    }

    private func nextWork(_ state: inout JournalState) -> Monitor<JournalState>.Step<Work> {
        if state.phase == .finished { return .ready(.finish) }
        guard state.unsynchronized.failure == nil, state.unsynchronized.hasWork else { return .wait(until: nil) }
        if core.configuration.durability == .interval, !state.unsynchronized.isFlushed,
            !state.unsynchronized.hasFinishedFile
        {
            let dueAt = state.unsynchronized.dueAt ?? 0
            if MonotonicTime.now() < dueAt { return .wait(until: dueAt) }
        }
        state.unsynchronized.isFlushed = false
        state.unsynchronized.dueAt = nil
        state.unsynchronized.isBusy = true
        return .ready(.synchronize(state.unsynchronized.files, groups: state.unsynchronized.groups.count))
    }

    private func synchronize(_ files: [UnsynchronizedFile], groups: Int) {
        var failed = false
        for file in files where !failed {
            if let end = file.finishedAt { cut(file, to: end) }
            do throws(FileError) {
                if file.records > 0 { try timedSynchronize(file) }
                core.monitor.withLock { $0.unsynchronized.confirm(file) }
                if file.finishedAt != nil { file.file.close() }
            } catch {
                fail(file, error)
                failed = true
            }
        }
        let (answers, events) = core.monitor.withLock { state in
            state.unsynchronized.isBusy = false
            return failed ? ([], []) : state.publishWritten(groups: groups, now: core.clock())
        }
        core.work.signal()
        if !answers.isEmpty { core.arrivals.broadcast() }
        for (continuation, result) in answers { continuation.resume(returning: result) }
        core.report(events)
    }

    private func timedSynchronize(_ file: UnsynchronizedFile) throws(FileError) {
        let start = MonotonicTime.now()
        let result = Result { () throws(FileError) in
            try file.file.synchronize()
            if file.isNew { try core.files.synchronizeDirectory(core.configuration.directory) }
        }
        let took = MonotonicTime.now() - start
        core.monitor.withLock { state in
            state.metrics.synchronizations += 1
            state.metrics.synchronizationNanoseconds += took
            if case .failure = result { state.metrics.synchronizationFailures += 1 }
        }
        try result.get()
    }

    /// Gives back the room behind the last record of a finished segment. Where that fails the room stays taken, which
    /// costs no record: the next start does it.
    private func cut(_ file: UnsynchronizedFile, to end: Int) {
        do throws(FileError) {
            try file.file.truncate(to: end)
            core.monitor.withLock { $0.noteCut(path: file.path) }
        } catch {
            core.report([.cutFailed(message: error.description)])
        }
    }

    /// Under `fsync` the writer takes back what was written. Otherwise the records were acknowledged before, and are at
    /// risk; the file is left as it is, and the next append begins a new one.
    private func fail(_ file: UnsynchronizedFile, _ error: FileError) {
        if core.configuration.durability == .fsync {
            core.monitor.withLock { state in
                _ = state.unsynchronized.remove(path: file.path)
                state.unsynchronized.failure = error
            }
            return
        }
        let records = core.monitor.withLock { state in
            let records = state.unsynchronized.remove(path: file.path)?.records ?? 0
            state.unsynchronized.suspectPath = file.path
            // What was due was due for this file: the next append says anew when the disk is told.
            if !state.unsynchronized.hasWork { state.unsynchronized.dueAt = nil }
            state.metrics.recordsAtRisk += records
            return records
        }
        if file.finishedAt != nil { file.file.close() }
        core.report([.syncFailed(path: file.path, message: error.description, recordsAtRisk: records)])
    }
}
