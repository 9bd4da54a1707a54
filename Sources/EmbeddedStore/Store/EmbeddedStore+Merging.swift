import TraceStorage

extension EmbeddedStore {
    /// One step of the background merge: joins some small blocks into one of up to ``StoreOptions/sealSpans`` spans,
    /// sorted by trace. Runs beside `append` and `maintain`, on a thread of its own; a second call at the same time
    /// does nothing.
    ///
    /// Spans that equal one another in every byte become one. The new block and the end of the old ones are one
    /// rename: after a crash there are either the old or the new. Costs some microseconds a span, and as much memory
    /// as the blocks have bytes of OTLP, at most ``StoreOptions/mergeBytes``: it joins the first of the blocks where all
    /// of them have more.
    /// - Returns: whether blocks were joined; there may be more to do then.
    /// - Throws: ``StorageError/corrupt(message:)`` when a block does not check: it is noted as damaged and left out
    ///   from now on; other errors leave everything as it was, and the call may be made again. ``StorageError/cancelled``
    ///   when `context` says so.
    @discardableResult
    package func merge(context: QueryContext = QueryContext()) throws(StorageError) -> Bool {
        guard merging.begin() else { return false }
        defer { merging.end() }
        let blocks = state.withLock { $0.blocks }
        let plan = MergePlan(options: options)
        guard let planned = plan.next(blocks, excluding: merging.left) else { return false }
        do throws(StorageError) {
            return try join(planned, plan, context)
        } catch {
            if error != .cancelled { state.withLock { $0.counters.failedMerges += 1 } }
            throw error
        }
    }

    /// False where no two of the blocks fit what a merge may hold.
    private func join(
        _ planned: [Block], _ plan: MergePlan, _ context: QueryContext
    ) throws(StorageError) -> Bool {
        let pages = PageReader()
        var merge = BlockMerge(bytesMax: options.mergeBytes)
        var sources: [Block] = []
        for block in planned {
            var isTaken = false
            try reading(block, context, pages) { reader throws(StorageError) in isTaken = try merge.read(reader) }
            guard isTaken else { break }
            sources.append(block)
        }
        guard sources.count == planned.count || plan.mayJoin(sources) else {
            // The next call begins behind it.
            merging.leave([planned[0].entry.number])
            return false
        }
        try replace(sources, by: try build(&merge, sources), collapsedSpans: merge.collapsedSpans)
        return true
    }

    private func build(_ merge: inout BlockMerge, _ sources: [Block]) throws(StorageError) -> Block {
        do throws(StorageError) {
            return try write(try merge.build(sources[0].entry.key))
        } catch {
            // What can be read but not be put together again would fail each time.
            if case .corrupt = error { merging.leave(sources.map(\.entry.number)) }
            throw error
        }
    }

    private func replace(_ sources: [Block], by merged: Block, collapsedSpans: Int) throws(StorageError) {
        do throws(StorageError) {
            try files.sync(directory: directory)
        } catch {
            try? files.remove(merged.path)
            throw error
        }
        let numbers = Set(sources.map(\.entry.number))
        let gone = try changeBlocks(adding: [merged]) { blocks in
            // Retention or a damaged block came first: the others are joined by a later call.
            guard let place = blocks.firstIndex(where: { numbers.contains($0.entry.number) }),
                blocks.count(where: { numbers.contains($0.entry.number) }) == numbers.count
            else { return nil }
            var changed = blocks
            changed[place] = merged
            changed.removeAll { numbers.contains($0.entry.number) }
            return changed
        } and: { state in
            state.counters.merges += 1
            state.counters.mergedBlocks += sources.count
            state.counters.mergedBytes += Int(clamping: merged.entry.fileBytes)
            state.counters.mergedSpans += Int(clamping: merged.entry.spans)
            state.counters.collapsedSpans += collapsedSpans
        }
        if let gone { writer.withLock { $0.doomed += gone } }
    }
}
