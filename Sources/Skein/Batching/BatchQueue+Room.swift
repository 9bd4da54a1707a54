import Synchronization

// Memory for records, and what happens when there is none left.
extension BatchQueue {
    /// An empty chunk with room for `size` bytes; nil when the record is dropped, which is counted.
    func acquireChunk(_ size: Int, _ stripe: UnsafeMutablePointer<Stripe>) -> RecordChunk? {
        let capacity = max(size, chunkBytes)
        var isCollected = false
        var isBlocked = false
        while true {
            enum Answer { case chunk(RecordChunk), full, closed, collect }
            let answer: Answer = monitor.wait { shared in
                if shared.shutdownDeadline != nil { return unblock(&isBlocked, &shared, .closed) }
                if let chunk = room(for: capacity, &shared) {
                    shared.inPassing += 1
                    return unblock(&isBlocked, &shared, .chunk(chunk))
                }
                guard capacity <= options.maxQueueBytes, !isOnExportingThread else {
                    return .done(.full)
                }
                if !isCollected { return .done(.collect) }
                switch options.overflow {
                case .dropNewest: return .done(.full)
                case .block: return block(&isBlocked, &shared)
                case .dropOldest:
                    guard let chunk = roomOfOldest(capacity, &shared) else { return .done(.full) }
                    shared.inPassing += 1
                    return .done(.chunk(chunk))
                }
            }
            switch answer {
            case .chunk(let chunk): return chunk
            case .collect:
                // The memory may be in other stripes' chunks, where neither waiting nor dropping reaches it.
                isCollected = true
                collect()
            case .full:
                stripe.pointee.state.withLock { $0.droppedFull &+= 1 }
                tellOfDrop()
                return nil
            case .closed:
                stripe.pointee.state.withLock { $0.droppedLate &+= 1 }
                return nil
            }
        }
    }

    private func room(for capacity: Int, _ shared: inout Shared) -> RecordChunk? {
        guard shared.usedBytes + capacity <= options.maxQueueBytes else { return nil }
        shared.usedBytes += capacity
        if capacity == chunkBytes, let spare = shared.spare.popLast() { return spare }
        // Memory that is kept for reuse is within the bound too.
        let spareMax = (options.maxQueueBytes - shared.usedBytes) / chunkBytes
        if shared.spare.count > spareMax { shared.spare.removeLast(shared.spare.count - spareMax) }
        return RecordChunk(capacity: capacity)
    }

    /// Drops what has waited longest until there is room.
    private func roomOfOldest(_ capacity: Int, _ shared: inout Shared) -> RecordChunk? {
        defer { readyRecords.store(shared.ready.recordCount, ordering: .relaxed) }
        while let oldest = shared.ready.popFirst() {
            shared.droppedOldest += UInt64(oldest.recordCount)
            hasNews.store(true, ordering: .relaxed)
            uncount(oldest.recordCount)
            recycle(oldest, &shared)
            if let chunk = room(for: capacity, &shared) { return chunk }
        }
        return nil
    }

    /// Whether one more record may wait, where their number is bounded; a record that may not is dropped and counted.
    func admit(_ max: Int, _ stripe: UnsafeMutablePointer<Stripe>) -> Bool {
        var isBlocked = false
        while true {
            if queuedRecords.wrappingAdd(1, ordering: .relaxed).newValue <= max { return true }
            queuedRecords.wrappingSubtract(1, ordering: .relaxed)
            guard options.overflow != .dropNewest else { break }
            collect()
            let isRoom: Bool = monitor.wait { shared in
                if isOnExportingThread { return .done(false) }
                if shared.shutdownDeadline != nil || queuedRecords.load(ordering: .relaxed) < max {
                    return unblock(&isBlocked, &shared, true)
                }
                if options.overflow == .block { return block(&isBlocked, &shared) }
                guard let oldest = shared.ready.dropFirstRecord() else { return .done(false) }
                readyRecords.store(shared.ready.recordCount, ordering: .relaxed)
                shared.droppedOldest += 1
                hasNews.store(true, ordering: .relaxed)
                uncount(1)
                if oldest.recordCount == 0 { recycle(oldest, &shared) }
                return .done(true)
            }
            if monitor.withLock({ $0.shutdownDeadline != nil }) {
                stripe.pointee.state.withLock { $0.droppedLate &+= 1 }
                return false
            }
            if !isRoom { break }
        }
        stripe.pointee.state.withLock { $0.droppedFull &+= 1 }
        tellOfDrop()
        return false
    }

    /// Wakes the exporting thread for the first drop since it told of the last: during a pause between attempts nothing
    /// else would.
    private func tellOfDrop() {
        guard !hasNews.load(ordering: .relaxed), !hasNews.exchange(true, ordering: .relaxed) else { return }
        // It either sees the news under the lock or waits already.
        monitor.withLock { _ in }
        monitor.notify()
    }

    /// Waits for the exporting thread to make room. It is told once that somebody waits; those who wait must not wake
    /// one another.
    private func block<Result>(_ isBlocked: inout Bool, _ shared: inout Shared) -> Wait<Result> {
        if !isBlocked {
            isBlocked = true
            shared.blockedThreads += 1
            monitor.notify()
        }
        return .again(nil)
    }

    private func unblock<Result>(_ isBlocked: inout Bool, _ shared: inout Shared, _ result: Result) -> Wait<Result> {
        if isBlocked {
            isBlocked = false
            shared.blockedThreads -= 1
        }
        return .done(result)
    }

    func uncount(_ records: Int) {
        if options.maxQueueSize != nil { queuedRecords.wrappingSubtract(records, ordering: .relaxed) }
    }

    /// Gives a chunk's memory back; whoever holds the monitor wakes those who wait for it.
    func recycle(_ chunk: RecordChunk, _ shared: inout Shared) {
        shared.usedBytes -= chunk.capacity
        guard chunk.capacity == chunkBytes, shared.spare.count < Self.spareChunksMax else { return }
        chunk.removeAll()
        shared.spare.append(chunk)
    }
}
