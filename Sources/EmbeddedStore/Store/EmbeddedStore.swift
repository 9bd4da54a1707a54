import OTLP
import Synchronization
import TraceStorage

/// A store in one directory: a live tail in memory, and immutable column blocks on disk.
///
/// One thread writes, another may merge; any number of threads read at the same time. What is in the tail is not durable here: it is
/// replayed from the journal, from ``durablePosition`` on.
package final class EmbeddedStore: TraceWriter, TraceReader {
    /// All that queries see, replaced as one.
    struct State: Sendable {
        var tail = LiveTail()
        /// In the order in which they were sealed.
        var blocks: [Block] = []
        /// Blocks that were put aside and whose files are still there.
        var putAside: [PutAside] = []
        /// The last position that was taken.
        var position = JournalPosition.beginning
        /// The position that the manifest covers.
        var durable = JournalPosition.beginning
        /// Retention has deleted spans.
        var hasDeleted = false
        var counters = StoreCounters()
    }

    let directory: String
    let options: StoreOptions
    let files: StoreFiles
    let cache: BlockCache
    let state: Mutex<State>
    /// What only the writer's calls touch; they come from one thread, the lock makes that safe where they do not.
    let writer: Mutex<WriterState>
    /// What the tail will be sealed into; nil after a failure, and while a seal writes it. Touched by the writer's calls
    /// alone.
    let tailBlocks: Mutex<TailBlocks?>
    /// Held while the manifest is written, by the writer and by the background merge; queries never wait for it.
    let catalog = Mutex<Void>(())
    let merging = MergeTurn()

    struct WriterState: Sendable {
        var nextNumber: UInt64
        /// Blocks that are no longer in the manifest and whose files go once no query holds them.
        var doomed: [Block] = []
        /// Blocks of a seal whose manifest may be on disk although it failed to be put in place for good.
        var orphans: [Block] = []
        var recent: RecentSpans
    }

    /// What was found at opening that should not have been there.
    package let report: StoreReport

    /// Opens the store in a directory, which is made when it is not there.
    ///
    /// Files that no manifest names are removed; a block that is missing or does not check is put aside in
    /// `quarantine/` and reported in ``report``.
    /// - Throws: ``StorageError/corrupt(message:)`` for a manifest that does not check, or files of a future format
    ///   version; ``StorageError/io(message:)``.
    package init(
        directory: String, options: StoreOptions = StoreOptions(), files system: any FileSystem = POSIXFileSystem()
    ) throws(StorageError) {
        self.directory = directory
        self.options = options
        let files = StoreFiles(system)
        self.files = files
        cache = BlockCache(bytesMax: options.cacheBytes)
        let opened = try StoreOpening(directory: directory, files: files).open()
        report = opened.report
        var state = State()
        state.blocks = opened.manifest.blocks.map { Block($0, directory: directory) }
        state.putAside = opened.putAside
        state.position = opened.manifest.position
        state.durable = opened.manifest.position
        state.hasDeleted = opened.manifest.hasDeleted
        self.state = Mutex(state)
        tailBlocks = Mutex(TailBlocks(options))
        writer = Mutex(
            WriterState(
                nextNumber: opened.manifest.nextNumber, recent: RecentSpans(spansMax: options.recentSpansMax)))
        do throws(StorageError) {
            let recent = try recentSpans(state.blocks)
            writer.withLock { $0.recent = recent }
        } catch {
            // A damaged block: the query that needs it reports it, and maintenance puts it aside.
            guard case .corrupt = error else { throw error }
        }
    }

    package var durablePosition: JournalPosition { state.withLock { $0.durable } }

    /// What the store counted since it was opened.
    package var counters: StoreCounters { state.withLock { $0.counters } }

    package func statistics() -> StorageStatistics {
        state.withLock { state in
            var statistics = StorageStatistics()
            statistics.liveSpans = state.tail.spans
            statistics.blocks = state.blocks.count
            statistics.spans = state.tail.spans
            var oldest = state.tail.isEmpty ? UInt64.max : state.tail.receivedMin
            for block in state.blocks {
                statistics.spans += Int(clamping: block.entry.spans)
                statistics.diskBytes += Int(clamping: block.entry.fileBytes)
                oldest = min(oldest, block.entry.receivedMin)
            }
            statistics.oldestReceivedAt = state.tail.isEmpty && state.blocks.isEmpty ? nil : oldest
            if state.hasDeleted { statistics.deletedBefore = oldest }
            statistics.gaps = state.putAside.map(\.gap)
            return statistics
        }
    }
}

/// Counts of a store since it was opened.
package struct StoreCounters: Sendable, Hashable {
    /// Spans passed over because an equal one was in the live tail.
    package var duplicateSpans = 0
    /// Spans sealed apart because their time is far from when they were received.
    package var outOfRangeSpans = 0
    package var sealedSpans = 0
    package var sealedBlocks = 0
    package var sealedBytes = 0
    /// Spans and blocks deleted by retention.
    package var expiredSpans = 0
    package var expiredBlocks = 0
    /// Merges that are done, and those that failed; one that was stopped is neither.
    package var merges = 0
    package var failedMerges = 0
    /// Blocks that were joined, bytes of and spans in the blocks that came of it, and spans that were left out because
    /// an equal one was among them.
    package var mergedBlocks = 0
    package var mergedBytes = 0
    package var mergedSpans = 0
    package var collapsedSpans = 0
    /// Blocks put aside because a query found them wrong.
    package var quarantinedBlocks = 0
}

/// What the opening of a store found and did.
package struct StoreReport: Sendable, Hashable {
    /// One line for each block that was put aside: its name and why.
    package var quarantined: [String] = []
    /// Names of files that no manifest named and that were removed.
    package var removed: [String] = []
    /// Names of files that the store knows nothing of and left alone.
    package var unknown: [String] = []

    package init() {}
}
