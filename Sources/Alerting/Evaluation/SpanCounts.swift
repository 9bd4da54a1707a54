import SpanMetrics

/// What spans come to for each rule and group since the evaluator was made: numbers that only grow, also where series
/// end and begin anew at zero (`metrics_expiration`).
struct SpanCounts: Sendable {
    /// By the places of rules, then by group.
    private(set) var totals: [Int: [AlertLabels: CounterWindow.Counts]] = [:]
    /// What each series was the last time.
    private var calls: [PrometheusLabels: UInt64] = [:]
    private var buckets: [PrometheusLabels: [UInt64]] = [:]

    mutating func add(_ snapshot: REDSnapshot, _ rules: [(place: Int, rule: AlertRule)]) {
        let ofCalls = rules.filter { $0.rule.metric.quantile == nil }
        let ofDurations = rules.filter { $0.rule.metric.quantile != nil }
        // A rule is there also before anything matches it.
        for (place, _) in rules where totals[place] == nil { totals[place] = [:] }
        if !ofCalls.isEmpty {
            var now: [PrometheusLabels: UInt64] = [:]
            snapshot.forEachCount { labels, count in
                now[labels] = count
                let before = calls[labels] ?? 0
                // One that has fallen began anew.
                let more = count >= before ? count - before : count
                // Also a series that does not move has its group, whose number is then nothing.
                add(labels, calls: more, [], to: ofCalls)
            }
            calls = now
        }
        guard !ofDurations.isEmpty else { return }
        var now: [PrometheusLabels: [UInt64]] = [:]
        snapshot.forEachDuration { labels, counts in
            now[labels] = counts
            var more = counts
            if let before = buckets[labels], before.count == counts.count, zip(counts, before).allSatisfy({ $0 >= $1 })
            {
                for index in more.indices { more[index] -= before[index] }
            }
            add(labels, calls: more.reduce(0, &+), more, to: ofDurations)
        }
        buckets = now
    }

    private mutating func add(
        _ labels: PrometheusLabels, calls: UInt64, _ buckets: [UInt64], to rules: [(place: Int, rule: AlertRule)]
    ) {
        var words = AlertLabels()
        for (name, value) in labels.pairs {
            words[SpanNumbers.name(of: name)] = SpanNumbers.value(value, of: name)
        }
        for (place, rule) in rules {
            guard let group = rule.group(of: words) else { continue }
            totals[place, default: [:]][group, default: .init()].add(
                calls: calls, isError: words["status"] == "error", buckets: buckets)
        }
    }
}
