import TraceStorage

/// The working state of a ``REDQuery``.
struct REDAggregation {
    private struct Accumulator {
        var spans = 0
        var errors = 0.0
        var durations = LogLinearHistogram()

        /// Takes spans of one weight. The buckets of both histograms have the same bounds from 128 ns on, and below it
        /// one of theirs holds one whole number.
        mutating func add(_ group: AggregationGroup, isError: Bool, weight: Double) {
            spans += group.spans
            if isError { errors += weight * Double(group.spans) }
            guard let histogram = group.measures.first?.histogram else { return }
            for (index, count) in histogram.counts.enumerated() where count > 0 {
                let duration = UInt64(OctaveHistogram.middle(histogram.first + Int32(index)))
                durations.add(duration, weight: weight * Double(count))
            }
        }

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
        var keys = GroupKeys(Array(rows.columns[4...]))
        let starts = rows.columns[0].unsigned(rows.count)
        let durations = rows.columns[1].unsigned(rows.count)
        let statuses = rows.columns[2].unsigned(rows.count)
        let weights = rows.columns[3].doubles(rows.count)
        for row in 0..<rows.count {
            startMin = min(startMin, starts[row])
            startMax = max(startMax, starts[row])
            let group = keys.known(row) ?? keys.learn(group(of: row, &keys.columns), row)
            let isError = statuses[row] == 2
            groups[group].all.add(durations[row], isError: isError, weight: weights[row])
            if let step = query.stepNanoseconds, !hasTooManyPoints {
                let point = (starts[row] &- query.range.start) / step
                let isNew = groups[group].points[point] == nil
                groups[group].points[point, default: Accumulator()].add(
                    durations[row], isError: isError, weight: weights[row])
                if isNew { points += 1 }
            }
        }
    }

    /// Takes the groups of an aggregation by the query's keys, status and weight.
    ///
    /// - Returns: false when they are more than the answer may have.
    mutating func add(_ result: AggregationResult) -> Bool {
        guard result.overflow == nil else { return false }
        var places: [[FieldValue]: Int] = [:]
        let count = query.groupings.count
        // Rows of equal counts are in the order of their groups here: one that does not change from call to call.
        for part in result.groups.map({ (group: $0, name: "\($0.key)") }).sorted(by: { $0.name < $1.name }) {
            let group = part.group
            let key = Array(group.key.prefix(count))
            let place = places[key] ?? groups.count
            if place == groups.count {
                guard places.count < REDQuery.groupsMax else { return false }
                places[key] = place
                groups.append(Group(key: key))
            }
            let isError = group.key[count] == .int(2)
            let weight = FieldColumn.double(group.key[count + 1])
            groups[place].all.add(group, isError: isError, weight: weight)
            guard let step = query.stepNanoseconds, let start = group.stepStart else { continue }
            let point = (start &- query.range.start) / step
            if groups[place].points[point] == nil { points += 1 }
            guard !hasTooManyPoints else { return true }
            groups[place].points[point, default: Accumulator()].add(group, isError: isError, weight: weight)
        }
        return true
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

/// The grouping columns of some rows, and the groups that combinations of their codes were found to be.
private struct GroupKeys {
    /// Combinations that are remembered, 8 bytes each; columns with more distinct values look their groups up.
    private static let combinationsMax = 65_536

    var columns: [GroupColumn]
    private var codes: [[UInt32]] = []
    private var sizes: [Int] = []
    /// By combination of codes; -1 where the group is not known. Empty when there are too many.
    private var groups: [Int] = []

    init(_ columns: [FieldColumn]) {
        self.columns = columns.map(GroupColumn.init)
        var combinations = 1
        for column in columns {
            guard case .dictionary(let codes, let values) = column,
                values.count <= Self.combinationsMax / combinations
            else { return }
            self.codes.append(codes)
            sizes.append(values.count)
            combinations *= max(1, values.count)
        }
        groups = Array(repeating: -1, count: combinations)
    }

    private func combination(_ row: Int) -> Int {
        var result = 0
        for index in codes.indices { result = result * sizes[index] + Int(codes[index][row]) }
        return result
    }

    func known(_ row: Int) -> Int? {
        guard !groups.isEmpty else { return nil }
        let group = groups[combination(row)]
        return group >= 0 ? group : nil
    }

    mutating func learn(_ group: Int, _ row: Int) -> Int {
        if !groups.isEmpty { groups[combination(row)] = group }
        return group
    }
}

extension FieldColumn {
    fileprivate func unsigned(_ count: Int) -> [UInt64] {
        if case .integers(let numbers) = self { return numbers }
        return (0..<count).map { row in
            if case .int(let number) = self[row] { UInt64(bitPattern: number) } else { 0 }
        }
    }

    fileprivate func doubles(_ count: Int) -> [Double] {
        if case .dictionary(let codes, let values) = self {
            let numbers = values.map(Self.double)
            return codes.map { numbers[Int($0)] }
        }
        return (0..<count).map { Self.double(self[$0]) }
    }

    fileprivate static func double(_ value: FieldValue) -> Double {
        switch value {
        case .double(let number): number
        case .int(let number): Double(number)
        default: 1
        }
    }
}
