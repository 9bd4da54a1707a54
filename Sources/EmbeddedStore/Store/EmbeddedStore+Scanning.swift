import OTLP
import TraceStorage

extension EmbeddedStore {
    /// The live tail first, then blocks whose spans start last first, several at a time on as many cores.
    ///
    /// Of equal spans in different blocks only those are handed out once whose second came while the first was among
    /// the last ``RecentSpans/spansMax`` that were sealed.
    package func scan(_ plan: ScanPlan, context: QueryContext, _ body: (ScanRows) -> Bool) throws(StorageError) {
        let predicate = try CompiledPredicate(plan.predicate)
        let (tail, all) = state.withLock { ($0.tail.snapshot, $0.blocks) }
        let blocks = all.filter { $0.mayHold(plan.tenant, plan.range) }
            .sorted { ($1.entry.startMax, $1.entry.number) < ($0.entry.startMax, $0.entry.number) }
        var rowsLeft = context.rowsMax
        guard try scan(tail, plan, predicate, context, &rowsLeft, body) else { return }
        // Rounds of as many blocks as there are workers: memory stays bounded, and a body that has enough stops early.
        for start in stride(from: 0, to: blocks.count, by: workers) {
            let end = min(start + workers, blocks.count)
            let following = end < blocks.count ? blocks[end].entry.startMax : 0
            guard try scan(Array(blocks[start..<end]), following, plan, predicate, context, &rowsLeft, body) else {
                return
            }
        }
    }

    /// Cores that one query may use.
    var workers: Int { options.queryCores > 0 ? options.queryCores : ParallelReading.cores }

    private func scan(
        _ tail: LiveTail.Snapshot, _ plan: ScanPlan, _ predicate: CompiledPredicate, _ context: QueryContext,
        _ rowsLeft: inout Int, _ body: (ScanRows) -> Bool
    ) throws(StorageError) -> Bool {
        for (index, stored) in tail.batches.enumerated() where stored.tenant == plan.tenant {
            try context.check()
            let rows = tail.rows(index, in: plan.range, predicate)
            guard !rows.isEmpty else { continue }
            guard rows.count <= rowsLeft else { throw .rows(context) }
            rowsLeft -= rows.count
            if !body(stored.batch.scanRows(rows, fields: plan.fields)) { return false }
        }
        return true
    }

    /// Scans some blocks at the same time and hands out what they have in their order, on the calling thread.
    private func scan(
        _ blocks: [Block], _ following: UInt64, _ plan: ScanPlan, _ predicate: CompiledPredicate,
        _ context: QueryContext, _ rowsLeft: inout Int, _ body: (ScanRows) -> Bool
    ) throws(StorageError) -> Bool {
        let rowsMax = rowsLeft
        let found = try ParallelReading.run(
            Array(blocks.enumerated()), workers: workers, context: context
        ) { item, pages, answers throws(StorageError) in
            let (place, block) = item
            try reading(block, context, pages) { reader throws(StorageError) in
                try answers.scan(place, reader, plan, predicate, rowsMax: rowsMax)
            }
        } start: {
            BlockAnswers()
        }
        let parts = found.flatMap(\.parts).sorted { ($0.block, $0.group) < ($1.block, $1.group) }
        for (index, part) in parts.enumerated() {
            guard part.rows.count <= rowsLeft else { throw .rows(context) }
            rowsLeft -= part.rows.count
            try context.check()
            var rows = part.rows
            rows.laterStartMax = index + 1 < parts.count ? blocks[parts[index + 1].block].entry.startMax : following
            if !body(rows) { return false }
        }
        return true
    }
}

/// Memory that is counted as a query's as long as somebody holds this, also when the query fails.
private final class MemoryReservation: Sendable {
    private let bytes: Int
    private let context: QueryContext

    init(_ bytes: Int, of context: QueryContext) throws(StorageError) {
        try context.reserve(bytes)
        self.bytes = bytes
        self.context = context
    }

    deinit { context.release(bytes) }
}

/// What one worker found in its blocks.
private struct BlockAnswers: Sendable {
    struct Part: Sendable {
        let block: Int
        let group: Int
        let rows: ScanRows
        let memory: MemoryReservation
    }

    private(set) var parts: [Part] = []

    mutating func scan(
        _ place: Int, _ reader: BlockReader, _ plan: ScanPlan, _ predicate: CompiledPredicate, rowsMax: Int
    ) throws(StorageError) {
        guard !reader.footer.hasServices || predicate.canHold(services: reader.footer.services) else { return }
        let filter = GroupFilter(try BlockScan(reader), range: plan.range, predicate: predicate)
        guard try filter.canMatch() else { return }
        let scan = GroupScan(filter: filter, fields: plan.fields)
        var count = 0
        for index in 0..<reader.footer.groupCount {
            guard let rows = try scan.rows(index) else { continue }
            count += rows.count
            guard count <= rowsMax else { throw .rows(reader.context) }
            let memory = try MemoryReservation(rows.memoryBytes, of: reader.context)
            parts.append(Part(block: place, group: index, rows: rows, memory: memory))
        }
    }
}

extension ScanRows {
    /// About how many bytes of memory they take.
    fileprivate var memoryBytes: Int {
        columns.reduce(64) { bytes, column in
            switch column {
            case .integers(let numbers): bytes + numbers.count * 8
            case .dictionary(let codes, let values): bytes + codes.count * 4 + values.count * 64
            case .values(let values): bytes + values.count * 48
            }
        }
    }
}

extension LiveTail.Snapshot {
    /// Rows of a batch that match, each span once.
    func rows(_ index: Int, in range: TimeRange, _ predicate: CompiledPredicate) -> [Int] {
        let batch = batches[index].batch
        return uniqueRows(index).filter {
            range.contains(batch.spans[$0].startTime) && predicate.passes(batch, row: $0)
        }
    }
}

extension CompiledPredicate {
    /// False only when no span of these services can pass.
    func canHold(services: [[UInt8]]) -> Bool {
        switch self {
        case .compare(.serviceName, let test):
            services.contains { service in service.withUnsafeBytes { test.passes(text: $0) } }
        case .and(let parts): parts.allSatisfy { $0.canHold(services: services) }
        case .or(let parts): parts.contains { $0.canHold(services: services) }
        default: true
        }
    }
}
