/// Groups and sums up spans, some at a time, for one thread.
///
/// A store that has values as codes asks for the number of each distinct value once (``keyID(_:field:)``) and then
/// hands over numbers alone (``add(_:)``); one that does not hands over values (``add(rows:)``).
package struct Aggregator: ~Copyable {
    /// Some spans: one number of a value for each grouping, one number for each measure, each for every span.
    package struct Columns {
        package var count = 0
        /// By grouping; ``absentKey`` where a span has no value.
        package var keys: [[UInt32]] = []
        /// By measure; NaN where a span has none.
        package var values: [[Double]] = []
        /// When the spans start, in unix nanoseconds; empty where there are no steps.
        package var starts: [UInt64] = []

        package init() {}
    }

    /// In place of the number of a value: there is none.
    package static let absentKey = UInt32.max

    private let plan: AggregationPlan
    private let context: QueryContext
    private var keys: [KeyInterner]
    /// The first joins the first two groupings, each further one the next; with steps the last joins those.
    private var pairs: [PairInterner]
    private var steps: KeyInterner
    /// Spans by cell; cell 0 is for those of groups beyond the limit.
    private var spans: [Int] = [0]
    private var measures: [MeasureAccumulator]
    private var cells: [UInt32] = []
    private var reserved = 0
    private var step: (range: Range<UInt64>, id: UInt32) = (0..<0, 0)

    /// - Throws: ``StorageError/limitExceeded(message:)`` for a plan past its limits.
    package init(_ plan: AggregationPlan, context: QueryContext) throws(StorageError) {
        try plan.validate()
        self.plan = plan
        self.context = context
        let interner = KeyInterner(countMax: plan.groupsMax)
        keys = Array(repeating: interner, count: plan.groupings.count)
        steps = interner
        let parts = plan.groupings.count + (plan.stepNanoseconds == nil ? 0 : 1)
        pairs = Array(repeating: PairInterner(countMax: plan.groupsMax), count: max(0, parts - 1))
        measures = plan.measures.map { MeasureAccumulator($0) }
    }

    deinit { context.release(reserved) }

    /// The number of a value of a grouping. Ask only for values of spans that are then handed over.
    package mutating func keyID(_ value: FieldValue, field: Int) -> UInt32 { keys[field].id(value) }

    /// The numbers of the values of a column of `count` rows; see ``keyID(_:field:)``.
    package mutating func keyIDs(_ column: FieldColumn, _ count: Int, field: Int) -> [UInt32] {
        ids(column, count, field)
    }

    /// Takes spans.
    ///
    /// - Throws: ``StorageError/limitExceeded(message:)`` when the query has no memory left.
    package mutating func add(_ columns: Columns) throws(StorageError) {
        guard columns.count > 0 else { return }
        findCells(columns)
        countSpans()
        for index in measures.indices {
            measures[index].add(cells: cells, values: columns.values[index], cellCount: spans.count)
        }
        try reserve()
    }

    /// Takes rows of the plan's ``AggregationPlan/scan``.
    package mutating func add(rows: ScanRows) throws(StorageError) {
        var columns = Columns()
        columns.count = rows.count
        for field in plan.groupings.indices { columns.keys.append(ids(rows.columns[field], rows.count, field)) }
        for index in plan.measures.indices {
            let column = rows.columns[plan.groupings.count + index]
            columns.values.append((0..<rows.count).map { column.measure($0, of: plan.measures[index].field) })
        }
        if plan.stepNanoseconds != nil, case .integers(let starts)? = rows.columns.last { columns.starts = starts }
        try add(columns)
    }

    private mutating func ids(_ column: FieldColumn, _ count: Int, _ field: Int) -> [UInt32] {
        guard case .dictionary(let codes, let values) = column else {
            return (0..<count).map { keys[field].id(column[$0]) }
        }
        var known = [UInt32?](repeating: nil, count: values.count)
        return codes.map { code in
            if let id = known[Int(code)] { return id }
            let id = keys[field].id(values[Int(code)])
            known[Int(code)] = id
            return id
        }
    }

    /// The answer so far.
    package borrowing func finish() -> AggregationResult {
        var groups: [AggregationGroup] = []
        for cell in spans.indices.dropFirst() where spans[cell] > 0 {
            let (key, step) = key(of: UInt32(cell - 1))
            groups.append(group(cell, key, step))
        }
        return AggregationResult(groups: groups, overflow: spans[0] > 0 ? group(0, [], nil) : nil)
    }

    private func group(_ cell: Int, _ key: [FieldValue], _ step: UInt64?) -> AggregationGroup {
        AggregationGroup(
            key: key, stepStart: step, spans: spans[cell], measures: measures.map { $0.summary(cell) })
    }

    private func key(of cell: UInt32) -> (key: [FieldValue], stepStart: UInt64?) {
        var ids: [UInt32] = []
        var rest = cell
        for pair in pairs.reversed() {
            ids.append(UInt32(truncatingIfNeeded: pair.pairs[Int(rest)]))
            rest = UInt32(truncatingIfNeeded: pair.pairs[Int(rest)] >> 32)
        }
        ids.append(rest)
        ids.reverse()
        let values = keys.indices.map { keys[$0].values[Int(ids[$0])] }
        guard plan.stepNanoseconds != nil, let last = ids.last, case .int(let start) = steps.values[Int(last)] else {
            return (values, nil)
        }
        return (values, UInt64(bitPattern: start))
    }

    // MARK: cells

    private mutating func findCells(_ columns: borrowing Columns) {
        cells.removeAll(keepingCapacity: true)
        if plan.groupings.isEmpty {
            cells.append(contentsOf: repeatElement(0, count: columns.count))
        } else {
            cells.append(contentsOf: columns.keys[0])
            Self.replaceAbsent(&cells, &keys[0])
            for field in plan.groupings.indices.dropFirst() {
                var ids = columns.keys[field]
                Self.replaceAbsent(&ids, &keys[field])
                Self.join(&cells, ids, &pairs[field - 1])
            }
        }
        if plan.stepNanoseconds != nil {
            let ids = stepIDs(columns.starts)
            if plan.groupings.isEmpty { cells = ids } else { Self.join(&cells, ids, &pairs[pairs.count - 1]) }
        }
    }

    /// Counts the spans of each cell, and makes room for cells that are new.
    private mutating func countSpans() {
        // The number of a cell is one more than that of its key; what is beyond the limit goes to cell 0.
        var largest: UInt32 = 0
        cells.withUnsafeMutableBufferPointer { cells in
            for row in cells.indices {
                let cell = cells[row] == KeyInterner.overflow ? 0 : cells[row] &+ 1
                cells[row] = cell
                largest = max(largest, cell)
            }
        }
        if spans.count <= largest {
            spans.append(contentsOf: repeatElement(0, count: Int(largest) + 1 - spans.count))
        }
        spans.withUnsafeMutableBufferPointer { spans in
            cells.withUnsafeBufferPointer { cells in
                for cell in cells { spans[Int(cell)] &+= 1 }
            }
        }
    }

    private static func replaceAbsent(_ ids: inout [UInt32], _ keys: inout KeyInterner) {
        guard ids.contains(absentKey) else { return }
        let none = keys.id(.none)
        ids.withUnsafeMutableBufferPointer { ids in
            for row in ids.indices { ids[row] = ids[row] == absentKey ? none : ids[row] }
        }
    }

    private static func join(_ cells: inout [UInt32], _ ids: [UInt32], _ pairs: inout PairInterner) {
        for row in cells.indices {
            let isOverflow = cells[row] == KeyInterner.overflow || ids[row] == KeyInterner.overflow
            cells[row] = isOverflow ? KeyInterner.overflow : pairs.id(cells[row], ids[row])
        }
    }

    private mutating func stepIDs(_ starts: [UInt64]) -> [UInt32] {
        guard let length = plan.stepNanoseconds else { return [] }
        var ids: [UInt32] = []
        ids.reserveCapacity(starts.count)
        for start in starts {
            if !step.range.contains(start) {
                let first = plan.range.start + (start &- plan.range.start) / length * length
                let (end, isPast) = first.addingReportingOverflow(length)
                step = (first..<(isPast ? .max : end), steps.id(.int(Int64(bitPattern: first))))
            }
            ids.append(step.id)
        }
        return ids
    }

    /// Counts the memory that was taken since the last time.
    private mutating func reserve() throws(StorageError) {
        // A value's text and its place in two tables: most are short.
        let values = keys.reduce(steps.values.count * 64) { $0 + $1.values.count * 128 }
        let joined = pairs.reduce(0) { $0 + $1.pairs.count * 20 }
        let bytes = measures.reduce(values + joined + spans.count * 8) { $0 + $1.memoryBytes }
        guard bytes > reserved else { return }
        try context.reserve(bytes - reserved)
        reserved = bytes
    }
}

extension FieldColumn {
    /// A row's number to sum up: NaN for what is none. Times are beyond what `Int64` holds for some.
    fileprivate func measure(_ row: Int, of field: FieldReference) -> Double {
        if case .integers(let numbers) = self, field == .startTime || field == .duration { return Double(numbers[row]) }
        return self[row].measure
    }
}
