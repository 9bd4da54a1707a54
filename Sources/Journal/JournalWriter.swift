import TraceStorage

/// What the journal's writing thread does: groups of appends, cursors, and the removal of old segments. It never waits
/// for the disk to make something durable but where a segment ends; see ``JournalSynchronizer``.
// Its own variables are touched by that thread alone, and by nobody before it starts.
final class JournalWriter: @unchecked Sendable {
    /// Records in one write: two buffers each stay within the 1024 that the system takes at once, and the nesting of
    /// scopes that keeps their bytes in place within the thread's stack.
    private static let groupRecordsMax = 256

    let core: JournalCore
    var segment: SegmentWriter
    /// When the cursors may be written again, and when old records are looked for.
    var cursorsAt: UInt64 = 0
    var agesAt: UInt64 = 0
    private var headers: [UInt8] = []

    init(core: JournalCore) {
        self.core = core
        segment = SegmentWriter(configuration: core.configuration, files: core.files)
    }

    var durability: JournalDurability { core.configuration.durability }

    private enum Work {
        case group(ArraySlice<PendingAppend>)
        case takeBack(FileError)
        case cursors([String: JournalPosition])
        case reclaim
        case ages
        case drained
        case finish
    }

    /// Runs until the journal is shut down.
    func run() {
        while true {
            switch core.monitor.wait(on: core.work, nextWork) {
            case .group(let group): append(group)
            case .takeBack(let error): takeBack(error)
            case .cursors(let cursors): writeCursors(cursors)
            case .reclaim: reclaim(neededBytes: 0)
            case .ages: skipOld()
            case .drained: drained()
            case .finish:
                finish()
                return
            }
        }
    }

    /// What is due comes before what is waiting, or a full queue would put it off for ever.
    private func nextWork(_ state: inout JournalState) -> Monitor<JournalState>.Step<Work> {
        let now = MonotonicTime.now()
        if let error = state.unsynchronized.failure { return .ready(.takeBack(error)) }
        if state.cursorsChanged, now >= cursorsAt {
            state.cursorsChanged = false
            return .ready(.cursors(state.cursors))
        }
        if state.reclaimIsDue {
            state.reclaimIsDue = false
            return .ready(.reclaim)
        }
        let mayExpire = state.mayExpire
        if mayExpire, now >= agesAt { return .ready(.ages) }
        let pause = state.pause(now: now)
        if !state.queue.isEmpty {
            if pause == nil { return .ready(.group(nextGroup(&state, now: now))) }
            state.notePause(now: now)
        }
        if state.phase == .draining {
            if state.unsynchronized.isClean { return .ready(.drained) }
            state.unsynchronized.isFlushed = true
            core.written.signal()
        }
        if state.phase == .finishing { return .ready(.finish) }
        let deadlines = [
            state.cursorsChanged ? cursorsAt : nil, mayExpire ? agesAt : nil, state.queue.isEmpty ? nil : pause,
        ]
        return .wait(until: deadlines.compactMap { $0 }.min())
    }

    private func nextGroup(_ state: inout JournalState, now: UInt64) -> ArraySlice<PendingAppend> {
        let endOffset =
            segment.isOpen ? segment.endOffset : state.segments.last?.endOffset ?? SegmentFormat.headerBytes
        let group = state.takeGroup(
            recordsMax: Self.groupRecordsMax, bytesMax: core.configuration.groupBytes, endOffset: endOffset)
        state.notePace(groupBytes: group.reduce(0) { $0 + $1.recordBytes }, now: now)
        return group
    }

    // MARK: groups

    private func append(_ group: ArraySlice<PendingAppend>) {
        let bytes = group.reduce(0) { $0 + $1.recordBytes }
        let start: Int
        do throws(FileError) {
            let written = core.monitor.withLock { $0.unsynchronized.groups.reduce(0) { $0 + $1.bytes } }
            reclaim(neededBytes: written + bytes)
            try prepareSegment(for: bytes)
            start = segment.endOffset
            try write(group, bytes: bytes)
        } catch {
            fail(group, error)
            return
        }
        if durability == .fsync {
            core.monitor.withLock { state in
                state.unsynchronized.groups.append(WrittenGroup(appends: group, start: start, bytes: bytes))
                noteUnsynchronized(&state, records: group.count)
            }
            core.written.signal()
        } else {
            publish(group, at: start)
        }
    }

    /// Acknowledges a group that was written.
    private func publish(_ group: ArraySlice<PendingAppend>, at start: Int) {
        var wakesSynchronizer = false
        var atRisk = 0
        let (answers, events) = core.monitor.withLock { state in
            if durability == .interval {
                if state.unsynchronized.suspectPath == segment.path {
                    atRisk = group.count
                    state.metrics.recordsAtRisk += atRisk
                } else {
                    noteUnsynchronized(&state, records: group.count)
                    wakesSynchronizer = state.unsynchronized.dueAt == nil
                    if wakesSynchronizer {
                        state.unsynchronized.dueAt = MonotonicTime.now(plus: core.configuration.syncInterval)
                    }
                }
            }
            return (state.publish(group, at: start), state.skipReaders(neededBytes: 0, now: core.clock()))
        }
        if wakesSynchronizer { core.written.signal() }
        core.arrivals.broadcast()
        for (continuation, result) in answers { continuation.resume(returning: result) }
        core.report(events)
        guard atRisk > 0 else { return }
        core.report([
            .syncFailed(path: segment.path, message: "an earlier synchronize failed", recordsAtRisk: atRisk)
        ])
    }

    private func noteUnsynchronized(_ state: inout JournalState, records: Int) {
        if let file = segment.file, !state.unsynchronized.contains(path: segment.path) {
            state.unsynchronized.begin(file, path: segment.path, isNew: false)
        }
        state.unsynchronized.add(records: records)
    }

    private func fail(_ group: ArraySlice<PendingAppend>, _ error: FileError) {
        // Tried now so that space is given back at once, and again before the next write if it fails.
        try? segment.repair()
        noteAllocation()
        answer(group, error)
    }

    private func answer(_ group: ArraySlice<PendingAppend>, _ error: FileError) {
        let answers = core.monitor.withLock { $0.fail(group, JournalError(error)) }
        for (continuation, result) in answers { continuation.resume(returning: result) }
        core.report([.writeFailed(message: error.description, records: answers.count)])
    }

    /// Fails everything that was written and that the disk would not keep.
    func takeBack(_ error: FileError) {
        let groups = core.monitor.withLock { state in
            let groups = state.unsynchronized.groups
            state.unsynchronized.groups = []
            state.unsynchronized.failure = nil
            return groups
        }
        if let first = groups.first { segment.takeBack(to: first.start) } else { segment.abandon() }
        try? segment.repair()
        noteAllocation()
        core.written.signal()
        for group in groups { answer(group.appends, error) }
    }

    private func write(_ group: ArraySlice<PendingAppend>, bytes: Int) throws(FileError) {
        var position = core.monitor.withLock { $0.writePosition }
        headers.removeAll(keepingCapacity: true)
        var headerEnds: [Int] = []
        for append in group {
            RecordHeader(append.request, position: position, bodyChecksum: append.bodyChecksum).encode(into: &headers)
            headerEnds.append(headers.count)
            position = position.next
        }
        let result = withBuffers(of: group, headers: headers, headerEnds: headerEnds) { buffers in
            Result { () throws(FileError) in try segment.write(buffers, bytes: bytes) }
        }
        try result.get()
    }

    /// Gives all records' bytes, header and body in turn, without copying a body.
    private func withBuffers<Result>(
        of group: ArraySlice<PendingAppend>, headers: [UInt8], headerEnds: [Int],
        _ body: ([UnsafeRawBufferPointer]) -> Result
    ) -> Result {
        headers.withUnsafeBytes { headerBytes in
            var buffers: [UnsafeRawBufferPointer] = []
            buffers.reserveCapacity(group.count * 2)
            func collect(_ index: Int, _ headerStart: Int) -> Result {
                guard index < group.count else { return body(buffers) }
                let headerEnd = headerEnds[index]
                return group[group.startIndex + index].request.batch.bytes.withUnsafeBytes { bytes in
                    buffers.append(UnsafeRawBufferPointer(rebasing: headerBytes[headerStart..<headerEnd]))
                    buffers.append(bytes)
                    return collect(index + 1, headerEnd)
                }
            }
            return collect(0, 0)
        }
    }

    // MARK: the end

    private func drained() {
        let waiters = core.monitor.withLock { state in
            if state.phase == .draining { state.phase = .drained }
            return state.takeWaiters()
        }
        core.arrivals.broadcast()
        for waiter in waiters { waiter.resume() }
    }

    private func finish() {
        let cursors = core.monitor.withLock { state in
            state.cursorsChanged = false
            return state.cursors
        }
        if !cursors.isEmpty { writeCursors(cursors) }
        closeSegment()
        let waiters = core.monitor.withLock { state in
            state.phase = .finished
            return state.takeWaiters()
        }
        core.written.broadcast()
        for waiter in waiters { waiter.resume() }
    }
}
