import OTLP
import TraceStorage

extension ConformanceSuite {
    /// Aggregations answer as one that looks at every span does, for groupings, numbers, conditions and steps that a
    /// seed picks.
    package func aggregationsAgreeWithTheModel(seed: UInt64) throws {
        let batches = try Self.oddBatches(seed: seed, batches: 8, spans: 60)
        let store = try load(batches)
        let model = InMemoryStore()
        for batch in batches { try model.append(batch) }
        var random = SeededRandom(seed: seed)
        for number in 0..<80 {
            let plan = AggregationCases.plan(&random)
            let expected = try AggregationModel(plan, model)
            let found = try store.aggregate(plan, context: QueryContext())
            if let difference = expected.difference(found) {
                throw ConformanceFailure(description: "seed \(seed), plan \(number) \(plan): \(difference)")
            }
        }
    }

    /// Past the limit of groups spans are in one group without a key, and none is lost.
    package func groupsAreBounded(seed: UInt64) throws {
        let batches = try Self.oddBatches(seed: seed, batches: 6, spans: 50)
        let store = try load(batches)
        for groupsMax in [1, 2, 5] {
            let duration = AggregationMeasure(.duration)
            var plan = AggregationPlan(
                groupings: [.spanID, .name], measures: [duration], groupsMax: groupsMax)
            let result = try store.aggregate(plan, context: QueryContext())
            plan.groupings = []
            plan.groupsMax = 1
            let whole = try store.aggregate(plan, context: QueryContext())
            try Self.check(whole.groups.count == 1 && whole.overflow == nil, "one group became \(whole.groups.count)")
            try Self.check(result.groups.count == groupsMax, "\(result.groups.count) groups, not \(groupsMax)")
            try Self.check(result.spans == whole.spans, "\(whole.spans) spans became \(result.spans)")
            let counted = (result.groups + [result.overflow].compactMap(\.self)).reduce(0) { $0 + $1.measures[0].count }
            try Self.check(counted == whole.groups[0].measures[0].count, "\(counted) durations")
        }
    }

    /// A cancelled aggregation ends, as does one past its deadline, one without memory and one past its plan's limits.
    package func aggregationsEndWhenTheyShould() throws {
        let store = try load(try Self.oddBatches(seed: 9, batches: 4, spans: 40))
        let plan = AggregationPlan(groupings: [.name], measures: [AggregationMeasure(.duration)])
        let cancelled = QueryContext()
        cancelled.cancel()
        for context in [cancelled, QueryContext(deadline: ContinuousClock.now)] {
            try Self.check(Self.error { _ = try store.aggregate(plan, context: context) } == .cancelled, "it went on")
        }
        let small = QueryContext(memoryMax: 100)
        guard case .limitExceeded(let message)? = Self.error({ _ = try store.aggregate(plan, context: small) }) else {
            throw ConformanceFailure(description: "more memory than allowed")
        }
        try Self.check(message.contains("query.max_memory_mib"), "the limit is not named: \(message)")
        try Self.check(small.memoryBytes == 0, "\(small.memoryBytes) bytes are still counted")
        let few = QueryContext(rowsMax: 1)
        let spans = try store.aggregate(plan, context: few).spans
        try Self.check(spans > 1, "spans that were looked at count as rows")
        for bad in [
            AggregationPlan(groupings: Array(repeating: .name, count: 9)), AggregationPlan(stepNanoseconds: 0),
            AggregationPlan(measures: Array(repeating: AggregationMeasure(.duration), count: 9)),
            AggregationPlan(predicate: .compare(.name, .matches, .string("("))), AggregationPlan(groupsMax: 0),
        ] {
            guard case .limitExceeded? = Self.error({ _ = try store.aggregate(bad, context: QueryContext()) }) else {
                throw ConformanceFailure(description: "\(bad) was taken")
            }
        }
    }
}

/// Plans that a seed picks.
enum AggregationCases {
    private static let measures: [FieldReference] =
        [.duration, .startTime, .kind, .adjustedCount, .name]
        + AttributePlace.allCases.flatMap { place in ScanCases.keys.prefix(4).map { .attribute(place, key: $0) } }
    private static let keys: [FieldReference] =
        ScanCases.fields + ScanCases.keys.map { .attribute(.span, key: $0) }
        + [.serviceName, .name, .statusCode, .attribute(.any, key: "gen_ai.request.model")]

    static func plan(_ random: inout SeededRandom) -> AggregationPlan {
        func pick<Element>(_ list: [Element]) -> Element { list[Int(random.next() % UInt64(list.count))] }
        let groupings = (0..<Int(random.next() % 4)).map { _ in pick(keys) }
        let sums = (0..<Int(random.next() % 3)).map { _ in
            AggregationMeasure(
                pick(measures), hasHistogram: random.next() % 4 > 0,
                bounds: pick([[], [0], [1, 2, 3, 1e6, 5e8, 1e12]]))
        }
        return AggregationPlan(
            range: random.next() % 3 == 0 ? pick(ScanCases.ranges) : .all,
            predicate: random.next() % 2 == 0 ? pick(ScanCases.predicates) : .all, groupings: groupings, measures: sums,
            stepNanoseconds: random.next() % 3 == 0 ? pick([1_000_000_000, 3_600_000_000_000, .max]) : nil)
    }
}

/// An aggregation worked out the long way, from the rows of a scan.
struct AggregationModel {
    private struct Group {
        var spans = 0
        var values: [[Double]]
    }

    private let plan: AggregationPlan
    private var groups: [String: Group] = [:]

    init(_ plan: AggregationPlan, _ store: InMemoryStore) throws {
        self.plan = plan
        var found: [String: Group] = [:]
        try store.scan(
            ScanPlan(range: plan.range, predicate: plan.predicate, fields: plan.scan.fields + [.startTime]),
            context: QueryContext()
        ) { rows in
            for row in 0..<rows.count {
                var key = plan.groupings.indices.map { "\(rows.columns[$0][row].forGrouping)" }
                if let step = plan.stepNanoseconds, case .int(let bits)? = rows.columns.last?[row] {
                    let start = UInt64(bitPattern: bits)
                    key.append("\(plan.range.start + (start - plan.range.start) / step * step)")
                }
                var group = found[key.description] ?? Group(values: plan.measures.map { _ in [] })
                group.spans += 1
                for index in plan.measures.indices {
                    if let value = Self.number(rows.columns[plan.groupings.count + index][row], plan.measures[index]) {
                        group.values[index].append(value)
                    }
                }
                found[key.description] = group
            }
            return true
        }
        groups = found
    }

    private static func number(_ value: FieldValue, _ measure: AggregationMeasure) -> Double? {
        switch value {
        case .int(let number):
            // Times use all 64 bits.
            measure.field == .startTime || measure.field == .duration
                ? Double(UInt64(bitPattern: number)) : Double(number)
        case .double(let number) where !number.isNaN: number
        default: nil
        }
    }

    /// What is different in an answer; nil when nothing is.
    func difference(_ result: AggregationResult) -> String? {
        if let overflow = result.overflow { return "\(overflow.spans) spans are in no group" }
        guard result.groups.count == groups.count else { return "\(groups.count) groups became \(result.groups.count)" }
        for group in result.groups {
            let key = (group.key.map { "\($0)" } + [group.stepStart].compactMap { $0.map { "\($0)" } }).description
            guard let expected = groups[key] else { return "a group \(key)" }
            guard expected.spans == group.spans else { return "\(key): \(expected.spans) spans became \(group.spans)" }
            for (index, summary) in group.measures.enumerated() {
                let values = expected.values[index].sorted()
                if let text = Self.difference(values, summary, plan.measures[index]) {
                    return "\(key), \(index): \(text)"
                }
            }
        }
        return nil
    }

    private static func difference(
        _ values: [Double], _ summary: MeasureSummary, _ measure: AggregationMeasure
    ) -> String? {
        guard summary.count == values.count else { return "\(values.count) numbers became \(summary.count)" }
        guard (summary.histogram != nil) == measure.hasHistogram else { return "histogram \(measure.hasHistogram)" }
        var counts = Array(repeating: UInt64(0), count: measure.bounds.isEmpty ? 0 : measure.bounds.count + 1)
        for value in measure.bounds.isEmpty ? [] : values {
            counts[measure.bounds.firstIndex { $0 >= value } ?? measure.bounds.count] += 1
        }
        guard summary.bucketCounts == counts else { return "counts \(counts) became \(summary.bucketCounts)" }
        guard let first = values.first, let last = values.last else {
            return summary.quantile(0.5) == nil ? nil : "a quantile of nothing"
        }
        guard summary.min == first, summary.max == last else { return "\(first)...\(last) became \(summary)" }
        let sum = values.reduce(0, +)
        let size = values.reduce(0) { $0 + $1.magnitude }
        guard (summary.sum - sum).magnitude <= size * 1e-12 || !sum.isFinite else {
            return "sum \(sum), \(summary.sum)"
        }
        guard measure.hasHistogram else { return nil }
        for share in [0, 0.25, 0.5, 0.95, 0.99, 1] {
            let rank = max(1, Int((share * Double(values.count)).rounded(.up)))
            let exact = values[rank - 1]
            guard let found = summary.quantile(share) else { return "no quantile \(share)" }
            // Where numbers are told apart at all; see ``OctaveHistogram``.
            let isTold = exact.magnitude >= 0x1p-32 && exact.magnitude < 0x1p64
            guard !isTold || (found - exact).magnitude <= exact.magnitude / 128 else {
                return "quantile \(share): \(exact) became \(found)"
            }
        }
        return nil
    }
}
