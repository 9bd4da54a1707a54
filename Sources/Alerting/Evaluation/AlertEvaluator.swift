import SpanMetrics
import TraceStorage

/// Works out what all rules come to, time after time. Belongs to one thread, which it blocks on files and queries.
package struct AlertEvaluator {
    private let configuration: AlertsConfiguration
    private let sources: AlertSources
    private var windows: [Int: CounterWindow] = [:]
    private var spanCounts = SpanCounts()
    private var usage = UsageNumbers()
    /// The numbers of the time of the baseline, which change slowly.
    private var baselines: [Int: Baseline] = [:]
    /// When rules are due again whose numbers cost more than a look at counters.
    private var due: [Int: UInt64] = [:]
    /// Groups that have a place, by rule.
    private var admitted: [Int: Set<AlertLabels>] = [:]
    private let querySeconds: Int64

    private struct Baseline {
        var until: UInt64
        var values: [AlertLabels: Double]
    }

    /// - Parameter querySeconds: How long one rule may read files.
    package init(_ configuration: AlertsConfiguration, _ sources: AlertSources, querySeconds: Int64 = 10) {
        self.configuration = configuration
        self.sources = sources
        self.querySeconds = querySeconds
    }

    /// - Parameter now: Unix nanoseconds.
    package mutating func evaluate(at now: UInt64) -> [RuleResult] {
        let counts = counted()
        return configuration.rules.indices.map { place in
            let rule = configuration.rules[place]
            do throws(StorageError) {
                switch rule.metric.source {
                case .spans, .tools:
                    let known = rule.metric.source == .spans ? counts.spans : counts.tools
                    guard let known else { return RuleResult(rule: place, .unknown(reason: Self.replaying)) }
                    return try measured(place, rule, known[place] ?? [:], counts.bounds, at: now)
                case .usage: return try usage(place, rule, at: now)
                case .collector: return collector(place, rule, at: now)
                }
            } catch { return RuleResult(rule: place, .unknown(reason: "\(error)")) }
        }
    }

    private static let replaying = "the journal is being replayed"

    private var context: QueryContext {
        QueryContext(memoryMax: 128 << 20, deadline: .now + .seconds(querySeconds))
    }

    // MARK: counters

    private struct Counted {
        var spans: [Int: [AlertLabels: CounterWindow.Counts]]?
        var tools: [Int: [AlertLabels: CounterWindow.Counts]]?
        /// Of buckets, in seconds.
        var bounds: [Double] = []
    }

    /// What the counters of all rules are now. A rule without groupings has its one group also when nothing matches.
    private mutating func counted() -> Counted {
        var result = Counted()
        let ofSpans = configuration.rules.indices.filter { configuration.rules[$0].metric.source == .spans }
        if !ofSpans.isEmpty, let snapshot = sources.red() {
            let rules = configuration.rules
            spanCounts.add(snapshot, ofSpans.map { ($0, rules[$0]) })
            result.spans = spanCounts.totals
            result.bounds = snapshot.bucketBoundsSeconds
        }
        let ofTools = configuration.rules.indices.filter { configuration.rules[$0].metric.source == .tools }
        if !ofTools.isEmpty, let genAI = sources.genAI() {
            result.tools = counted(ofTools, genAI)
        }
        return result
    }

    private func counted(
        _ places: [Int], _ genAI: GenAIMetrics
    ) -> [Int: [AlertLabels: CounterWindow.Counts]] {
        var sums: [Int: [AlertLabels: CounterWindow.Counts]] = [:]
        // Runs of tools wait for nothing but their agent's name.
        genAI.snapshot(now: 0).forEachToolSeries { labels, runs in
            var words = AlertLabels()
            for (name, value) in labels.pairs {
                switch name {
                case "gen_ai_agent_name": words["agent"] = value
                case "gen_ai_tool_name": words["tool"] = value
                default: words[SpanNumbers.name(of: name)] = SpanNumbers.value(value, of: name)
                }
            }
            for place in places {
                guard let group = configuration.rules[place].group(of: words) else { continue }
                sums[place, default: [:]][group, default: .init()].add(
                    calls: runs, isError: words["status"] == "error")
            }
        }
        return sums
    }

    private mutating func measured(
        _ place: Int, _ rule: AlertRule, _ counts: [AlertLabels: CounterWindow.Counts], _ bounds: [Double],
        at now: UInt64
    ) throws(StorageError) -> RuleResult {
        var counts = counts
        if rule.groupings.isEmpty, counts.isEmpty { counts[AlertLabels()] = .init() }
        let before = counts.count
        counts = admitting(counts, place)
        let over = before - counts.count
        guard
            let (increases, isWhole) = windows[place, default: CounterWindow(window: rule.window)].add(counts, at: now)
        else { return RuleResult(rule: place, .measured([], isWhole: false), groupsOverLimit: over) }
        let baseline = try baseline(place, rule, bounds, at: now)
        let result = increases.compactMap { increase -> AlertMeasurement? in
            SpanNumbers.value(of: rule, increase.counts, bounds: bounds, isWhole: isWhole).flatMap {
                measurement(rule, increase.group, $0, baseline)
            }
        }
        return RuleResult(rule: place, .measured(result, isWhole: isWhole), groupsOverLimit: over)
    }

    /// Groups keep the places that they have; further ones get those that are left.
    private mutating func admitting<Number>(
        _ groups: [AlertLabels: Number], _ place: Int
    ) -> [AlertLabels: Number] {
        var known = admitted[place] ?? []
        guard known.count + groups.count > configuration.groupsMax else {
            admitted[place] = known.union(groups.keys)
            return groups
        }
        for group in groups.keys where known.count < configuration.groupsMax { known.insert(group) }
        admitted[place] = known
        return groups.filter { known.contains($0.key) }
    }

    // MARK: conditions

    /// Nil where there is nothing to compare with.
    private func measurement(
        _ rule: AlertRule, _ group: AlertLabels, _ value: Double, _ baseline: [AlertLabels: Double]?
    ) -> AlertMeasurement? {
        switch rule.condition {
        case .threshold(let threshold):
            return AlertMeasurement(group: group, value: value, isMet: threshold.isMet(by: value))
        case .baseline(let threshold, _):
            guard let before = baseline?[group] else { return nil }
            let isWorthAWord = rule.minValue.map { value >= $0 } ?? true
            // Written as a product, so that nothing before is less than anything now.
            let isMet =
                threshold.direction == .above ? value > threshold.value * before : value < threshold.value * before
            return AlertMeasurement(group: group, value: value, baseline: before, isMet: isMet && isWorthAWord)
        case .budget: return nil
        }
    }

    /// The values of a rule's groups at the time of its baseline; nil for a rule without one.
    private mutating func baseline(
        _ place: Int, _ rule: AlertRule, _ bounds: [Double], at now: UInt64
    ) throws(StorageError) -> [AlertLabels: Double]? {
        guard let offset = rule.baselineOffset else { return nil }
        if let known = baselines[place], now < known.until { return known.values }
        guard now > offset + rule.window else { return [:] }
        let range = TimeRange(start: now - offset - rule.window, end: now - offset)
        var values: [AlertLabels: Double]
        if rule.metric.source == .usage {
            guard let metrics = sources.genAI() else { return [:] }
            values = try UsageNumbers.sums(of: rule, in: range, metrics, deadline: context)
                .compactMapValues { $0.value(of: rule.metric, minCount: max(1, rule.minCount)) }
        } else {
            let spans = SpanBaseline(
                fields: configuration.fields, boundsNanoseconds: bounds.map { UInt64(($0 * 1e9).rounded()) })
            values = try spans.counts(of: rule, in: range, reader: sources.store, context: context)
                .filter { $0.value.calls > 0 }
                .compactMapValues { SpanNumbers.value(of: rule, $0, bounds: bounds) }
        }
        let pace = max(configuration.interval, rule.window / 10)
        baselines[place] = Baseline(until: now + pace, values: values)
        return values
    }

    // MARK: usage

    private mutating func usage(
        _ place: Int, _ rule: AlertRule, at now: UInt64
    ) throws(StorageError) -> RuleResult {
        if let due = due[place], now < due, due - now <= rule.window { return RuleResult(rule: place, .notDue) }
        guard let metrics = sources.genAI() else {
            return RuleResult(rule: place, .unknown(reason: Self.replaying))
        }
        if let budget = rule.budget { return try self.budget(place, rule, budget, metrics, at: now) }
        due[place] = now + rule.window / 120
        let range = TimeRange(start: now > rule.window ? now - rule.window : 0, end: now + 1)
        var sums = try UsageNumbers.sums(of: rule, in: range, metrics, deadline: context)
        if rule.groupings.isEmpty, sums.isEmpty { sums[AlertLabels()] = UsageNumber() }
        let values = largest(sums.compactMapValues { $0.value(of: rule.metric, minCount: rule.minCount) })
        let baseline = try baseline(place, rule, [], at: now)
        return RuleResult(
            rule: place, .measured(values.compactMap { measurement(rule, $0.key, $0.value, baseline) }),
            groupsOverLimit: sums.count - values.count)
    }

    private mutating func budget(
        _ place: Int, _ rule: AlertRule, _ budget: AlertRule.Budget, _ metrics: GenAIMetrics, at now: UInt64
    ) throws(StorageError) -> RuleResult {
        let period = configuration.calendar.start(of: budget.period, at: now)
        let sums = try usage.used(of: rule, since: period, place: place, at: now, metrics, deadline: context)
        let values = largest(sums.compactMapValues { $0.value(of: rule.metric, minCount: 0) })
        let result = values.map { group, value in
            // A sum of cents that comes to the amount may be a last bit short of it.
            let step = budget.steps.lastIndex { value >= $0 * budget.amount * (1 - 1e-12) }
            return AlertMeasurement(group: group, value: value, isMet: step != nil, step: step, period: period)
        }
        return RuleResult(rule: place, .measured(result), groupsOverLimit: sums.count - values.count)
    }

    /// Of too many groups those with the largest values.
    private func largest(_ values: [AlertLabels: Double]) -> [AlertLabels: Double] {
        guard values.count > configuration.groupsMax else { return values }
        let kept = values.sorted { ($0.value, $1.key.text) > ($1.value, $0.key.text) }.prefix(configuration.groupsMax)
        return Dictionary(uniqueKeysWithValues: Array(kept).map { ($0.key, $0.value) })
    }

    // MARK: the collector

    private mutating func collector(_ place: Int, _ rule: AlertRule, at now: UInt64) -> RuleResult {
        let reading = sources.collector()
        switch rule.metric {
        case .forwardQueueAge:
            var values: [AlertLabels: Double] = [:]
            for forwarder in reading.forwarders {
                guard let group = rule.group(of: ["exporter": forwarder.name]) else { continue }
                values[group] = max(values[group] ?? 0, forwarder.queueAgeSeconds)
            }
            return RuleResult(rule: place, .measured(values.compactMap { measurement(rule, $0.key, $0.value, nil) }))
        case .forwardSkippedSpans:
            var counts: [AlertLabels: CounterWindow.Counts] = [:]
            for forwarder in reading.forwarders {
                guard let group = rule.group(of: ["exporter": forwarder.name]) else { continue }
                counts[group, default: .init()].add(calls: forwarder.lostSpans, isError: false)
            }
            if windows[place] == nil {
                // These counters begin with the process.
                windows[place] = CounterWindow(window: rule.window)
                windows[place]?.begin(at: now > 0 ? now - 1 : 0)
            }
            guard let (increases, isWhole) = windows[place]?.add(counts, at: now) else {
                return RuleResult(rule: place, .measured([], isWhole: false))
            }
            return RuleResult(
                rule: place,
                .measured(
                    increases.compactMap { measurement(rule, $0.group, Double($0.counts.calls), nil) },
                    isWhole: isWhole))
        case .refusing:
            var measured = measurement(rule, AlertLabels(), reading.refusal == nil ? 0 : 1, nil)
            measured?.reason = reading.refusal
            return RuleResult(rule: place, .measured(measured.map { [$0] } ?? []))
        case .journalFill:
            return RuleResult(
                rule: place, .measured(measurement(rule, AlertLabels(), reading.journalFill, nil).map { [$0] } ?? []))
        default:
            let measured = measurement(rule, AlertLabels(), Double(reading.damagedBlocks), nil)
            return RuleResult(rule: place, .measured(measured.map { [$0] } ?? []))
        }
    }
}
