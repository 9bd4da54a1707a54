import OTLP
import TraceStorage

/// A store's directory as it is on the disk, read without changing anything: also beside the collector that owns it.
///
/// It shows what was sealed when it was made; the live tail is the collector's alone. A block that the collector deletes
/// meanwhile is told apart from one that is missing. Calls block on file reads.
package struct StoreInspection: Sendable {
    package let directory: String
    /// Everything up to this position of the journal is in the blocks.
    package let position: JournalPosition
    /// The blocks that the manifest names, in the order of sealing.
    package let blocks: [BlockSummary]
    /// Files that the manifest does not name: half-done work of a running collector or of one that died.
    package let unnamed: [String]
    /// Blocks that were put aside because they did not check.
    package let quarantined: [String]
    private let files: StoreFiles

    /// Reads the manifest.
    ///
    /// - Throws: ``StorageError/io(message:)`` when there is no store in the directory,
    ///   ``StorageError/corrupt(message:)`` for a manifest that does not check or is of a future format version.
    package init(directory: String, files system: any FileSystem = POSIXFileSystem()) throws(StorageError) {
        let files = StoreFiles(system)
        let names = try files.names(in: directory)
        guard names.contains(Manifest.fileName) else {
            throw .io(message: "\(directory) holds no store: it has no file named \(Manifest.fileName)")
        }
        let manifest = try StoreOpening(directory: directory, files: files).readManifest()
        let known = Set(manifest.blocks.map(\.name))
        self.directory = directory
        self.files = files
        position = manifest.position
        blocks = manifest.blocks.map(BlockSummary.init)
        unnamed = names.filter {
            !known.contains($0) && $0 != Manifest.fileName && $0 != StoreOpening.quarantine
        }.sorted()
        quarantined =
            names.contains(StoreOpening.quarantine)
            ? try files.names(in: directory + "/" + StoreOpening.quarantine).sorted() : []
    }

    /// What each column of a block takes; nil when the block is gone because its collector deleted it.
    ///
    /// - Throws: ``StorageError/corrupt(message:)`` for a block that does not check.
    package func columns(of block: BlockSummary) throws(StorageError) -> [ColumnSummary]? {
        try reading(block) { reader throws(StorageError) in
            try ColumnSummary.all(of: reader)
        }
    }

    /// What the columns of all blocks take together, the largest first.
    ///
    /// - Parameter progress: Told how many blocks are done before each.
    /// - Throws: ``StorageError/corrupt(message:)`` for a block that does not check.
    package func columns(progress: (Int) -> Void = { _ in }) throws(StorageError) -> [ColumnSummary] {
        var parts: [ColumnSummary] = []
        for (index, block) in blocks.enumerated() {
            progress(index)
            parts += try columns(of: block) ?? []
        }
        return ColumnSummary.merged(parts)
    }

    /// Checks all of a block: every checksum, every row.
    ///
    /// - Returns: What was found wrong, none for a sound block; nil when the block is gone.
    package func verify(_ block: BlockSummary) -> [String]? {
        do throws(StorageError) {
            return try reading(block) { reader throws(StorageError) in
                BlockVerification(reader: reader, block: block).problems()
            }
        } catch {
            return ["\(error)"]
        }
    }

    /// Hands the spans of a block that start in a range to `body`, one row group at a time.
    ///
    /// - Parameter trace: Only spans of this trace, where given.
    package func spans(
        of block: BlockSummary, in range: TimeRange = .all, trace: TraceID? = nil,
        _ body: (SpanBatch) throws(StorageError) -> Void
    ) throws(StorageError) {
        guard range.intersects(first: block.startMin, last: block.startMax) else { return }
        try reading(block) { reader throws(StorageError) in
            let groups: ClosedRange<Int>
            if let trace {
                guard let found = try reader.find(trace) else { return }
                groups = found.groups
            } else {
                guard reader.footer.groupCount > 0 else { return }
                groups = 0...(reader.footer.groupCount - 1)
            }
            let rows = BlockRows(reader)
            for group in groups {
                let batch = try rows.batch(group) { row in
                    range.contains(row.start) && (trace == nil || row.trace == trace)
                }
                if let batch { try body(batch) }
            }
        }
    }

    /// Opens a block; nil when its file is gone and the manifest, read again, no longer names it.
    @discardableResult
    private func reading<Result>(
        _ block: BlockSummary, _ body: (BlockReader) throws(StorageError) -> Result
    ) throws(StorageError) -> Result? {
        let path = directory + "/" + block.name
        let file: StoreFile
        do throws(StorageError) {
            file = try files.open(path)
        } catch {
            let now = try StoreOpening(directory: directory, files: files).readManifest()
            if now.blocks.contains(where: { $0.name == block.name }) { throw error }
            return nil
        }
        try BlockReader.refuseFutureVersion(file, path: path)
        let reader = try BlockReader(
            file: file, block: block.number, name: path, cache: BlockCache(bytesMax: Self.cacheBytes),
            context: QueryContext())
        return try body(reader)
    }

    /// Bytes of dictionaries and scopes kept while one block is read.
    private static let cacheBytes = 64 << 20
}

/// What the manifest says about one block.
package struct BlockSummary: Hashable, Sendable {
    /// The name of its file.
    package let name: String
    package let number: UInt64
    package let fileBytes: UInt64
    package let spans: UInt64
    /// Smallest and largest start time, in unix nanoseconds.
    package let startMin: UInt64
    package let startMax: UInt64
    /// When its spans were received, in unix nanoseconds.
    package let receivedMin: UInt64
    package let receivedMax: UInt64
    /// Its spans' times are far from when they were received.
    package let isOutOfRange: Bool
    package let tenant: TenantID

    init(_ entry: BlockEntry) {
        name = entry.name
        number = entry.number
        fileBytes = entry.fileBytes
        spans = entry.spans
        startMin = entry.startMin
        startMax = entry.startMax
        receivedMin = entry.receivedMin
        receivedMax = entry.receivedMax
        isOutOfRange = entry.isOutOfRange
        tenant = entry.tenant
    }
}
