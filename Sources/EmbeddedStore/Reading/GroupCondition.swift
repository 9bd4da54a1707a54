import OTLP
import TraceStorage

/// Evaluates conditions on all rows of a row group at once.
struct GroupCondition {
    let scan: BlockScan
    let group: RowGroup

    /// For each row whether it passes. Wrong for attributes of rows that are kept raw; see ``GroupScan``.
    func mask(_ condition: BlockCondition) throws(StorageError) -> [Bool] {
        switch condition {
        case .all: return Array(repeating: true, count: group.rows)
        case .field(let field, let test, let memo): return try fieldMask(field, test, memo)
        case .attribute(let place, let key, let test, let memos):
            return try attributeMask(place, key, test, memos).passes
        case .tag(let key, let test, let memos):
            var result = Array(repeating: false, count: group.rows)
            for place in AttributePlace.anyOrder {
                Self.or(&result, try attributeMask(place, key, test, memos).passes)
            }
            return result
        case .and(let parts):
            var result = Array(repeating: true, count: group.rows)
            for part in parts {
                Self.and(&result, try mask(part))
                guard result.contains(true) else { return result }
            }
            return result
        case .or(let parts):
            var result = Array(repeating: false, count: group.rows)
            for part in parts { Self.or(&result, try mask(part)) }
            return result
        case .not(let part): return try mask(part).map { !$0 }
        }
    }

    static func and(_ a: inout [Bool], _ b: [Bool]) {
        for index in a.indices { a[index] = a[index] && b[index] }
    }

    static func or(_ a: inout [Bool], _ b: [Bool]) {
        for index in a.indices { a[index] = a[index] || b[index] }
    }

    // MARK: fields

    private func fieldMask(
        _ field: FieldReference, _ test: ValueTest?, _ memo: ConditionMemo
    ) throws(StorageError) -> [Bool] {
        switch field {
        case .kind: return try numbers(.kind, test) { ZigZag.decode($0) }
        case .statusCode: return try numbers(.statusCode, test) { ZigZag.decode($0) }
        case .startTime: return try group.startTimes().map { test?.passes(nanoseconds: $0) ?? true }
        case .duration: return try durationMask(test)
        case .name: return try texts(.name, memo) { test?.passes(text: $0) ?? true }
        case .statusMessage: return try texts(.statusMessage, memo) { !$0.isEmpty && (test?.passes(text: $0) ?? true) }
        case .adjustedCount:
            return try texts(.traceState, memo) { test?.passes(double: TraceStateWeight.adjustedCount($0)) ?? true }
        case .serviceName, .scopeName, .scopeVersion: return try scopeMask(field, test, memo)
        case .traceID, .spanID, .parentSpanID:
            let projection = GroupProjection(scan: scan, group: group)
            return try projection.ids(field, rows: Array(0..<group.rows)).map { value in
                value != .none && (test?.passes(value) ?? true)
            }
        case .attribute: return Array(repeating: false, count: group.rows)
        }
    }

    private func durationMask(_ test: ValueTest?) throws(StorageError) -> [Bool] {
        guard let test else { return Array(repeating: true, count: group.rows) }
        if test.isOrder, let range = group.durationRange, test.passes(nanoseconds: range.lowerBound),
            test.passes(nanoseconds: range.upperBound)
        {
            return Array(repeating: true, count: group.rows)
        }
        let durations = try group.durations()
        guard let accepted = test.nanoseconds else { return durations.map { test.passes(nanoseconds: $0) } }
        return durations.map { accepted.contains($0) }
    }

    private func numbers(
        _ role: ColumnRole, _ test: ValueTest?, _ value: (UInt64) -> Int64
    ) throws(StorageError) -> [Bool] {
        let numbers = try group.numbers(.span, role)
        guard let test else { return numbers.map { _ in true } }
        return numbers.map { test.passes(int: value($0)) }
    }

    private func texts(
        _ role: ColumnRole, _ memo: ConditionMemo, _ test: (UnsafeRawBufferPointer) -> Bool
    ) throws(StorageError) -> [Bool] {
        guard let column = group.table(.span).column(role) else { throw group.corrupt("no column \(role)") }
        let verdicts = try memo.verdicts(.span, column: column, group) { test($0.bytes) }
        guard verdicts.count == group.rows else { throw group.corrupt("column \(role) has \(verdicts.count) values") }
        return verdicts
    }

    private func scopeMask(
        _ field: FieldReference, _ test: ValueTest?, _ memo: ConditionMemo
    ) throws(StorageError) -> [Bool] {
        try byScope(Self.scopeVerdicts(field, test, memo, scan).passes)
    }

    /// For each scope of the block whether it has the field and whether that passes.
    static func scopeVerdicts(
        _ field: FieldReference, _ test: ValueTest?, _ memo: ConditionMemo, _ scan: BlockScan
    ) -> (present: [Bool], passes: [Bool]) {
        if let known = memo.scopes { return known }
        let values = scan.scopeValues(field)
        let present = values.map { $0 != .none }
        let verdicts = (present, values.map { value in value != .none && (test?.passes(value) ?? true) })
        memo.scopes = verdicts
        return verdicts
    }

    private func byScope(_ values: [Bool]) throws(StorageError) -> [Bool] {
        // Where all scopes of the block agree their column need not be read.
        guard values.contains(true) else { return Array(repeating: false, count: group.rows) }
        guard values.contains(false) else { return Array(repeating: true, count: group.rows) }
        return try group.scopeCodes().map { values[Int($0)] }
    }

    // MARK: attributes

    private func attributeMask(
        _ place: AttributePlace, _ key: [UInt8], _ test: ValueTest?, _ memos: [AttributePlace: ConditionMemo]
    ) throws(StorageError) -> (present: [Bool], passes: [Bool]) {
        switch place {
        case .resource, .scope: return try scopeAttributeMask(place, key, test, memos[place] ?? ConditionMemo())
        case .span: return try columnMask(.span, key, test, memos[place] ?? ConditionMemo())
        case .event: return try childMask(.event, key, test, memos[place] ?? ConditionMemo())
        case .link: return try childMask(.link, key, test, memos[place] ?? ConditionMemo())
        case .any:
            var present = Array(repeating: false, count: group.rows)
            var passes = present
            for place in AttributePlace.anyOrder {
                let mask = try attributeMask(place, key, test, memos)
                for row in present.indices where !present[row] && mask.present[row] {
                    present[row] = true
                    passes[row] = mask.passes[row]
                }
            }
            return (present, passes)
        }
    }

    private func scopeAttributeMask(
        _ place: AttributePlace, _ key: [UInt8], _ test: ValueTest?, _ memo: ConditionMemo
    ) throws(StorageError) -> (present: [Bool], passes: [Bool]) {
        let scopes = Self.scopeVerdicts(place, key, memo, scan) { test?.passes($0) ?? true }
        return (try byScope(scopes.present), try byScope(scopes.passes))
    }

    /// For each scope of the block whether it, or its resource, has the attribute and whether that passes.
    static func scopeVerdicts(
        _ place: AttributePlace, _ key: [UInt8], _ memo: ConditionMemo, _ scan: BlockScan,
        _ test: (ValueView) -> Bool
    ) -> (present: [Bool], passes: [Bool]) {
        if let known = memo.scopes { return known }
        var present: [Bool] = []
        var passes: [Bool] = []
        let batch = scan.scopes
        batch.bytes.withUnsafeBytes { base in
            for scope in batch.scopes {
                let rows = place == .scope ? scope.attributes : batch.resources[Int(scope.resource)].attributes
                let view = batch.attribute(key, in: rows).map { ValueView($0, base: base) }
                let isPresent = view?.isPresent ?? false
                present.append(isPresent)
                passes.append(isPresent && (view.map(test) ?? false))
            }
        }
        memo.scopes = (present, passes)
        return (present, passes)
    }

    /// For each row of a table whether its attribute with the key is there and passes.
    private func columnMask(
        _ kind: TableKind, _ key: [UInt8], _ test: ValueTest?, _ memo: ConditionMemo
    ) throws(StorageError) -> (present: [Bool], passes: [Bool]) {
        var present = Array(repeating: false, count: group.rows(kind))
        var passes = present
        let layout = scan.layout(kind, key: key)
        let columns = group.table(kind).columns
        guard layout.columns.contains(where: { columns[$0].pages[group.index].count > 0 }) else {
            return (present, passes)
        }
        if layout.columns.count == 1 {
            let ordinals = layout.ordinals(try group.shapes(kind))
            present = ordinals.map { $0 >= 0 }
            guard let test, columns[layout.columns[0]].layout != .none else { return (present, present) }
            let values = try memo.verdicts(kind, column: layout.columns[0], group) { test.passes($0) }
            guard Int(ordinals.max() ?? -1) < values.count else { throw group.corrupt("fewer values than rows") }
            return (present, ordinals.map { $0 >= 0 && values[Int($0)] })
        }
        var verdicts: [Int32: [Bool]] = [:]
        for column in layout.columns where columns[column].layout != .none {
            verdicts[Int32(column)] = try memo.verdicts(kind, column: column, group) { test?.passes($0) ?? true }
        }
        for (row, reference) in layout.references(try group.shapes(kind)).enumerated() where !reference.isNone {
            guard let values = verdicts[reference.column], Int(reference.ordinal) < values.count else {
                throw group.corrupt("fewer values than rows of the shape")
            }
            present[row] = true
            passes[row] = values[Int(reference.ordinal)]
        }
        return (present, passes)
    }

    /// For each span whether one of its events or links has the attribute, and one whose attribute passes.
    private func childMask(
        _ kind: TableKind, _ key: [UInt8], _ test: ValueTest?, _ memo: ConditionMemo
    ) throws(StorageError) -> (present: [Bool], passes: [Bool]) {
        let mask = try columnMask(kind, key, test, memo)
        guard mask.present.contains(true) else {
            let none = Array(repeating: false, count: group.rows)
            return (none, none)
        }
        let starts = try group.childStarts(kind)
        func any(_ values: [Bool]) -> [Bool] {
            (0..<group.rows).map { values[starts[$0]..<starts[$0 + 1]].contains(true) }
        }
        return (any(mask.present), any(mask.passes))
    }
}
