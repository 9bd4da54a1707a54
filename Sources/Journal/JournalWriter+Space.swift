import TraceStorage

/// What readers have passed: their cursors on the disk, and segments that nobody needs.
extension JournalWriter {
    /// Pause after a failed write of the cursors: a disk that refuses is asked again, but not without end, and appends
    /// and the shutdown go on meanwhile.
    private static let cursorRetryInterval: Duration = .seconds(1)

    func writeCursors(_ cursors: [String: JournalPosition]) {
        cursorsAt = MonotonicTime.now(plus: core.configuration.cursorInterval)
        do throws(FileError) {
            try CursorFile.write(cursors, configuration: core.configuration, files: core.files)
        } catch {
            cursorsAt = MonotonicTime.now(plus: max(core.configuration.cursorInterval, Self.cursorRetryInterval))
            core.monitor.withLock { $0.cursorsChanged = true }
            core.report([.cursorsFailed(message: error.description)])
        }
    }

    func skipOld() {
        agesAt = MonotonicTime.now(plus: core.configuration.ageCheckInterval)
        let now = core.clock()
        core.report(
            core.monitor.withLock { state in
                state.reclaimIsDue = true
                return state.skipReaders(neededBytes: 0, now: now)
            })
        core.arrivals.broadcast()
    }

    /// Removes segments that nobody needs. A cursor in the file that is older than the oldest segment does no harm: its
    /// reader had passed what is gone.
    func reclaim(neededBytes: Int) {
        let now = core.clock()
        let (events, removable) = core.monitor.withLock { state in
            (
                state.skipReaders(neededBytes: neededBytes, now: now),
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
}
