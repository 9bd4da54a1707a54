import OTLP
import TraceStorage

/// Finds the rows of a block that a query wants, one row group at a time, and reads no more than it must.
struct GroupFilter {
    let scan: BlockScan
    let range: TimeRange
    let predicate: CompiledPredicate
    let condition: BlockCondition
    /// Services whose spans may pass, numbered as in ``LongestSpans``; nil where the block has none of these.
    private let services: [(number: Int, name: [UInt8]?)]?

    init(_ scan: BlockScan, range: TimeRange, predicate: CompiledPredicate) {
        self.scan = scan
        self.range = range
        self.predicate = predicate
        let condition = BlockCondition(predicate)
        self.condition = condition
        let footer = scan.block.footer
        services =
            footer.longest.serviceCount == 0
            ? nil
            : ([nil] + footer.services).enumerated().map { (number: $0, name: $1) }
                .filter { condition.canHold(service: $0.name, durations: 0 ... .max) }
    }

    /// False only when the block's scopes and dictionaries show that none of its spans passes.
    func canMatch() throws(StorageError) -> Bool { try BlockPruning(scan: scan).canHold(condition) }

    /// The rows of a group that match; nil when none does.
    func rows(_ group: RowGroup, _ raw: RawRows) throws(StorageError) -> RowSelection? {
        var selected: [Bool]?
        if !isWhollyInRange(group.index) { selected = try group.startTimes().map { range.contains($0) } }
        if let selected, !selected.contains(true) { return nil }
        if let mask = try conditionMask(group, raw) {
            if selected == nil { selected = mask } else { selected.and(mask) }
        }
        guard let selected else { return .all(group.rows) }
        let rows = selected.indices.filter { selected[$0] }
        return rows.isEmpty ? nil : rows.count == group.rows ? .all(group.rows) : .some(rows)
    }

    /// Whether the smallest and largest values of the group's pages leave anything to find.
    func canMatch(_ index: Int) -> Bool {
        let table = scan.block.footer.tables[0]
        guard let time = table.column(.time), let duration = table.column(.duration) else { return true }
        let times = table.columns[time].ranges[index]
        guard range.intersects(first: times.min, last: times.max) else { return false }
        let durations = table.columns[duration].ranges[index]
        guard condition.canHold(durations: durations.min...max(durations.min, durations.max)) else { return false }
        guard let services else { return true }
        return services.contains { service in
            guard let longest = scan.block.footer.longest.duration(group: index, service: service.number) else {
                return false
            }
            return condition.canHold(
                service: service.name, durations: durations.min...max(durations.min, longest))
        }
    }

    private func isWhollyInRange(_ index: Int) -> Bool {
        if range == .all { return true }
        let table = scan.block.footer.tables[0]
        guard let time = table.column(.time) else { return false }
        let times = table.columns[time].ranges[index]
        return range.contains(times.min) && range.contains(times.max)
    }

    /// Nil when all rows pass.
    private func conditionMask(_ group: RowGroup, _ raw: RawRows) throws(StorageError) -> [Bool]? {
        if case .all = condition { return nil }
        var mask = try GroupCondition(scan: scan, group: group).mask(condition)
        guard condition.readsAttributes else { return mask }
        for row in raw.rows {
            let batch = try raw.batch(row, group, scan)
            mask[row] = !batch.spans.isEmpty && predicate.passes(batch, row: 0)
        }
        return mask
    }
}

extension Optional<[Bool]> {
    fileprivate mutating func and(_ other: [Bool]) {
        guard var mask = self else { return }
        self = nil
        GroupCondition.and(&mask, other)
        self = mask
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
        case .or(let parts): return parts.contains { $0.canHold(durations: durations) }
        default: return true
        }
    }
}

extension BlockCondition {
    /// False only when no span of a service (nil for none) whose duration lies in the range can pass.
    func canHold(service: [UInt8]?, durations: ClosedRange<UInt64>) -> Bool {
        switch self {
        case .field(.serviceName, let test, _):
            guard let service else { return false }
            return service.withUnsafeBytes { test?.passes(text: $0) ?? true }
        case .field(.duration, _, _): return canHold(durations: durations)
        case .and(let parts): return parts.allSatisfy { $0.canHold(service: service, durations: durations) }
        case .or(let parts): return parts.contains { $0.canHold(service: service, durations: durations) }
        default: return true
        }
    }
}

/// Tells from scopes and dictionaries, without a look at any row, that a block has nothing that passes.
struct BlockPruning {
    let scan: BlockScan

    /// False only when no span of the block can pass.
    func canHold(_ condition: BlockCondition) throws(StorageError) -> Bool {
        switch condition {
        case .and(let parts):
            for part in parts where try !canHold(part) { return false }
            return true
        case .or(let parts):
            for part in parts where try canHold(part) { return true }
            return false
        case .field(.serviceName, let test, let memo), .field(.scopeName, let test, let memo),
            .field(.scopeVersion, let test, let memo):
            guard case .field(let field, _, _) = condition else { return true }
            return GroupCondition.scopeVerdicts(field, test, memo, scan).passes.contains(true)
        case .field(.name, let test?, let memo):
            guard let column = scan.block.footer.tables[0].column(.name) else { return true }
            return try canHold(.span, column, memo) { test.passes(text: $0.bytes) }
        case .attribute(let place, let key, let test, let memos):
            if hasRawRows { return true }
            return try canHold(place, key, memos) { test?.passes($0) ?? true }
        case .tag(let key, let test, let memos):
            if hasRawRows { return true }
            return try canHold(.any, key, memos) { test.passes($0) }
        case .all, .field, .not: return true
        }
    }

    private var hasRawRows: Bool {
        let table = scan.block.footer.tables[0]
        guard let column = table.column(.raw) else { return false }
        return table.columns[column].pages.contains { $0.count > 0 }
    }

    private func canHold(
        _ place: AttributePlace, _ key: [UInt8], _ memos: [AttributePlace: ConditionMemo],
        _ test: (ValueView) -> Bool
    ) throws(StorageError) -> Bool {
        switch place {
        case .resource, .scope:
            return GroupCondition.scopeVerdicts(place, key, memos[place] ?? ConditionMemo(), scan, test).passes
                .contains(true)
        case .span: return try canHold(.span, key, memos[place], test)
        case .event: return try canHold(.event, key, memos[place], test)
        case .link: return try canHold(.link, key, memos[place], test)
        case .any:
            for place in AttributePlace.anyOrder where try canHold(place, key, memos, test) { return true }
            return false
        }
    }

    private func canHold(
        _ kind: TableKind, _ key: [UInt8], _ memo: ConditionMemo?, _ test: (ValueView) -> Bool
    ) throws(StorageError) -> Bool {
        for column in scan.layout(kind, key: key).columns {
            if try canHold(kind, column, memo ?? ConditionMemo(), test) { return true }
        }
        return false
    }

    /// Whether a column may have a value that passes: true where its values are not all in its dictionary.
    private func canHold(
        _ kind: TableKind, _ column: Int, _ memo: ConditionMemo, _ test: (ValueView) -> Bool
    ) throws(StorageError) -> Bool {
        let directory = scan.block.footer.tables[kind.rawValue].columns[column]
        guard directory.layout != .none else { return false }
        guard directory.layout == .bytes, directory.dictionaryCount > 0,
            directory.dictionaryCount <= BlockFormat.dictionaryPageEntries, try hasOnlyCodes(directory)
        else { return true }
        return try memo.dictionaryVerdicts(kind, column, directory, scan.block, test).contains(.passes)
    }

    /// Once a page of a column has its values in it, all later ones have: the last page tells.
    private func hasOnlyCodes(_ directory: ColumnDirectory) throws(StorageError) -> Bool {
        guard let last = directory.pages.last(where: { $0.count > 0 }) else { return true }
        return try scan.block.withPage(last.page) { $0.first == 1 }
    }
}
