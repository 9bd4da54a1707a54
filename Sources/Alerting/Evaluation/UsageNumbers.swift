import SpanMetrics
import TraceStorage

/// The numbers of usage rules, from the records of calls.
struct UsageNumbers: Sendable {
    /// What was used of a budget's period up to an hour, by group. Calls that become known later are found when the
    /// next hour begins.
    private struct Settled: Sendable {
        var period: UInt64
        var end: UInt64
        var sums: [AlertLabels: UsageNumber]
    }

    private var settled: [Int: Settled] = [:]

    private static let hour = 3_600 * AlertClock.second

    /// The sums of the groups of a rule over a range. Blocks on files.
    static func sums(
        of rule: AlertRule, in range: TimeRange, _ metrics: GenAIMetrics, deadline: QueryContext
    ) throws(StorageError) -> [AlertLabels: UsageNumber] {
        var names = rule.groupings
        for matcher in rule.matchers where !names.contains(matcher.name) { names.append(matcher.name) }
        let keys = names.compactMap { UsageQuery.Key($0, configuration: metrics.configuration) }
        guard range.start < range.end else { return [:] }
        let result = try UsageQuery(range: range, by: keys).run(on: metrics) { () throws(StorageError) in
            try deadline.check()
        }
        var sums: [AlertLabels: UsageNumber] = [:]
        for row in result.rows + [result.unattributed] {
            var labels = AlertLabels()
            for (key, value) in zip(keys, row.key) { labels[key.name] = value }
            guard let group = rule.group(of: labels) else { continue }
            sums[group, default: UsageNumber()].add(row.sum)
        }
        return sums
    }

    /// What each group has used of the period of a rule's budget that `now` lies in.
    ///
    /// - Parameters:
    ///   - period: Where the period begins that `now` lies in.
    ///   - place: Of the rule among all.
    mutating func used(
        of rule: AlertRule, since period: UInt64, place: Int, at now: UInt64, _ metrics: GenAIMetrics,
        deadline: QueryContext
    ) throws(StorageError) -> [AlertLabels: UsageNumber] {
        // An hour back: most calls of before are known by now.
        let hour = now - now % Self.hour
        let end = max(period, hour >= Self.hour ? hour - Self.hour : 0)
        if settled[place]?.period != period || settled[place]?.end != end {
            settled[place] = Settled(
                period: period, end: end,
                sums: try Self.sums(
                    of: rule, in: TimeRange(start: period, end: end), metrics, deadline: deadline))
        }
        var sums = settled[place]?.sums ?? [:]
        let rest = try Self.sums(
            of: rule, in: TimeRange(start: end, end: now + 1), metrics, deadline: deadline)
        for (group, number) in rest { sums[group, default: UsageNumber()].add(number) }
        return sums
    }
}

/// What calls of models come to.
struct UsageNumber: Sendable, Equatable {
    var calls = 0.0
    var errors = 0.0
    var inputTokens = 0.0
    var outputTokens = 0.0
    var cost = 0.0

    mutating func add(_ sum: UsageSum) {
        calls += Double(sum.calls)
        errors += Double(sum.errors)
        inputTokens += Double(sum.tokens.input)
        outputTokens += Double(sum.tokens.output)
        cost += sum.cost
    }

    mutating func add(_ other: UsageNumber) {
        calls += other.calls
        errors += other.errors
        inputTokens += other.inputTokens
        outputTokens += other.outputTokens
        cost += other.cost
    }

    /// Nil where there is nothing to say.
    func value(of metric: AlertMetric, minCount: Double) -> Double? {
        guard calls >= minCount else { return nil }
        return switch metric {
        case .tokens: inputTokens + outputTokens
        case .inputTokens: inputTokens
        case .outputTokens: outputTokens
        case .costUSD: cost
        case .modelCalls: calls
        case .modelErrorRate: calls > 0 ? errors / calls : nil
        default: nil
        }
    }
}
