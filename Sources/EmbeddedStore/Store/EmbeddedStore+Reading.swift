import OTLP
import TraceStorage

extension EmbeddedStore {
    package func trace(
        _ id: TraceID, tenant: TenantID, context: QueryContext
    ) throws(StorageError) -> SpanBatch? {
        try trace(id, tenant, context, TraceLookups(keepsParts: false))
    }

    package func traces(
        _ ids: [TraceID], tenant: TenantID, parts: SpanParts?, context: QueryContext,
        _ body: (TraceID, SpanBatch?) throws(StorageError) -> Bool
    ) throws(StorageError) {
        let lookups = TraceLookups(keepsParts: true, parts: parts)
        for id in ids {
            var batch: SpanBatch?
            do throws(StorageError) {
                batch = try trace(id, tenant, context, lookups)
            } catch {
                // What is kept of other traces must not be what a query fails for.
                guard case .limitExceeded = error, lookups.keepsGroups else { throw error }
                lookups.removeGroups()
                let once = TraceLookups(keepsParts: false, parts: parts, pages: lookups.pages)
                batch = try trace(id, tenant, context, once)
            }
            guard try body(id, batch) else { return }
        }
    }

    private func trace(
        _ id: TraceID, _ tenant: TenantID, _ context: QueryContext, _ lookups: TraceLookups
    ) throws(StorageError) -> SpanBatch? {
        let (live, blocks) = state.withLock { ($0.tail.rows(of: id, tenant: tenant), $0.blocks) }
        var reserved = 0
        defer {
            lookups.collector.removeAll()
            context.release(reserved)
        }
        lookups.forgetScopes()
        for lookup in lookups.lookups(blocks, tenant: tenant) {
            guard try mayHold(id, lookup, context, lookups) else { continue }
            try reading(lookup, context, lookups) { reader throws(StorageError) in
                try Self.collect(id, lookup, reader, lookups, &reserved, context)
            }
        }
        for (batch, rows) in live {
            lookups.collector.append(batch, rows: rows)
            try lookups.check(&reserved, context)
        }
        do { return try lookups.collector.finish() } catch { throw .corrupt(message: "trace \(id): \(error)") }
    }

    /// False only when a block has nothing of a trace: known without its file once it was asked.
    private func mayHold(
        _ id: TraceID, _ lookup: BlockLookup, _ context: QueryContext, _ lookups: TraceLookups
    ) throws(StorageError) -> Bool {
        if let filter = lookup.filter { return filter.mayHold(id) }
        let key = BlockCache.Key(block: lookup.block.entry.number, offset: BlockCache.Key.traces)
        if case .traces(let filter)? = cache[key] {
            lookups.keep(filter, of: lookup)
            return filter.mayHold(id)
        }
        var mayHold = true
        try reading(lookup, context, lookups) { reader throws(StorageError) in
            let filter = try reader.traceFilter()
            cache.insert(.traces(filter), bytes: filter.memoryBytes + 128, for: key)
            lookups.keep(filter, of: lookup)
            mayHold = filter.mayHold(id)
        }
        return mayHold
    }

    /// The rows of a trace, out of some of a batch, that blocks have already, equal in every byte.
    ///
    /// A trace of more spans than ``sealedSpansMax`` is not looked at: its spans are then found twice in scans until a
    /// merge joins them.
    func sealed(
        _ rows: [Int], of id: TraceID, _ stored: StoredBatch, blocks: [Block]
    ) throws(StorageError) -> [Int] {
        let context = QueryContext(rowsMax: Self.sealedSpansMax)
        let lookups = TraceLookups(keepsParts: false)
        var reserved = 0
        do throws(StorageError) {
            for lookup in lookups.lookups(blocks, tenant: stored.tenant).reversed() {
                guard try mayHold(id, lookup, context, lookups) else { continue }
                try reading(lookup, context, lookups) { reader throws(StorageError) in
                    try Self.collect(id, lookup, reader, lookups, &reserved, context)
                }
            }
        } catch {
            guard case .limitExceeded = error else { throw error }
            return []
        }
        return rows.filter { row in
            let before = lookups.collector.count
            lookups.collector.append(stored.batch, rows: CollectionOfOne(row))
            return lookups.collector.count == before
        }
    }

    /// Spans of one trace that are put together to see whether a span was sent before: some tens of megabytes, and the
    /// tenth of a second.
    private static let sealedSpansMax = 20_000

    /// Notes the ids of a block's spans, newest blocks first, until there are enough of them.
    func recentSpans(_ blocks: [Block]) throws(StorageError) -> RecentSpans {
        var recent = RecentSpans(spansMax: options.recentSpansMax)
        var wanted: [Block] = []
        var spans = 0
        for block in blocks.reversed() where spans < options.recentSpansMax {
            wanted.append(block)
            spans += Int(clamping: block.entry.spans)
        }
        let pages = PageReader()
        for block in wanted.reversed() {
            try reading(block, QueryContext(), pages) { reader throws(StorageError) in
                for index in 0..<reader.footer.groupCount {
                    let traces = try RowGroup(reader, index: index).numbers(.span, .trace)
                    for (row, place) in traces.enumerated() {
                        let span = try reader.spanID(row: index * BlockFormat.groupRows + row)
                        recent.insert(RecentSpans.hash(try reader.traceID(place), span))
                    }
                }
            }
        }
        return recent
    }

    private static func collect(
        _ id: TraceID, _ lookup: BlockLookup, _ reader: BlockReader, _ lookups: TraceLookups, _ reserved: inout Int,
        _ context: QueryContext
    ) throws(StorageError) {
        guard let found = try reader.find(id) else { return }
        let block = lookup.block.entry.number
        for index in found.groups {
            try context.check()
            let spans = try lookups.group(index, of: block, reader)
            for row in spans.rows(of: found.place) {
                let scope = try lookup.scopeNumber(Int(spans.scopes[row]), reader, &lookups.collector)
                try lookups.collector.append(
                    id: spans.assembler.spanID(row), scope: scope
                ) { writer throws(StorageError) in
                    try spans.assembler.write(row, id, to: &writer)
                }
                if lookups.collector.count > context.rowsMax { throw .rows(context) }
            }
            lookups.keep(spans, of: block)
            try lookups.check(&reserved, context)
        }
    }

    // MARK: services and operations

    package func services(
        in range: TimeRange, tenant: TenantID, context: QueryContext
    ) throws(StorageError) -> [String] {
        var names: Set<String> = []
        let (tail, blocks) = state.withLock { ($0.tail.snapshot, $0.blocks) }
        var uncovered: [Block] = []
        let pages = PageReader()
        for block in blocks where block.mayHold(tenant, range) {
            try reading(block, context, pages) { reader throws(StorageError) in
                guard range.covers(block), reader.footer.hasServices else { return uncovered.append(block) }
                for service in reader.footer.services { names.insert(String(decoding: service, as: UTF8.self)) }
            }
        }
        // What lies partly in the range, and what is not sealed, is looked at span by span.
        let plan = ScanPlan(tenant: tenant, range: range, fields: [.serviceName])
        try distinct(tail, uncovered, plan, context) { rows in
            for name in rows.columns[0].distinctStrings(rows.count) { names.insert(name) }
        }
        return names.sorted()
    }

    package func operations(
        of service: String, in range: TimeRange, tenant: TenantID, context: QueryContext
    ) throws(StorageError) -> [Operation] {
        var operations: Set<Operation> = []
        let (tail, blocks) = state.withLock { ($0.tail.snapshot, $0.blocks) }
        var uncovered: [Block] = []
        let pages = PageReader()
        for block in blocks where block.mayHold(tenant, range) {
            try reading(block, context, pages) { reader throws(StorageError) in
                guard range.covers(block), reader.footer.hasServices else { return uncovered.append(block) }
                try Self.collectOperations(of: service, reader, &operations)
            }
        }
        let plan = ScanPlan(
            tenant: tenant, range: range, predicate: .compare(.serviceName, .equal, .string(service)),
            fields: [.name, .kind])
        try distinct(tail, uncovered, plan, context) { rows in
            for row in 0..<rows.count {
                if case .string(let name) = rows.columns[0][row], case .int(let kind) = rows.columns[1][row] {
                    operations.insert(Operation(name: name, kind: Int32(truncatingIfNeeded: kind)))
                }
            }
        }
        return operations.sorted()
    }

    private static func collectOperations(
        of service: String, _ reader: BlockReader, _ operations: inout Set<Operation>
    ) throws(StorageError) {
        let wanted = Array(service.utf8)
        guard let number = reader.footer.services.firstIndex(of: wanted) else { return }
        let table = reader.footer.tables[0]
        guard let column = table.column(.name) else { return }
        for operation in try reader.operations() where operation.service == number + 1 {
            let (page, index) = try reader.dictionary(table.columns[column], code: operation.name)
            operations.insert(
                Operation(name: String(decoding: page[index], as: UTF8.self), kind: operation.kind))
        }
    }

    /// Scans the live tail and some blocks, however many rows they have.
    private func distinct(
        _ tail: LiveTail.Snapshot, _ blocks: [Block], _ plan: ScanPlan, _ context: QueryContext,
        _ body: (ScanRows) -> Void
    ) throws(StorageError) {
        let predicate = try CompiledPredicate(plan.predicate)
        for (index, stored) in tail.batches.enumerated() where stored.tenant == plan.tenant {
            try context.check()
            let rows = tail.rows(index, in: plan.range, predicate)
            if !rows.isEmpty { body(stored.batch.scanRows(rows, fields: plan.fields)) }
        }
        let pages = PageReader()
        for block in blocks {
            try reading(block, context, pages) { reader throws(StorageError) in
                guard !reader.footer.hasServices || predicate.canHold(services: reader.footer.services) else { return }
                let filter = GroupFilter(try BlockScan(reader), range: plan.range, predicate: predicate)
                guard try filter.canMatch() else { return }
                let scan = GroupScan(filter: filter, fields: plan.fields)
                for index in 0..<reader.footer.groupCount {
                    if let rows = try scan.rows(index) { body(rows) }
                }
            }
        }
    }

    /// Opens a block for a query; notes when its bytes are found wrong.
    func reading(
        _ block: Block, _ context: QueryContext, _ pages: PageReader,
        _ body: (BlockReader) throws(StorageError) -> Void
    ) throws(StorageError) {
        try noting(block) { () throws(StorageError) in
            try context.check()
            try body(try reader(of: block, context, pages, nil))
        }
    }

    /// As the other, with the reader that look-ups of traces have of the block, if any.
    private func reading(
        _ lookup: BlockLookup, _ context: QueryContext, _ lookups: TraceLookups,
        _ body: (BlockReader) throws(StorageError) -> Void
    ) throws(StorageError) {
        try noting(lookup.block) { () throws(StorageError) in
            try context.check()
            if let reader = lookup.reader { return try body(reader) }
            let reader = try reader(of: lookup.block, context, lookups.pages, lookups.parts)
            lookups.keep(reader, of: lookup)
            try body(reader)
        }
    }

    private func reader(
        of block: Block, _ context: QueryContext, _ pages: PageReader, _ parts: SpanParts?
    ) throws(StorageError) -> BlockReader {
        try BlockReader(
            file: try block.open(files), block: block.entry.number, name: block.path, cache: cache, context: context,
            pages: pages, parts: parts)
    }

    private func noting(_ block: Block, _ body: () throws(StorageError) -> Void) throws(StorageError) {
        do throws(StorageError) {
            try body()
        } catch {
            if case .corrupt(let message) = error { block.damage.withLock { $0 = message } }
            // On a full disk retention does not wait for queries.
            if case .io = error, !isStored(block) { return }
            throw error
        }
    }
}

extension EmbeddedStore {
    private func isStored(_ block: Block) -> Bool {
        state.withLock { state in state.blocks.contains { $0.entry.number == block.entry.number } }
    }
}

extension Block {
    /// Whether the block may hold spans of the tenant that start in the range.
    func mayHold(_ tenant: TenantID, _ range: TimeRange) -> Bool {
        entry.tenant == tenant && range.intersects(first: entry.startMin, last: entry.startMax)
    }
}

extension TimeRange {
    /// Whether all spans of a block start in the range.
    fileprivate func covers(_ block: Block) -> Bool { contains(block.entry.startMin) && contains(block.entry.startMax) }
}

extension FieldColumn {
    fileprivate func distinctStrings(_ count: Int) -> [String] {
        let values: [FieldValue]
        switch self {
        case .dictionary(_, let distinct): values = distinct
        case .values(let all): values = all
        case .integers: values = []
        }
        return values.compactMap { if case .string(let text) = $0 { text } else { nil } }
    }
}
