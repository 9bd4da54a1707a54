import Synchronization

// What the exporting thread does with the queue.
extension BatchQueue {
    /// The thread that calls is the one that exports.
    func beginExporting() {
        exportingThread.store(ThreadStripe.identity, ordering: .relaxed)
    }

    /// Whether the thread that asks is the one that exports.
    var isOnExportingThread: Bool { exportingThread.load(ordering: .relaxed) == ThreadStripe.identity }

    /// Takes a batch off the queue's beginning and encodes it; nil when there is nothing.
    ///
    /// A flush waits for it until ``settle()``, or, where it is not for sending, until ``settleHeldBack()``.
    func takeBatch(_ framing: any RecordFraming, isForSending: Bool = true) -> ExportBatch? {
        let chunks: [RecordChunk] = monitor.withLock { shared in
            let chunks = shared.ready.take(records: options.maxExportBatchSize)
            if isForSending {
                shared.inFlightFrom = chunks.first?.sequence
            } else {
                shared.heldBackFrom = chunks.first?.sequence
            }
            shared.warmUntil = .now + options.scheduleDelay
            return chunks
        }
        guard !chunks.isEmpty else { return nil }
        var left = options.maxExportBatchSize
        var pieces: [UnsafeRawBufferPointer] = []
        for chunk in chunks {
            let (records, bytes) = chunk.take(left)
            left -= records
            pieces.append(bytes)
        }
        let batch = framing.batch(pieces, count: options.maxExportBatchSize - left)
        uncount(batch.recordCount)
        let isAwaited = monitor.withLock { shared in
            if isForSending {
                shared.inFlightRecords = batch.recordCount
            } else {
                shared.heldBackRecords = batch.recordCount
            }
            for chunk in chunks {
                if chunk.recordCount > 0 { shared.ready.prepend(chunk) } else { recycle(chunk, &shared) }
            }
            readyRecords.store(shared.ready.recordCount, ordering: .relaxed)
            return shared.blockedThreads > 0
        }
        if isAwaited { monitor.notify() }
        return batch
    }

    /// The fate of the batch that was taken last is decided.
    func settle() {
        monitor.withLock { ($0.inFlightFrom, $0.inFlightRecords) = (nil, 0) }
        monitor.notify()
    }

    /// The fate of the batch that was taken for the disk is decided: it is there.
    func settleHeldBack() {
        monitor.withLock { ($0.heldBackFrom, $0.heldBackRecords) = (nil, 0) }
        monitor.notify()
    }

    /// The batch that found no room on the disk is sent after all; ``settle()`` ends that.
    func sendHeldBack() {
        monitor.withLock { shared in
            (shared.inFlightFrom, shared.inFlightRecords) = (shared.heldBackFrom, shared.heldBackRecords)
            (shared.heldBackFrom, shared.heldBackRecords) = (nil, 0)
        }
    }

    /// Gives up what is queued, because there is no thread to export it. Returns how many records that were.
    func abandon() -> Int {
        let count = monitor.withLock { shared in
            (shared.isStopped, shared.hasEnded) = (true, true)
            var count = 0
            while let chunk = shared.ready.popFirst() {
                count += chunk.recordCount
                uncount(chunk.recordCount)
                recycle(chunk, &shared)
            }
            readyRecords.store(0, ordering: .relaxed)
            return count
        }
        monitor.notify()
        return count
    }

    // MARK: counts

    struct Counts {
        var accepted: UInt64 = 0
        var droppedFull: UInt64 = 0
        var droppedLate: UInt64 = 0
        /// Accepted, but too late for the exporting thread.
        var lost: UInt64 = 0
        /// The part of `droppedFull` that had been accepted before.
        var droppedOldest: UInt64 = 0
        /// Records in memory, but for those in flight.
        var queued = 0
        /// Records of the batch under way, and of one on its way to disk.
        var inFlight = 0
        /// Bytes of the memory that is in use for them.
        var usedBytes = 0
    }

    var counts: Counts {
        var counts = Counts()
        for index in 0..<ThreadStripe.count {
            stripes[index].state.withLock { state in
                counts.accepted += state.accepted
                counts.droppedFull += state.droppedFull
                counts.droppedLate += state.droppedLate
                counts.queued += state.chunk?.recordCount ?? 0
            }
        }
        monitor.withLock { shared in
            counts.droppedFull += shared.droppedOldest
            counts.droppedOldest = shared.droppedOldest
            counts.lost = shared.lostInPassing
            counts.queued += shared.ready.recordCount
            counts.inFlight = shared.inFlightRecords + shared.heldBackRecords
            counts.usedBytes = shared.usedBytes
        }
        return counts
    }
}
