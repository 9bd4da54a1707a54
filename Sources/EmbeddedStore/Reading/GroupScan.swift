import OTLP
import TraceStorage

/// Answers a plan from one row group.
struct GroupScan {
    let filter: GroupFilter
    let fields: [FieldReference]

    private var scan: BlockScan { filter.scan }

    /// The rows that match; nil when none does.
    func rows(_ index: Int) throws(StorageError) -> ScanRows? {
        guard filter.canMatch(index) else { return nil }
        let group = RowGroup(scan.block, index: index)
        let raw = try RawRows(group)
        guard let selection = try filter.rows(group, raw) else { return nil }
        return try answer(group, selection.rows, raw)
    }

    /// The fields of some rows of a group, in rising order.
    func answer(_ group: RowGroup, _ rows: [Int], _ raw: RawRows) throws(StorageError) -> ScanRows {
        let projection = GroupProjection(scan: scan, group: group)
        let rawRows = raw.rows.isEmpty ? [] : rows.indices.filter { raw.rows.contains(rows[$0]) }
        var columns: [FieldColumn] = []
        for field in fields {
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
        collector.append(span: span, id: .invalid, scope: collector.number(of: scope, in: scan.scopes))
        do {
            let batch = try collector.finish() ?? .empty
            batches[row] = batch
            return batch
        } catch {
            throw group.corrupt("raw span in row \(row): \(error)")
        }
    }
}
