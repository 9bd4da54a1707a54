import SpanMetrics
import TraceStorage

/// How labels of rules stand in stored spans, for baselines and examples.
package struct SpanFields: Sendable, Equatable {
    /// The attribute's key of each label that is a dimension of the span metrics.
    package var dimensions: [String: String]

    /// The key of each label that is an attribute of resources alone.
    package var resourceKeys: [String: String]

    package init(dimensions: [String: String] = [:], resourceKeys: [String: String] = [:]) {
        self.dimensions = dimensions
        self.resourceKeys = resourceKeys
    }

    /// Labels by which the past can be grouped.
    package static let baselineGroupingsMax = SpanBaseline.groupingsMax

    func field(of label: String) -> FieldReference {
        switch label {
        case "service": .serviceName
        case "operation": .name
        case "kind": .kind
        case "status": .statusCode
        default:
            if let key = resourceKeys[label] {
                .attribute(.resource, key: key)
            } else {
                .attribute(.any, key: dimensions[label] ?? label)
            }
        }
    }

    /// The value of a field as that of a label.
    func text(_ value: FieldValue, of label: String) -> String? {
        switch value {
        case .string(let text): return text
        case .int(let number):
            let names = label == "kind" ? SpanNumbers.kinds : label == "status" ? SpanNumbers.statuses : []
            guard !names.isEmpty else { return String(number) }
            return number >= 0 && number < names.count ? names[Int(number)] : nil
        case .double(let number): return "\(number)"
        case .bool(let flag): return flag ? "true" : "false"
        default: return nil
        }
    }

    func predicate(_ matchers: [LabelMatcher]) -> [SpanPredicate] { matchers.map(predicate) }

    /// Spans whose labels are those of a group.
    func predicate(group: AlertLabels) -> [SpanPredicate] {
        group.sorted.compactMap { name, value in
            (try? LabelMatcher(name, .equal, value)).map(predicate)
        }
    }

    private func predicate(_ matcher: LabelMatcher) -> SpanPredicate {
        let field = field(of: matcher.name)
        if matcher.name == "kind" || matcher.name == "status" {
            let names = matcher.name == "kind" ? SpanNumbers.kinds : SpanNumbers.statuses
            let codes = names.indices.filter { matcher.matches(AlertLabels([matcher.name: names[$0]])) }
            return .or(codes.map { .compare(field, .equal, .int(Int64($0))) })
        }
        switch matcher.comparison {
        case .equal where matcher.value.isEmpty: return .not(.exists(field))
        case .equal: return .compare(field, .equal, .string(matcher.value))
        case .notEqual where matcher.value.isEmpty: return .exists(field)
        case .notEqual: return .not(.compare(field, .equal, .string(matcher.value)))
        case .matches: return .compare(field, .matches, .string(matcher.value))
        case .matchesNot: return .not(.compare(field, .matches, .string(matcher.value)))
        }
    }
}

/// The numbers that spans of the past come to, in the buckets of the counters, so that both are equally coarse.
struct SpanBaseline {
    let fields: SpanFields
    let boundsNanoseconds: [UInt64]

    /// Fields of a plan beside the rule's: status and weight.
    static let groupingsMax = AggregationPlan.groupingsMax - 2

    func counts(
        of rule: AlertRule, in range: TimeRange, reader: any TraceReader, context: QueryContext
    ) throws(StorageError) -> [AlertLabels: CounterWindow.Counts] {
        let duration = AggregationMeasure(.duration, hasHistogram: false, bounds: boundsNanoseconds.map { Double($0) })
        let plan = AggregationPlan(
            range: range, predicate: .and([.exists(.serviceName)] + fields.predicate(rule.matchers)),
            groupings: rule.groupings.map(fields.field) + [.statusCode, .adjustedCount],
            measures: rule.metric.quantile == nil ? [] : [duration])
        var sums: [AlertLabels: Sum] = [:]
        for group in try reader.aggregate(plan, context: context).groups {
            guard group.key.count == rule.groupings.count + 2 else { continue }
            var labels = AlertLabels()
            for (name, value) in zip(rule.groupings, group.key) { labels[name] = fields.text(value, of: name) }
            let weight: Double =
                switch group.key[rule.groupings.count + 1] {
                case .double(let number): number
                case .int(let number): Double(number)
                default: 1
                }
            let isError = group.key[rule.groupings.count] == .int(2)
            sums[labels, default: Sum(buckets: boundsNanoseconds.count + 1)].add(
                group, weight: weight, isError: isError)
        }
        return sums.mapValues(\.counts)
    }

    private struct Sum {
        var calls = 0.0
        var errors = 0.0
        var buckets: [Double]

        init(buckets: Int) { self.buckets = Array(repeating: 0, count: buckets) }

        mutating func add(_ group: AggregationGroup, weight: Double, isError: Bool) {
            calls += Double(group.spans) * weight
            if isError { errors += Double(group.spans) * weight }
            guard let counts = group.measures.first?.bucketCounts else { return }
            for (index, count) in zip(buckets.indices, counts) { buckets[index] += Double(count) * weight }
        }

        var counts: CounterWindow.Counts {
            CounterWindow.Counts(
                calls: UInt64(calls.rounded()), errors: UInt64(errors.rounded()),
                buckets: buckets.map { UInt64($0.rounded()) })
        }
    }
}
