import Synchronization

/// Encoded records on their way from the threads that make them to the one that exports them.
///
/// A record is copied into a chunk of memory that belongs to the stripe of its thread. Once the stripes together hold
/// a batch, their chunks move to the queue proper, in order. The memory of all chunks is what bounds the queue; where
/// the options ask for it the number of records does too.
///
/// Locks: a stripe's and the monitor's are never held at the same time.
/// Unchecked because `stripes` is not changed after the initializer.
final class BatchQueue: @unchecked Sendable {
    /// What belongs to the threads of one stripe, on cache lines of its own.
    struct Stripe: ~Copyable {
        struct State {
            var chunk: RecordChunk?
            var isClosed = false
            var accepted: UInt64 = 0
            var droppedFull: UInt64 = 0
            var droppedLate: UInt64 = 0
        }

        let state = Mutex(State())
        private let padding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) =
            (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    }

    /// What the stripes and the exporting thread share.
    struct Shared {
        var ready = ChunkList()
        var spare: [RecordChunk] = []
        /// Bytes of all chunks there are, but for what is kept in `spare`.
        var usedBytes = 0
        var nextSequence: UInt64 = 1
        /// When the oldest chunk that a stripe still fills was opened; nil where there is none.
        var oldestOpen: MonotonicTime?
        /// Chunks up to this sequence go out without waiting for a full batch.
        var flushThrough: UInt64 = 0
        /// Somebody waits for room: what there is goes out without waiting for a full batch.
        var blockedThreads = 0
        var droppedOldest: UInt64 = 0
        /// The chunk that the batch under way begins with.
        var inFlightFrom: UInt64?
        /// The chunk that a batch begins with which is on its way to disk, or found no room there and is sent next.
        var heldBackFrom: UInt64?
        /// Records that are no longer in chunks: of the batch under way, and of the one on its way to disk.
        var inFlightRecords = 0
        var heldBackRecords = 0
        /// The window of the export under way.
        var window: ExportWindow?
        var shutdownDeadline: MonotonicTime?
        /// Threads that have taken chunks out of stripes, or are about to open one, and have not told the queue yet.
        var inPassing = 0
        /// Nothing more comes in: the stripes were emptied after the shutdown began.
        var isClosed = false
        /// A flush waits for what is in passing.
        var isPassageAwaited = false
        /// Records on their way into the queue when the thread stopped.
        var lostInPassing: UInt64 = 0
        var isStopped = false
        /// All is told that there is to tell about the end.
        var hasEnded = false
        var stopWaiters: [@Sendable () -> Void] = []
        /// When the exporting thread wakes by itself; it must be woken for what is due earlier.
        var sleepsUntil = MonotonicTime.distantPast
        /// Until then the thread sets itself a timer even when there is nothing, which saves waking it.
        var warmUntil = MonotonicTime.distantPast

        /// Everything before this chunk has left.
        var lowestUnsettled: UInt64 { inFlightFrom ?? heldBackFrom ?? ready.first?.sequence ?? nextSequence }
    }

    /// Bytes of a chunk: room for about 512 spans of five attributes.
    private static let chunkBytesMax = 128 << 10
    /// The smallest chunk, for small queues.
    private static let chunkBytesMin = 4 << 10
    /// Chunks kept for reuse when they are empty: a few batches; what a burst needed beyond is given back.
    static let spareChunksMax = 8

    let options: BatchOptions
    let monitor = Monitor(Shared())
    let stripes: UnsafeMutablePointer<Stripe>
    let chunkBytes: Int
    /// Records in the chunks of all stripes. May be off for a moment while chunks are moved.
    private let openRecords = Atomic<Int>(0)
    /// A copy of how many records the queue proper holds, to be read without its lock.
    let readyRecords = Atomic<Int>(0)
    /// Records in stripes and queue; kept only where their number is bounded.
    let queuedRecords = Atomic<Int>(0)
    private let isStarted = Atomic<Bool>(false)
    /// The exporting thread, which must never wait for room; zero before it starts.
    let exportingThread = Atomic<UInt>(0)
    /// Whether records came in or were dropped since the queue was last told about.
    let hasNews = Atomic<Bool>(false)
    private let start: @Sendable (BatchQueue) -> Bool

    /// - Parameter start: starts the exporting thread, when the first record comes in; false when it cannot, and the
    ///   next record tries again.
    init(_ options: BatchOptions, start: @escaping @Sendable (BatchQueue) -> Bool) {
        self.options = options
        self.start = start
        chunkBytes = min(max(options.maxQueueBytes / 16, Self.chunkBytesMin), Self.chunkBytesMax)
        stripes = .allocate(capacity: ThreadStripe.count)
        for index in 0..<ThreadStripe.count { (stripes + index).initialize(to: Stripe()) }
    }

    deinit {
        stripes.deinitialize(count: ThreadStripe.count)
        stripes.deallocate()
    }

    // MARK: adding

    /// Adds a record of `size` bytes, which `write` writes, or drops and counts it.
    @inline(__always)
    func append(_ size: Int, _ write: (inout WireCursor) -> Void) {
        let stripe = stripes + ThreadStripe.current
        if let max = options.maxQueueSize, !admit(max, stripe) { return }
        let isWritten = stripe.pointee.state.withLock { state in
            guard let chunk = state.chunk, chunk.room >= size else { return false }
            chunk.append(size, write)
            state.accepted &+= 1
            return true
        }
        guard isWritten || appendToNewChunk(stripe, size, write) else { return }
        let open = openRecords.wrappingAdd(1, ordering: .relaxed).newValue
        let missing = options.maxExportBatchSize - readyRecords.load(ordering: .relaxed)
        if open >= missing, missing > 0 || open >= options.maxExportBatchSize { collect() }
    }

    /// The slow way: the stripe has no chunk, or none with room.
    private func appendToNewChunk(
        _ stripe: UnsafeMutablePointer<Stripe>, _ size: Int, _ write: (inout WireCursor) -> Void
    ) -> Bool {
        guard let fresh = acquireChunk(size, stripe) else {
            if options.maxQueueSize != nil { queuedRecords.wrappingSubtract(1, ordering: .relaxed) }
            return false
        }
        enum Outcome { case opened(MonotonicTime, full: RecordChunk?), notNeeded, closed }
        let outcome: Outcome = stripe.pointee.state.withLock { state in
            guard !state.isClosed else {
                state.droppedLate &+= 1
                return .closed
            }
            state.accepted &+= 1
            // Another thread of the stripe may have been quicker.
            if let chunk = state.chunk, chunk.room >= size {
                chunk.append(size, write)
                return .notNeeded
            }
            fresh.append(size, write)
            defer { state.chunk = fresh }
            return .opened(fresh.openedAt, full: state.chunk)
        }
        switch outcome {
        case .opened(let moment, let full):
            if let full { openRecords.wrappingSubtract(full.recordCount, ordering: .relaxed) }
            // By now the new chunk may have another owner.
            noteOpened(at: moment, full)
            return true
        case .notNeeded, .closed:
            monitor.withLock { shared in
                recycle(fresh, &shared)
                shared.inPassing -= 1
            }
            monitor.notify()
            if case .closed = outcome { return false }
            return true
        }
    }

    private func noteOpened(at moment: MonotonicTime, _ full: RecordChunk?) {
        let isAwaited = monitor.withLock { shared in
            shared.inPassing -= 1
            if let full { enqueue([full], &shared) }
            let isAwaited = full != nil || shared.isPassageAwaited || shared.isClosed
            guard shared.oldestOpen == nil else { return isAwaited }
            shared.oldestOpen = moment
            return isAwaited || moment + options.scheduleDelay < shared.sleepsUntil
        }
        if isAwaited { monitor.notify() }
        startIfNeeded()
    }

    /// Starts the exporting thread unless it runs; false when that is not possible.
    @discardableResult
    func startIfNeeded() -> Bool {
        guard !isStarted.load(ordering: .relaxed), !isStarted.exchange(true, ordering: .acquiringAndReleasing) else {
            return true
        }
        guard start(self) else {
            isStarted.store(false, ordering: .releasing)
            return false
        }
        return true
    }

    // MARK: moving

    /// Moves what the stripes hold into the queue, and wakes the exporting thread.
    func collect() {
        monitor.withLock { shared in
            shared.oldestOpen = nil
            shared.inPassing += 1
        }
        submit(takeOpenChunks(closing: false))
    }

    private func takeOpenChunks(closing: Bool) -> [RecordChunk] {
        var chunks: [RecordChunk] = []
        for index in 0..<ThreadStripe.count {
            let chunk: RecordChunk? = stripes[index].state.withLock { state in
                if closing { state.isClosed = true }
                guard let chunk = state.chunk else { return nil }
                state.chunk = nil
                return chunk
            }
            guard let chunk else { continue }
            openRecords.wrappingSubtract(chunk.recordCount, ordering: .relaxed)
            chunks.append(chunk)
        }
        return chunks
    }

    private func submit(_ chunks: [RecordChunk]) {
        monitor.withLock { shared in
            shared.inPassing -= 1
            enqueue(chunks, &shared)
        }
        monitor.notify()
    }

    private func enqueue(_ chunks: [RecordChunk], _ shared: inout Shared) {
        guard !shared.isStopped else {
            for chunk in chunks { shared.lostInPassing += UInt64(chunk.recordCount) }
            return
        }
        for chunk in chunks {
            chunk.sequence = shared.nextSequence
            shared.nextSequence += 1
            shared.ready.append(chunk)
        }
        readyRecords.store(shared.ready.recordCount, ordering: .relaxed)
        hasNews.store(true, ordering: .relaxed)
    }

    /// Takes no more records, and makes those that are there wait for the exporting thread. False when that happened
    /// before.
    func close(deadline: MonotonicTime) -> Bool {
        let isFirst = monitor.withLock { shared in
            guard shared.shutdownDeadline == nil else { return false }
            shared.shutdownDeadline = deadline
            shared.window?.close(at: deadline)
            shared.oldestOpen = nil
            shared.inPassing += 1
            return true
        }
        guard isFirst else { return false }
        submit(takeOpenChunks(closing: true))
        monitor.withLock { $0.isClosed = true }
        monitor.notify()
        return true
    }
}
