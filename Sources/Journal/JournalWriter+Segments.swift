import TraceStorage

/// The segment that is written to: room in it, its end, and the next one.
extension JournalWriter {
    /// Has an undamaged segment with room open, a new one if need be.
    func prepareSegment(for bytes: Int) throws(FileError) {
        try segment.repair()
        let last = core.monitor.withLock { state in
            if state.unsynchronized.suspectPath == segment.path { segment.abandon() }
            return state.segments.last
        }
        // Later on a segment that is not open any more has been left to the other thread.
        if let last, segment.path.isEmpty { try segment.resume(last) }
        if segment.isOpen, !segment.isSuspect, isContinued(by: last),
            segment.isEmpty || segment.endOffset + bytes <= core.configuration.segmentBytes
        {
            let allocated = segment.allocatedBytes
            try segment.allocate(bytes, limit: allocationLimit(segment.path))
            if segment.allocatedBytes != allocated { noteAllocation() }
            return
        }
        try roll(for: bytes)
    }

    /// Whether the next record's position follows on the last segment's, as positions in a segment do.
    private func isContinued(by last: Segment?) -> Bool {
        guard let last else { return false }
        return core.monitor.withLock { $0.nextPosition } == last.last.next
    }

    /// Ends the segment, if there is one, and begins the next.
    private func roll(for bytes: Int) throws(FileError) {
        waitForSynchronizer()
        // It may have failed on the way.
        if let error = core.monitor.withLock({ $0.unsynchronized.failure }) {
            takeBack(error)
            try segment.repair()
        }
        let (last, next) = core.monitor.withLock { ($0.segments.last, $0.nextPosition) }
        if let last, last.isEmpty {
            // Its name may be the new one's, and its bytes are not to be trusted. What the other thread is doing with it
            // must not be taken for something done with the new one.
            core.monitor.wait(on: core.work) { $0.unsynchronized.isBusy ? .wait(until: nil) : .ready(()) }
            segment.release()
            core.monitor.withLock { state in
                _ = state.segments.popLast()
                _ = state.unsynchronized.remove(path: last.path)
            }
            try core.files.remove(last.path)
        } else if segment.isOpen {
            finishSegment()
        }
        try segment.create(first: next, room: bytes, limit: allocationLimit(nil))
        let (path, file, allocated) = (segment.path, segment.file, segment.allocatedBytes)
        core.monitor.withLock { state in
            state.segments.append(Segment(first: next, path: path, before: state.total))
            state.noteAllocation(allocated)
            state.unsynchronized.suspectPath = nil
            if durability != .os, let file { state.unsynchronized.begin(file, path: path, isNew: true) }
        }
    }

    /// Waits until what is written may be left behind: under `fsync` all is durable, and of segments that ended at most
    /// one is not. So recovery knows that only the last two can be torn.
    private func waitForSynchronizer() {
        core.monitor.wait(on: core.work) { state in
            if state.unsynchronized.failure != nil { return .ready(()) }
            let isReady = state.unsynchronized.groups.isEmpty && !state.unsynchronized.hasFinishedFile
            return isReady ? .ready(()) : .wait(until: nil)
        }
    }

    /// Leaves the segment to the synchronizing thread, which makes it durable, cuts and closes it.
    private func finishSegment() {
        let (path, end) = (segment.path, segment.endOffset)
        let isLeft = core.monitor.withLock { state in
            state.unsynchronized.finish(path: path, at: end)
            return state.unsynchronized.contains(path: path)
        }
        if isLeft {
            segment.release()
            core.written.signal()
        } else {
            closeSegment()
        }
    }

    func closeSegment() {
        let path = segment.path
        do throws(FileError) {
            core.monitor.withLock { state in _ = state.unsynchronized.remove(path: path) }
            try segment.close()
            core.monitor.withLock { $0.noteCut(path: path) }
        } catch {
            core.report([.cutFailed(message: error.description)])
        }
    }

    /// Bytes that a segment's file may take ahead of its records; nil for one that is not made yet.
    private func allocationLimit(_ path: String?) -> Int {
        let others = core.monitor.withLock { state in
            state.segments.reduce(0) { $0 + ($1.path == path ? 0 : $1.fileBytes) }
        }
        return min(core.configuration.segmentBytes, core.configuration.maxBytes - others)
    }

    func noteAllocation() {
        let (path, bytes) = (segment.path, segment.allocatedBytes)
        core.monitor.withLock { state in
            if state.segments.last?.path == path { state.noteAllocation(bytes) }
        }
    }
}
