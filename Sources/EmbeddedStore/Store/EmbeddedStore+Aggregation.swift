import TraceStorage

extension EmbeddedStore {
    /// Each core sums up some of the blocks, and the sums are merged; the live tail is one more of them.
    ///
    /// Equal spans count once under the same condition as in ``scan(_:context:_:)``.
    package func aggregate(_ plan: AggregationPlan, context: QueryContext) throws(StorageError) -> AggregationResult {
        let predicate = try CompiledPredicate(plan.predicate)
        let (tail, all) = state.withLock { ($0.tail.snapshot, $0.blocks) }
        let blocks = all.filter { $0.mayHold(plan.tenant, plan.range) }
        let parts = try ParallelReading.run(
            blocks, workers: workers, context: context
        ) { block, pages, sums throws(StorageError) in
            try reading(block, context, pages) { reader throws(StorageError) in
                try sums.add(reader, plan, predicate)
            }
        } start: { () throws(StorageError) in
            WorkerSums(try Aggregator(plan, context: context))
        }
        var result = try aggregate(tail, plan, predicate, context)
        for part in parts { result.merge(part.aggregator.finish(), groupsMax: plan.groupsMax) }
        return result
    }

    private func aggregate(
        _ tail: LiveTail.Snapshot, _ plan: AggregationPlan, _ predicate: CompiledPredicate, _ context: QueryContext
    ) throws(StorageError) -> AggregationResult {
        let fields = plan.scan.fields
        var aggregator = try Aggregator(plan, context: context)
        for (index, stored) in tail.batches.enumerated() where stored.tenant == plan.tenant {
            try context.check()
            let rows = tail.rows(index, in: plan.range, predicate)
            guard !rows.isEmpty else { continue }
            try aggregator.add(rows: stored.batch.scanRows(rows, fields: fields))
        }
        return aggregator.finish()
    }
}

// Made and used by one worker, and read by the caller when the workers are done.
private final class WorkerSums: @unchecked Sendable {
    var aggregator: Aggregator

    init(_ aggregator: consuming Aggregator) {
        self.aggregator = aggregator
    }

    func add(_ reader: BlockReader, _ plan: AggregationPlan, _ predicate: CompiledPredicate) throws(StorageError) {
        guard !reader.footer.hasServices || predicate.canHold(services: reader.footer.services) else { return }
        let filter = GroupFilter(try BlockScan(reader), range: plan.range, predicate: predicate)
        guard try filter.canMatch() else { return }
        var block = BlockAggregation(filter, plan: plan)
        for index in 0..<reader.footer.groupCount { try block.add(index, to: &aggregator) }
    }
}
