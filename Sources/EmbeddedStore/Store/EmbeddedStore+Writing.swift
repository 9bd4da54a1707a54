import OTLP
import TraceStorage

extension EmbeddedStore {
    /// - Throws: when the tail is full and cannot be sealed; the batch was not taken then and can be sent again.
    package func append(_ batch: StoredBatch) throws(StorageError) {
        let (isKnown, isFull) = state.withLock { state in
            let spans = state.tail.spans + batch.batch.spans.count
            let bytes = state.tail.bytes + batch.batch.bytes.count
            return (
                batch.position <= state.position,
                !state.tail.isEmpty && (spans > options.sealSpans || bytes > options.sealBytes)
            )
        }
        guard !isKnown else { return }
        if isFull { try seal() }
        let hash = ByteHash.ofProcess
        let hashes = batch.batch.spans.withUnsafeBufferPointer { spans in
            spans.indices.map { RecentSpans.hash(spans[$0].traceID, spans[$0].spanID, hash) }
        }
        let sealed = try sealedRows(batch, hashes)
        let duplicates = state.withLock { state in
            let duplicates = state.tail.append(batch, hashes: hashes, without: sealed)
            state.position = batch.position
            state.counters.duplicateSpans += duplicates.count
            return duplicates
        }
        tailBlocks.withLock { blocks in
            // What is wrong is said when the tail is sealed, which tries it again.
            do throws(FormatError) { try blocks?.append(batch, without: duplicates) } catch { blocks = nil }
        }
    }

    /// Rows whose span a block has already.
    private func sealedRows(_ stored: StoredBatch, _ hashes: [UInt64]) throws(StorageError) -> Set<Int> {
        let hints = writer.withLock { writer in hashes.indices.filter { writer.recent.contains(hashes[$0]) } }
        guard !hints.isEmpty else { return [] }
        let blocks = state.withLock { $0.blocks }
        let traces = Dictionary(grouping: hints) { stored.batch.spans[$0].traceID }
        var rows: Set<Int> = []
        for (trace, hints) in traces { rows.formUnion(try sealed(hints, of: trace, stored, blocks: blocks)) }
        return rows
    }

    package func maintain(now: UInt64) throws(StorageError) {
        let isDue = state.withLock { state in
            guard !state.tail.isEmpty else { return false }
            let oldest = state.tail.receivedMin
            return state.tail.spans >= options.sealSpans || state.tail.bytes >= options.sealBytes
                || (now > oldest && now - oldest >= options.sealAge)
        }
        // Old data goes first: it may make the room that the seal needs.
        try expire(now: now)
        try quarantineDamaged()
        try forgetRemoved()
        if isDue { try seal() }
        removeDoomed()
    }

    package func flush() throws(StorageError) {
        if state.withLock({ !$0.tail.isEmpty }) { try seal() }
        removeDoomed()
    }

    // MARK: sealing

    /// Writes the tail into blocks and puts them and the position they cover into the manifest, in one step. Until
    /// then nothing has changed; files that were written are removed or, after a crash, cleaned up at the next opening.
    private func seal() throws(StorageError) {
        let (tail, position) = state.withLock { ($0.tail, $0.position) }
        var sealed: [Block] = []
        do throws(StorageError) {
            var blocks = try takeTailBlocks(tail.snapshot)
            try blocks.finish { built throws(StorageError) in sealed.append(try write(built)) }
            try files.sync(directory: directory)
        } catch {
            for block in sealed { try? files.remove(block.path) }
            throw error
        }
        let added = sealed
        let emptied = tail.emptied()
        try changeBlocks(adding: added, position: position) {
            $0 + added
        } and: { state in
            state.tail = emptied
            for block in added {
                state.counters.sealedBlocks += 1
                state.counters.sealedSpans += Int(clamping: block.entry.spans)
                state.counters.sealedBytes += Int(clamping: block.entry.fileBytes)
                if block.entry.isOutOfRange { state.counters.outOfRangeSpans += Int(clamping: block.entry.spans) }
            }
        }
        tailBlocks.withLock { $0 = TailBlocks(options) }
        writer.withLock { writer in
            for hash in tail.hashes { writer.recent.insert(hash) }
        }
    }

    /// The blocks that were built beside the tail; after a seal that failed, or when one could not be built, they are
    /// built anew.
    private func takeTailBlocks(_ snapshot: LiveTail.Snapshot) throws(StorageError) -> TailBlocks {
        if let blocks = tailBlocks.withLock({ $0.take() }) { return blocks }
        var blocks = TailBlocks(options)
        do throws(FormatError) {
            for index in snapshot.batches.indices {
                try blocks.append(snapshot.batches[index], without: snapshot.duplicateRows(index))
            }
        } catch { throw .unsealable(error) }
        return blocks
    }

    /// Writes a block into a file of its own, which no manifest names yet.
    func write(_ built: borrowing BuiltBlock) throws(StorageError) -> Block {
        let number = writer.withLock { writer in
            defer { writer.nextNumber += 1 }
            return writer.nextNumber
        }
        let footer = built.footer
        let entry = BlockEntry(
            number: number, fileBytes: UInt64(built.bytes.count), spans: UInt64(footer.rows), startMin: footer.startMin,
            startMax: footer.startMax, receivedMin: footer.receivedMin, receivedMax: footer.receivedMax,
            isOutOfRange: footer.isOutOfRange, tenant: footer.tenant)
        let block = Block(entry, directory: directory)
        do throws(StorageError) {
            try files.write(built.bytes, to: block.path)
        } catch {
            // What was written of it takes room that others need.
            try? files.remove(block.path)
            throw error
        }
        cache.insert(
            .footer(footer), bytes: footer.memoryBytes,
            for: BlockCache.Key(block: number, offset: BlockCache.Key.footer))
        return block
    }

    /// Makes other blocks the store's, on disk by one rename and in memory in one step with what `update` does.
    ///
    /// The writer and the background merge both call it; one waits while the other writes the manifest.
    /// - Parameters:
    ///   - added: files of blocks that are new; removed when they do not come into use.
    ///   - position: what the blocks then cover; nil for what they cover now.
    ///   - deletes: spans go that nobody will find any more.
    ///   - change: the new blocks for those there are; nil to leave everything as it is.
    /// - Returns: the blocks that are no longer the store's; nil when `change` had nothing to do.
    @discardableResult
    func changeBlocks(
        adding added: [Block] = [], position: JournalPosition? = nil, deletes: Bool = false,
        _ change: ([Block]) -> [Block]?, and update: (inout State) -> Void = { _ in }
    ) throws(StorageError) -> [Block]? {
        try catalog.withLock { _ throws(StorageError) in
            let (blocks, durable, hasDeleted) = state.withLock { ($0.blocks, $0.durable, $0.hasDeleted || deletes) }
            guard let changed = change(blocks) else {
                for block in added { try? files.remove(block.path) }
                return nil
            }
            let manifest = Manifest(
                position: position ?? durable, nextNumber: writer.withLock { $0.nextNumber },
                blocks: changed.map(\.entry), hasDeleted: hasDeleted)
            do throws(StorageError) {
                try StoreOpening.prepare(manifest, directory, files)
            } catch {
                for block in added { try? files.remove(block.path) }
                throw error
            }
            do throws(StorageError) {
                try StoreOpening.putInPlace(directory, files)
            } catch {
                // The manifest on disk may name these blocks already: they stay until a later one is in place.
                writer.withLock { $0.orphans += added }
                throw error
            }
            state.withLock { state in
                state.blocks = changed
                state.durable = manifest.position
                state.hasDeleted = hasDeleted
                update(&state)
            }
            writer.withLock { writer in
                writer.doomed += writer.orphans
                writer.orphans = []
            }
            let kept = Set(changed.map(\.entry.number))
            let gone = blocks.filter { !kept.contains($0.entry.number) }
            for block in gone { cache.remove(block: block.entry.number) }
            return gone
        }
    }

    // MARK: deleting

    /// Takes blocks that are past retention out of the manifest, oldest first.
    private func expire(now: UInt64) throws(StorageError) {
        do throws(StorageError) {
            guard let gone = try expireBlocks(now: now) else { return }
            noteExpired(gone)
            writer.withLock { $0.doomed += gone }
        } catch {
            guard case .full = error else { throw error }
            // There is no room for a manifest without the blocks: they make it themselves.
            try expireWithoutManifest(now: now)
        }
    }

    private func noteExpired(_ gone: [Block]) {
        state.withLock { state in
            state.counters.expiredBlocks += gone.count
            state.counters.expiredSpans += gone.reduce(0) { $0 + Int(clamping: $1.entry.spans) }
        }
    }

    /// Removes blocks that are past retention first, and writes the manifest then. Until one is written, now or later,
    /// the one on disk names blocks that are missing: a start reports them and goes on.
    private func expireWithoutManifest(now: UInt64) throws(StorageError) {
        let gone = catalog.withLock { _ in
            state.withLock { state in
                let kept = Set(kept(of: state.blocks, now: now).map(\.entry.number))
                let gone = state.blocks.filter { !kept.contains($0.entry.number) }
                state.blocks.removeAll { !kept.contains($0.entry.number) }
                state.hasDeleted = true
                return gone
            }
        }
        noteExpired(gone)
        for block in gone {
            cache.remove(block: block.entry.number)
            try files.remove(block.path)
        }
        try changeBlocks(deletes: true) { $0 }
    }

    private func expireBlocks(now: UInt64) throws(StorageError) -> [Block]? {
        try changeBlocks(deletes: true) { blocks in
            let kept = kept(of: blocks, now: now)
            return kept.count < blocks.count ? kept : nil
        }
    }

    /// The blocks that are within retention.
    private func kept(of blocks: [Block], now: UInt64) -> [Block] {
        var kept = blocks
        if options.retentionAge > 0, now > options.retentionAge {
            kept.removeAll { $0.entry.receivedMax < now - options.retentionAge }
        }
        if options.retentionBytes > 0 {
            var bytes = kept.reduce(0) { $0 + Int(clamping: $1.entry.fileBytes) }
            while bytes > options.retentionBytes,
                let oldest = kept.indices.min(by: { kept[$0].entry.receivedMax < kept[$1].entry.receivedMax })
            {
                bytes -= Int(clamping: kept[oldest].entry.fileBytes)
                kept.remove(at: oldest)
            }
        }
        return kept
    }

    /// Puts blocks aside whose bytes a query found wrong.
    private func quarantineDamaged() throws(StorageError) {
        let damaged = state.withLock { $0.blocks }.filter { block in block.damage.withLock { $0 != nil } }
        guard !damaged.isEmpty else { return }
        // First aside, then out of the manifest: what no manifest names is removed at the next start.
        for block in damaged { try StoreOpening.setAside(block.entry.name, directory, files) }
        let numbers = Set(damaged.map(\.entry.number))
        let aside = damaged.map { block in
            PutAside(block.entry, reason: block.damage.withLock { $0 } ?? "it did not check")
        }
        try changeBlocks {
            $0.filter { !numbers.contains($0.entry.number) }
        } and: { state in
            state.putAside += aside
            state.counters.quarantinedBlocks += aside.count
        }
    }

    /// Removes the files of deleted blocks that no query holds any more. One that cannot be removed now is tried again.
    private func removeDoomed() {
        writer.withLock { writer in
            var left: [Block] = []
            while var block = writer.doomed.popLast() {
                guard isKnownUniquelyReferenced(&block), (try? files.remove(block.path)) != nil else {
                    left.append(block)
                    continue
                }
            }
            writer.doomed = left
        }
    }
}
