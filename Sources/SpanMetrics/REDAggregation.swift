import TraceStorage

/// The working state of a ``REDQuery``.
struct REDAggregation {
    private struct Accumulator {
        var spans = 0
        var errors = 0.0
        var durations = LogLinearHistogram()

        mutating func add(_ duration: UInt64, isError: Bool, weight: Double) {
            spans += 1
            if isError { errors += weight }
            durations.add(duration, weight: weight)
        }
    }

    private struct Group {
        var key: [FieldValue]
        var all = Accumulator()
        var points: [UInt64: Accumulator] = [:]
    }

    private let query: REDQuery
    private var groups: [Group] = []
    /// Distinct values of all groupings, numbered.
    private var valueNumbers: [FieldValue: UInt32] = [:]
    /// From (number of a prefix of the key << 32 | number of the next value) to the number of the longer prefix.
    private var prefixes: [UInt64: UInt32] = [:]
    private var groupOfPrefix: [UInt32: Int] = [:]
    private var otherGroup: Int?
    private var startMin = UInt64.max
    private var startMax: UInt64 = 0
    private var points = 0

    init(query: REDQuery) {
        self.query = query
    }

    var hasTooManyPoints: Bool { points > REDQuery.pointsMax }

    mutating func add(_ rows: ScanRows) {
        guard rows.columns.count == 4 + query.groupings.count else { return }
        var columns = rows.columns[4...].map { GroupColumn($0) }
        for row in 0..<rows.count {
            let start = rows.columns[0].unsigned(row)
            let weight = rows.columns[3].double(row)
            let isError = rows.columns[2].unsigned(row) == 2
            let duration = rows.columns[1].unsigned(row)
            startMin = min(startMin, start)
            startMax = max(startMax, start)
            let group = group(of: row, &columns)
            groups[group].all.add(duration, isError: isError, weight: weight)
            if let step = query.stepNanoseconds, !hasTooManyPoints {
                let point = (start &- query.range.start) / step
                let isNew = groups[group].points[point] == nil
                groups[group].points[point, default: Accumulator()].add(duration, isError: isError, weight: weight)
                if isNew { points += 1 }
            }
        }
    }

    private mutating func group(of row: Int, _ columns: inout [GroupColumn]) -> Int {
        var prefix: UInt32 = 0
        for index in columns.indices {
            let number = columns[index].number(row, &valueNumbers)
            let pair = UInt64(prefix) << 32 | UInt64(number)
            if let known = prefixes[pair] {
                prefix = known
            } else if prefixes.count < REDQuery.groupsMax * REDQuery.groupingsMax {
                prefix = UInt32(prefixes.count + 1)
                prefixes[pair] = prefix
            } else {
                return other()
            }
        }
        if let group = groupOfPrefix[prefix] { return group }
        guard groupOfPrefix.count < REDQuery.groupsMax else { return other() }
        groups.append(Group(key: columns.map { $0.value(row) }))
        groupOfPrefix[prefix] = groups.count - 1
        return groups.count - 1
    }

    private mutating func other() -> Int {
        if let otherGroup { return otherGroup }
        groups.append(Group(key: query.groupings.map { _ in REDQuery.otherKey }))
        otherGroup = groups.count - 1
        return groups.count - 1
    }

    // MARK: result

    func result() -> REDResult {
        let seconds = rangeSeconds()
        let rows = groups.map { group in
            REDRow(
                key: zip(query.groupings, group.key).map { grouping, value in
                    REDRow.KeyValue(name: grouping.name, value: Self.shown(value, of: grouping.field))
                },
                numbers: Self.numbers(group.all, seconds: seconds), spans: group.all.spans,
                series: query.stepNanoseconds.map { series(group, step: $0) })
        }
        let sorted = rows.enumerated().sorted { a, b in
            (-a.element.numbers.count, a.offset) < (-b.element.numbers.count, b.offset)
        }
        return REDResult(rows: sorted.map(\.element), isTruncated: otherGroup != nil)
    }

    private func series(_ group: Group, step: UInt64) -> [REDPoint] {
        group.points.sorted { $0.key < $1.key }.map { point, accumulator in
            REDPoint(
                start: query.range.start &+ point &* step,
                numbers: Self.numbers(accumulator, seconds: Double(step) / 1e9))
        }
    }

    private static func numbers(_ accumulator: Accumulator, seconds: Double) -> REDNumbers {
        let count = accumulator.durations.total
        return REDNumbers(
            count: count, rate: seconds > 0 ? count / seconds : 0, errors: accumulator.errors,
            errorRate: count > 0 ? accumulator.errors / count : 0,
            p50Nanoseconds: accumulator.durations.quantile(0.5), p95Nanoseconds: accumulator.durations.quantile(0.95),
            p99Nanoseconds: accumulator.durations.quantile(0.99))
    }

    /// The length of the range; where a side of it is open, the spans' own times stand for it.
    private func rangeSeconds() -> Double {
        let start = query.range.start == 0 ? startMin : query.range.start
        let end = query.range.end == .max ? startMax : query.range.end
        return end > start ? Double(end - start) / 1e9 : 0
    }

    private static let kinds = ["unspecified", "internal", "server", "client", "producer", "consumer"]
    private static let statuses = ["unset", "ok", "error"]

    private static func shown(_ value: FieldValue, of field: FieldReference) -> FieldValue {
        guard case .int(let code) = value else { return value }
        switch field {
        case .kind where code >= 0 && code < kinds.count: return .string(kinds[Int(code)])
        case .statusCode where code >= 0 && code < statuses.count: return .string(statuses[Int(code)])
        default: return value
        }
    }
}

/// A grouping's column, with the numbers of its values found once for each distinct one.
private struct GroupColumn {
    private let column: FieldColumn
    private var numberOfCode: [UInt32?]

    init(_ column: FieldColumn) {
        self.column = column
        if case .dictionary(_, let values) = column {
            numberOfCode = Array(repeating: nil, count: values.count)
        } else {
            numberOfCode = []
        }
    }

    func value(_ row: Int) -> FieldValue { column[row] }

    mutating func number(_ row: Int, _ numbers: inout [FieldValue: UInt32]) -> UInt32 {
        guard case .dictionary(let codes, let values) = column else { return Self.number(column[row], &numbers) }
        let code = Int(codes[row])
        if let known = numberOfCode[code] { return known }
        let number = Self.number(values[code], &numbers)
        numberOfCode[code] = number
        return number
    }

    /// Values without a number share the number 0 once there are too many of them; their groups are past the limit.
    private static func number(_ value: FieldValue, _ numbers: inout [FieldValue: UInt32]) -> UInt32 {
        if let known = numbers[value] { return known }
        guard numbers.count < REDQuery.groupsMax * REDQuery.groupingsMax else { return 0 }
        let number = UInt32(numbers.count + 1)
        numbers[value] = number
        return number
    }
}

extension FieldColumn {
    fileprivate func unsigned(_ row: Int) -> UInt64 {
        if case .integers(let numbers) = self { return numbers[row] }
        if case .int(let number) = self[row] { return UInt64(bitPattern: number) }
        return 0
    }

    fileprivate func double(_ row: Int) -> Double {
        switch self[row] {
        case .double(let number): number
        case .int(let number): Double(number)
        default: 1
        }
    }
}
