import OTLP
import TraceStorage

/// Sums up the spans of one block for an aggregation, one row group at a time: by codes of dictionaries, so that a
/// value is looked at once for the block and not once for each span.
struct BlockAggregation {
    private let filter: GroupFilter
    private let plan: AggregationPlan
    private var keys: [KeyColumnReader]

    init(_ filter: GroupFilter, plan: AggregationPlan) {
        self.filter = filter
        self.plan = plan
        keys = plan.groupings.indices.map { KeyColumnReader(plan.groupings[$0], number: $0, filter.scan) }
    }

    mutating func add(_ index: Int, to aggregator: inout Aggregator) throws(StorageError) {
        guard filter.canMatch(index) else { return }
        let group = RowGroup(filter.scan.block, index: index)
        let raw = try RawRows(group)
        guard let selection = try filter.rows(group, raw) else { return }
        guard raw.rows.isEmpty else {
            let scan = GroupScan(filter: filter, fields: plan.scan.fields)
            return try aggregator.add(rows: try scan.answer(group, selection.rows, raw))
        }
        var columns = Aggregator.Columns()
        columns.count = selection.count
        for field in keys.indices { columns.keys.append(try keys[field].ids(group, selection, &aggregator)) }
        for measure in plan.measures { columns.values.append(try values(of: measure.field, group, selection)) }
        if plan.stepNanoseconds != nil { columns.starts = selection.values(try group.startTimes()) }
        try aggregator.add(columns)
    }

    // MARK: measures

    private func values(
        of field: FieldReference, _ group: RowGroup, _ selection: RowSelection
    ) throws(StorageError) -> [Double] {
        switch field {
        case .duration:
            let durations = try group.durations()
            return selection.map(0) { Double(durations[$0]) }
        case .startTime:
            let starts = try group.startTimes()
            return selection.map(0) { Double(starts[$0]) }
        case .attribute(.span, let key):
            let layout = filter.scan.layout(.span, key: Array(key.utf8))
            guard layout.columns.contains(where: { group.table(.span).columns[$0].pages[group.index].count > 0 }) else {
                return Array(repeating: .nan, count: selection.count)
            }
            if layout.columns.count == 1 { return try values(layout, group, selection) }
        default: break
        }
        let projection = GroupProjection(scan: filter.scan, group: group)
        let column = try projection.column(field, rows: selection.rows)
        return (0..<selection.count).map { column[$0].measure }
    }

    /// Of an attribute that is of one type in the whole block.
    private func values(
        _ layout: KeyLayout, _ group: RowGroup, _ selection: RowSelection
    ) throws(StorageError) -> [Double] {
        let column = layout.columns[0]
        let kind = group.table(.span).columns[column].kind
        guard kind == .int || kind == .double, case .numbers(let numbers) = try group.values(.span, column: column)
        else { return Array(repeating: .nan, count: selection.count) }
        let ordinals = layout.ordinals(try group.shapes(.span))
        guard Int(ordinals.max() ?? -1) < numbers.count else { throw group.corrupt("fewer values than rows") }
        let isInt = kind == .int
        return selection.map(.nan) { row in
            let ordinal = Int(ordinals[row])
            guard ordinal >= 0 else { return .nan }
            return isInt ? Double(ZigZag.decode(numbers[ordinal])) : Double(bitPattern: numbers[ordinal])
        }
    }
}

/// Reads a field that is grouped by as numbers of its distinct values, as an ``Aggregator`` has given them out.
struct KeyColumnReader {
    private static let unknown = UInt32.max - 2

    private let field: FieldReference
    private let number: Int
    private let scan: BlockScan
    /// The numbers of values by column and code, and by scope.
    private var byCode: [Int: [UInt32]] = [:]
    private var byScope: [FieldReference: (values: [FieldValue], ids: [UInt32])] = [:]

    init(_ field: FieldReference, number: Int, _ scan: BlockScan) {
        self.field = field
        self.number = number
        self.scan = scan
    }

    /// One number for each selected row.
    mutating func ids(
        _ group: RowGroup, _ selection: RowSelection, _ aggregator: inout Aggregator
    ) throws(StorageError) -> [UInt32] {
        switch field {
        case .name: return try roleIDs(.name, group, selection, &aggregator)
        case .statusMessage: return try roleIDs(.statusMessage, group, selection, &aggregator)
        case .kind: return try numberIDs(.kind, group, selection, &aggregator)
        case .statusCode: return try numberIDs(.statusCode, group, selection, &aggregator)
        case .serviceName, .scopeName, .scopeVersion, .attribute(.resource, _), .attribute(.scope, _):
            var ids = Array(repeating: Aggregator.absentKey, count: selection.count)
            try fill(&ids, from: field, group, selection, &aggregator)
            return ids
        case .attribute(.span, let key):
            if let ids = try attributeIDs(key, group, selection, &aggregator) { return ids }
        case .attribute(.any, let key):
            // Of these two every span has at most one each, so they are not worth a way of their own.
            if !hasValues(.event, key, group), !hasValues(.link, key, group),
                var ids = try attributeIDs(key, group, selection, &aggregator)
            {
                try fill(&ids, from: .attribute(.resource, key: key), group, selection, &aggregator)
                try fill(&ids, from: .attribute(.scope, key: key), group, selection, &aggregator)
                return ids
            }
        default: break
        }
        let projection = GroupProjection(scan: scan, group: group)
        return aggregator.keyIDs(try projection.column(field, rows: selection.rows), selection.count, field: number)
    }

    private func hasValues(_ kind: TableKind, _ key: String, _ group: RowGroup) -> Bool {
        let columns = group.table(kind).columns
        return scan.layout(kind, key: Array(key.utf8)).columns.contains { columns[$0].pages[group.index].count > 0 }
    }

    // MARK: fields of every span

    private mutating func roleIDs(
        _ role: ColumnRole, _ group: RowGroup, _ selection: RowSelection, _ aggregator: inout Aggregator
    ) throws(StorageError) -> [UInt32] {
        guard let column = group.table(.span).column(role) else { throw group.corrupt("no column \(role)") }
        switch try group.values(.span, column: column) {
        case .codes(let codes) where codes.count == group.rows:
            return try idsByCode(column, group, selection, &aggregator) { codes[$0] }
        case .bytes(let page) where page.count == group.rows:
            return selection.map(Aggregator.absentKey) { row in
                aggregator.keyID(Self.text(page[row], role), field: number)
            }
        default: throw group.corrupt("column \(role) does not have \(group.rows) values")
        }
    }

    private static func text(_ bytes: some Collection<UInt8>, _ role: ColumnRole) -> FieldValue {
        role == .statusMessage && bytes.isEmpty ? .none : .string(String(decoding: bytes, as: UTF8.self))
    }

    private func numberIDs(
        _ role: ColumnRole, _ group: RowGroup, _ selection: RowSelection, _ aggregator: inout Aggregator
    ) throws(StorageError) -> [UInt32] {
        let numbers = try group.numbers(.span, role)
        var last: (number: UInt64, id: UInt32)?
        var known: [UInt64: UInt32] = [:]
        return selection.map(Aggregator.absentKey) { row in
            let value = numbers[row]
            if let last, last.number == value { return last.id }
            let id = known[value] ?? aggregator.keyID(.int(ZigZag.decode(value)), field: number)
            known[value] = id
            last = (value, id)
            return id
        }
    }

    /// `code`: of a row; ``Aggregator/absentKey`` as a number where it has no value.
    @inline(__always)
    private mutating func idsByCode(
        _ column: Int, _ group: RowGroup, _ selection: RowSelection, _ aggregator: inout Aggregator,
        _ code: (Int) -> UInt64
    ) throws(StorageError) -> [UInt32] {
        let directory = group.table(.span).columns[column]
        var known = byCode[column] ?? Array(repeating: Self.unknown, count: directory.dictionaryCount)
        byCode[column] = nil
        let absent = UInt64(Aggregator.absentKey)
        let ids = try selection.map(Aggregator.absentKey) { row throws(StorageError) in
            let code = code(row)
            if code == absent { return Aggregator.absentKey }
            let id = known[Int(code)]
            if id != Self.unknown { return id }
            let value = try self.value(directory, code, group)
            let new = aggregator.keyID(value, field: number)
            known[Int(code)] = new
            return new
        }
        byCode[column] = known
        return ids
    }

    private func value(
        _ directory: ColumnDirectory, _ code: UInt64, _ group: RowGroup
    ) throws(StorageError) -> FieldValue {
        let (page, index) = try group.block.dictionary(directory, code: code)
        guard directory.role == .attribute else { return Self.text(page[index], directory.role) }
        return page.bytes.withUnsafeBytes { base in
            ValueView(kind: directory.kind, bytes: UnsafeRawBufferPointer(rebasing: base[page.range(index)])).fieldValue
        }
    }

    // MARK: attributes

    /// Numbers of an attribute of the spans; nil where it takes the long way: values without a dictionary, or of several
    /// types.
    private mutating func attributeIDs(
        _ key: String, _ group: RowGroup, _ selection: RowSelection, _ aggregator: inout Aggregator
    ) throws(StorageError) -> [UInt32]? {
        let layout = scan.layout(.span, key: Array(key.utf8))
        let columns = group.table(.span).columns
        guard layout.columns.contains(where: { columns[$0].pages[group.index].count > 0 }) else {
            return Array(repeating: Aggregator.absentKey, count: selection.count)
        }
        guard layout.columns.count == 1, case .codes(let codes) = try group.values(.span, column: layout.columns[0])
        else { return nil }
        let ordinals = layout.ordinals(try group.shapes(.span))
        guard Int(ordinals.max() ?? -1) < codes.count else { throw group.corrupt("fewer values than rows") }
        let absent = UInt64(Aggregator.absentKey)
        return try idsByCode(layout.columns[0], group, selection, &aggregator) { row in
            let ordinal = Int(ordinals[row])
            return ordinal < 0 ? absent : codes[ordinal]
        }
    }

    /// Puts the numbers of values of the spans' scopes, or their resources, where there is none yet.
    private mutating func fill(
        _ ids: inout [UInt32], from field: FieldReference, _ group: RowGroup, _ selection: RowSelection,
        _ aggregator: inout Aggregator
    ) throws(StorageError) {
        guard ids.contains(Aggregator.absentKey) else { return }
        var scopes =
            byScope[field]
            ?? { values in (values, Array(repeating: Self.unknown, count: values.count)) }(scan.scopeValues(field))
        byScope[field] = nil
        defer { byScope[field] = scopes }
        guard scopes.values.contains(where: { $0 != .none }) else { return }
        let codes = selection.values(try group.scopeCodes())
        for row in ids.indices where ids[row] == Aggregator.absentKey {
            let scope = Int(codes[row])
            if scopes.ids[scope] == Self.unknown {
                let value = scopes.values[scope]
                scopes.ids[scope] =
                    value == .none ? Aggregator.absentKey : aggregator.keyID(value, field: number)
            }
            ids[row] = scopes.ids[scope]
        }
    }
}
