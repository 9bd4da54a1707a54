import OTLP
import TraceStorage

/// Answers a plan from one row group.
struct GroupScan {
    let scan: BlockScan
    let plan: ScanPlan
    let predicate: CompiledPredicate
    let condition: BlockCondition

    /// The rows that match; nil when none does.
    func rows(_ index: Int) throws(StorageError) -> ScanRows? {
        guard canMatch(index) else { return nil }
        let group = RowGroup(scan.block, index: index)
        var mask = try timeMask(group)
        guard mask.contains(true) else { return nil }
        let raw = try RawRows(group)
        GroupCondition.and(&mask, try conditionMask(group, raw))
        let rows = mask.indices.filter { mask[$0] }
        guard !rows.isEmpty else { return nil }
        return try answer(group, rows, raw)
    }

    /// Whether the smallest and largest values of the group's pages leave anything to find.
    private func canMatch(_ index: Int) -> Bool {
        let table = scan.block.footer.tables[0]
        guard let time = table.column(.time), let duration = table.column(.duration) else { return true }
        let times = table.columns[time].pages[index]
        guard plan.range.intersects(first: times.min, last: times.max) else { return false }
        let durations = table.columns[duration].pages[index]
        return condition.canHold(durations: durations.min...max(durations.min, durations.max))
    }

    private func timeMask(_ group: RowGroup) throws(StorageError) -> [Bool] {
        guard plan.range != .all else { return Array(repeating: true, count: group.rows) }
        return try group.startTimes().map { plan.range.contains($0) }
    }

    private func conditionMask(_ group: RowGroup, _ raw: RawRows) throws(StorageError) -> [Bool] {
        var mask = try GroupCondition(scan: scan, group: group).mask(condition)
        guard condition.readsAttributes else { return mask }
        for row in raw.rows {
            let batch = try raw.batch(row, group, scan)
            mask[row] = !batch.spans.isEmpty && predicate.passes(batch, row: 0)
        }
        return mask
    }

    private func answer(_ group: RowGroup, _ rows: [Int], _ raw: RawRows) throws(StorageError) -> ScanRows {
        let projection = GroupProjection(scan: scan, group: group)
        let rawRows = raw.rows.isEmpty ? [] : rows.indices.filter { raw.rows.contains(rows[$0]) }
        var columns: [FieldColumn] = []
        for field in plan.fields {
            var column = try projection.column(field, rows: rows)
            if case .attribute = field, !rawRows.isEmpty {
                var values = rows.indices.map { column[$0] }
                for index in rawRows {
                    let batch = try raw.batch(rows[index], group, scan)
                    if !batch.spans.isEmpty { values[index] = SpanFieldReader(batch).value(of: field, row: 0) }
                }
                column = .values(values)
            }
            columns.append(column)
        }
        return ScanRows(count: rows.count, columns: columns)
    }
}

extension BlockCondition {
    /// False only when no span whose duration lies in the range can pass.
    func canHold(durations: ClosedRange<UInt64>) -> Bool {
        switch self {
        case .field(.duration, let test?, _):
            // A comparison that neither end passes may still hold between them, unless it is one of order.
            guard test.isOrder else { return true }
            return test.passes(nanoseconds: durations.lowerBound) || test.passes(nanoseconds: durations.upperBound)
        case .and(let parts): return parts.allSatisfy { $0.canHold(durations: durations) }
        default: return true
        }
    }
}

/// The rows of a group that are kept raw.
final class RawRows {
    /// In rising order.
    let rows: [Int]
    private var batches: [Int: SpanBatch] = [:]

    init(_ group: RowGroup) throws(StorageError) {
        let table = group.table(.span)
        guard let column = table.column(.raw), table.columns[column].pages[group.index].count > 0 else {
            rows = []
            return
        }
        let shapes = try group.shapes(.span)
        rows = shapes.indices.filter { shapes[$0] == 0 }
    }

    /// A batch with the one span of a row; empty when its bytes are no span.
    func batch(_ row: Int, _ group: RowGroup, _ scan: BlockScan) throws(StorageError) -> SpanBatch {
        if let known = batches[row] { return known }
        guard let ordinal = rows.firstIndex(of: row) else { return .empty }
        let span = try group.bytes(.span, .raw, ordinal: ordinal)
        let scope = scan.scopes.scopes[Int(try group.scopeCodes()[row])]
        var collector = SpanCollector()
        let code = collector.scope(
            resourceHeader: scan.scopes.header(of: scan.scopes.resources[Int(scope.resource)]),
            scopeHeader: scan.scopes.header(of: scope))
        collector.append(span: span, id: .invalid, scope: code)
        do {
            let batch = try collector.finish() ?? .empty
            batches[row] = batch
            return batch
        } catch {
            throw group.corrupt("raw span in row \(row): \(error)")
        }
    }
}
