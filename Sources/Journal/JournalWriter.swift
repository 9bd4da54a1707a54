import TraceStorage

/// What the journal's one writing thread does: groups of appends, syncs, cursors, and the removal of old segments.
// Its own variables are touched by that thread alone, and by nobody before it starts.
final class JournalWriter: @unchecked Sendable {
    /// Records in one write: two buffers each stay within the 1024 that the system takes at once, and the nesting of
    /// scopes that keeps their bytes in place within the thread's stack.
    private static let groupRecordsMax = 256

    /// Bytes in one write, so that the first of many waiting appends is not acknowledged after the last. A larger
    /// record goes alone.
    private static let groupBytesMax = 16 << 20

    /// Pause after a failed write of the cursors: a disk that refuses is asked again, but not without end, and appends
    /// and the shutdown go on meanwhile.
    private static let cursorRetryInterval: Duration = .seconds(1)

    private let core: JournalCore
    private var segment: SegmentWriter
    private var synchronizeAt: UInt64?
    private var cursorsAt: UInt64 = 0
    private var headers: [UInt8] = []

    init(core: JournalCore) {
        self.core = core
        segment = SegmentWriter(configuration: core.configuration, files: core.files)
    }

    private enum Work {
        case group(ArraySlice<PendingAppend>)
        case synchronize
        case cursors([String: JournalPosition])
        case reclaim
        case drained
        case finish
    }

    /// Runs until the journal is shut down.
    func run() {
        while true {
            switch core.monitor.wait(on: core.work, nextWork) {
            case .group(let group): append(group)
            case .synchronize: synchronize()
            case .cursors(let cursors): writeCursors(cursors)
            case .reclaim: reclaim(neededBytes: 0)
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
        if let synchronizeAt, now >= synchronizeAt { return .ready(.synchronize) }
        if state.cursorsChanged, now >= cursorsAt {
            state.cursorsChanged = false
            return .ready(.cursors(state.cursors))
        }
        if state.reclaimIsDue {
            state.reclaimIsDue = false
            return .ready(.reclaim)
        }
        if !state.queue.isEmpty {
            return .ready(.group(state.takeGroup(recordsMax: Self.groupRecordsMax, bytesMax: Self.groupBytesMax)))
        }
        if state.phase == .draining { return .ready(.drained) }
        if state.phase == .finishing { return .ready(.finish) }
        let deadlines = [synchronizeAt, state.cursorsChanged ? cursorsAt : nil].compactMap { $0 }
        return .wait(until: deadlines.min())
    }

    // MARK: groups

    private func append(_ group: ArraySlice<PendingAppend>) {
        let bytes = group.reduce(0) { $0 + $1.recordBytes }
        let start: Int
        do throws(FileError) {
            reclaim(neededBytes: bytes)
            try prepareSegment(for: bytes)
            start = segment.endOffset
            try write(group, bytes: bytes)
        } catch {
            fail(group, error)
            return
        }
        let (answers, events) = core.monitor.withLock { state in
            (state.publish(group, at: start), state.skipReaders(neededBytes: 0))
        }
        core.arrivals.broadcast()
        for (continuation, result) in answers { continuation.resume(returning: result) }
        core.report(events)
        if core.configuration.durability == .interval, synchronizeAt == nil {
            synchronizeAt = MonotonicTime.now(plus: core.configuration.syncInterval)
        }
    }

    private func fail(_ group: ArraySlice<PendingAppend>, _ error: FileError) {
        // Tried now so that space is given back at once, and again before the next write if it fails.
        try? segment.repair()
        let answers = core.monitor.withLock { $0.fail(group, JournalError(error)) }
        for (continuation, result) in answers { continuation.resume(returning: result) }
        core.report([.writeFailed(message: error.description, records: answers.count)])
    }

    /// Has an undamaged segment with room open, a new one if need be.
    private func prepareSegment(for bytes: Int) throws(FileError) {
        let (last, next) = core.monitor.withLock { ($0.segments.last, $0.nextPosition) }
        try segment.repair()
        if let last, !segment.isOpen, last.path != segment.path { try segment.resume(last) }
        if let last, segment.isOpen, !segment.isSuspect, last.last.next == next {
            if segment.isEmpty || segment.endOffset + bytes <= core.configuration.segmentBytes { return }
        }
        if segment.isOpen, core.configuration.durability != .os { synchronize() }
        if let last, last.isEmpty {
            // Its name may be the new one's, and its bytes are not to be trusted.
            core.monitor.withLock { state in _ = state.segments.popLast() }
            segment.close()
            try core.files.remove(last.path)
        }
        try segment.create(first: next)
        let path = segment.path
        core.monitor.withLock { state in
            state.segments.append(Segment(first: next, path: path, before: state.total))
        }
    }

    private func write(_ group: ArraySlice<PendingAppend>, bytes: Int) throws(FileError) {
        var position = core.monitor.withLock { $0.nextPosition }
        headers.removeAll(keepingCapacity: true)
        var headerEnds: [Int] = []
        for append in group {
            RecordHeader(append.request, position: position, bodyChecksum: append.bodyChecksum).encode(into: &headers)
            headerEnds.append(headers.count)
            position = position.next
        }
        let (startOffset, wasEmpty) = (segment.endOffset, segment.isEmpty)
        let result = withBuffers(of: group, headers: headers, headerEnds: headerEnds) { buffers in
            Result { () throws(FileError) in try segment.write(buffers, bytes: bytes, records: group.count) }
        }
        try result.get()
        guard core.configuration.durability == .fsync else { return }
        do throws(FileError) {
            try timedSynchronize()
        } catch {
            segment.takeBack(to: startOffset, isEmpty: wasEmpty)
            throw error
        }
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

    // MARK: durability

    private func timedSynchronize() throws(FileError) {
        let start = MonotonicTime.now()
        let result = Result { () throws(FileError) in try segment.synchronize() }
        let took = MonotonicTime.now() - start
        core.monitor.withLock { state in
            state.metrics.synchronizations += 1
            state.metrics.synchronizationNanoseconds += took
            if case .failure = result { state.metrics.synchronizationFailures += 1 }
        }
        try result.get()
    }

    /// Makes acknowledged records durable. Where that fails they are at risk; the file is left as it is, and the next
    /// append begins a new one.
    private func synchronize() {
        synchronizeAt = nil
        let records = segment.unsynchronizedRecords
        guard records > 0 else { return }
        var message = "an earlier synchronize failed"
        if !segment.isSuspect {
            do throws(FileError) { return try timedSynchronize() } catch { message = error.description }
        }
        segment.abandon()
        core.monitor.withLock { $0.metrics.recordsAtRisk += records }
        core.report([.syncFailed(path: segment.path, message: message, recordsAtRisk: records)])
    }

    private func writeCursors(_ cursors: [String: JournalPosition]) {
        cursorsAt = MonotonicTime.now(plus: core.configuration.cursorInterval)
        do throws(FileError) {
            try CursorFile.write(cursors, configuration: core.configuration, files: core.files)
        } catch {
            cursorsAt = MonotonicTime.now(plus: max(core.configuration.cursorInterval, Self.cursorRetryInterval))
            core.monitor.withLock { $0.cursorsChanged = true }
            core.report([.cursorsFailed(message: error.description)])
        }
    }

    // MARK: space

    /// Removes segments that nobody needs. A cursor in the file that is older than the oldest segment does no harm: its
    /// reader had passed what is gone.
    private func reclaim(neededBytes: Int) {
        let (events, removable) = core.monitor.withLock { state in
            (
                state.skipReaders(neededBytes: neededBytes),
                state.removableSegments(neededBytes: neededBytes, now: state.newestReceivedAt)
            )
        }
        core.report(events)
        for segment in removable {
            do throws(FileError) {
                try core.files.remove(segment.path)
            } catch  where !error.isNotFound {
                core.report([.removeFailed(message: error.description)])
                return
            } catch {}
            core.monitor.withLock { state in _ = state.segments.removeFirst() }
        }
    }

    private func drained() {
        synchronize()
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
        segment.close()
        let waiters = core.monitor.withLock { state in
            state.phase = .finished
            return state.takeWaiters()
        }
        for waiter in waiters { waiter.resume() }
    }
}
