import OTLP
import SpanMetrics
import TraceStorage

/// Finds traces that show what an alert is about: failed ones, the slowest, or the most expensive. Blocks on queries.
package struct ExampleTraces: Sendable {
    /// Traces of one alert.
    package static let examplesMax = 3
    /// Spans that are looked at for one alert.
    private static let rowsMax = 100_000
    /// How long that may take.
    private static let querySeconds: Int64 = 3

    private let configuration: AlertsConfiguration
    private let sources: AlertSources

    package init(_ configuration: AlertsConfiguration, _ sources: AlertSources) {
        self.configuration = configuration
        self.sources = sources
    }

    /// What shows an alert, the clearest first; nothing when it cannot be found out.
    package func find(_ alert: Alert, of rule: AlertRule, at now: UInt64) -> [TraceID] {
        let range = TimeRange(start: start(of: rule, at: now), end: now + 1)
        switch rule.metric.source {
        case .usage: return byUsage(alert, rule, range)
        case .spans: return bySpans(alert, rule, range)
        case .tools:
            return FailedToolRuns(reader: sources.store).traces(Self.examplesMax, in: range, context: context) {
                labels in
                rule.group(of: labels) == alert.key.group
            }
        case .collector: return []
        }
    }

    /// From when on spans may show an alert: its window and a little more, as spans are stored under the time at which
    /// they began; of a budget the last day, but nothing that counts for the period before.
    private func start(of rule: AlertRule, at now: UInt64) -> UInt64 {
        let window = rule.budget == nil ? rule.window : AlertClock.day
        let start = now - min(now, window + 60 * AlertClock.second)
        guard let budget = rule.budget else { return start }
        return max(start, configuration.calendar.start(of: budget.period, at: now))
    }

    private var context: QueryContext {
        QueryContext(memoryMax: 64 << 20, deadline: .now + .seconds(Self.querySeconds))
    }

    // MARK: spans

    /// What of a rule's spans is bad; nil where it is the number of spans that is.
    func predicate(_ alert: Alert, of rule: AlertRule) -> SpanPredicate? {
        let fields = configuration.fields
        let own = fields.predicate(rule.matchers) + fields.predicate(group: alert.key.group)
        switch rule.metric {
        case .errorRate: return .and([.exists(.serviceName)] + own + [.compare(.statusCode, .equal, .int(2))])
        case .latencyP50, .latencyP95, .latencyP99:
            let least = Int64(max(0, min(leastSeconds(alert.value), 1e9)) * 1e9)
            return .and([.exists(.serviceName)] + own + [.compare(.duration, .greaterOrEqual, .int(least))])
        case .requestRate where !rule.looksForLess: return .and([.exists(.serviceName)] + own)
        default: return nil
        }
    }

    /// The least duration, in seconds, of the spans that a latency was read from: the lower bound of its bucket. Within
    /// the bucket the latency is estimated, and may be longer than any span took.
    private func leastSeconds(_ latency: Double) -> Double {
        guard let bounds = sources.red()?.bucketBoundsSeconds else { return latency }
        return bounds.last { $0 < latency } ?? 0
    }

    private func bySpans(_ alert: Alert, _ rule: AlertRule, _ range: TimeRange) -> [TraceID] {
        guard let predicate = predicate(alert, of: rule) else { return [] }
        let isSlow = rule.metric.quantile != nil
        let plan = ScanPlan(range: range, predicate: predicate, fields: [.traceID, .duration, .startTime])
        var best: [TraceID: UInt64] = [:]
        var rows = 0
        try? sources.store.scan(plan, context: context) { found in
            for row in 0..<found.count {
                guard case .traceID(let id) = found.columns[0][row] else { continue }
                let rank = found.columns[isSlow ? 1 : 2][row].unsigned
                best[id] = max(best[id] ?? 0, rank)
            }
            rows += found.count
            if best.count > 1_000 { best = Self.first(Self.examplesMax, best) }
            return rows < Self.rowsMax
        }
        return Self.ranked(best)
    }

    private static func first(_ count: Int, _ ranks: [TraceID: UInt64]) -> [TraceID: UInt64] {
        let kept = ranks.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(count)
        return Dictionary(uniqueKeysWithValues: Array(kept).map { ($0.key, $0.value) })
    }

    private static func ranked(_ ranks: [TraceID: UInt64]) -> [TraceID] {
        first(examplesMax, ranks).sorted { ($0.value, $1.key) > ($1.value, $0.key) }.map(\.key)
    }

    // MARK: usage

    private func byUsage(_ alert: Alert, _ rule: AlertRule, _ range: TimeRange) -> [TraceID] {
        guard let metrics = sources.genAI() else { return [] }
        let names = UsageQuery.Key.names(metrics.configuration)
        let attribution = metrics.configuration.attribution.map(\.name)
        let context = context
        var best: [TraceID: UInt64] = [:]
        var records = 0
        _ = try? metrics.forEachRecord(in: range, goesOn: { (try? context.check()) != nil }) { record in
            records += 1
            var labels = AlertLabels()
            for name in names { labels[name] = record.label(name, attribution) }
            guard rule.group(of: labels) == alert.key.group, record.traceID.isValid else {
                return records < Self.rowsMax
            }
            let rank: Double =
                switch rule.metric {
                case .modelErrorRate: record.errors > 0 ? Double(record.time) : -1
                case .modelCalls: Double(record.time)
                case .inputTokens: Double(record.tokens.input)
                case .outputTokens: Double(record.tokens.output)
                case .tokens: Double(record.tokens.total)
                default: record.cost * 1e9
                }
            if rank >= 0 { best[record.traceID] = max(best[record.traceID] ?? 0, UInt64(min(rank, 1e19))) }
            if best.count > 1_000 { best = Self.first(Self.examplesMax, best) }
            return records < Self.rowsMax
        }
        return Self.ranked(best)
    }

    // MARK: the link

    /// Where the spans of an alert can be looked at: a search of our own API over the time of the alert.
    package func queryURL(_ alert: Alert, of rule: AlertRule, at now: UInt64) -> String {
        let base = configuration.externalURL ?? ""
        // All that a budget was used for, which is more than what examples are looked for in.
        let start =
            rule.budget.map { configuration.calendar.start(of: $0.period, at: now) } ?? self.start(of: rule, at: now)
        let range = "start=\(start)&end=\(now)"
        switch rule.metric.source {
        case .usage:
            var keys = rule.groupings
            if keys.isEmpty { keys = ["model"] }
            return "\(base)/api/skein/v1/usage?by=\(keys.joined(separator: ","))&\(range)" + filters(alert, rule)
        case .spans, .tools:
            return "\(base)/api/skein/v1/search?q=\(Self.encoded(traceQL(alert, rule)))&\(range)"
        case .collector: return "\(base)/api/skein/v1/alerts"
        }
    }

    /// The usage of an alert as parameters of `/usage`: that of its group, of what the rule looks at.
    private func filters(_ alert: Alert, _ rule: AlertRule) -> String {
        let group = rule.groupings.compactMap { try? LabelMatcher($0, .equal, alert.key.group[$0] ?? "") }
        // A group says more than an equation about the same label.
        let others = rule.matchers.filter { $0.comparison != .equal || !rule.groupings.contains($0.name) }
        return (group + others).prefix(UsageQuery.filtersMax).map { "&where=\(Self.encoded($0.description))" }.joined()
    }

    /// The spans of an alert as a TraceQL query.
    func traceQL(_ alert: Alert, _ rule: AlertRule) -> String {
        var terms: [String] = []
        var agents: [String] = []
        func add(_ name: String, _ comparison: LabelMatcher.Comparison, _ value: String) {
            let field: String
            var shown = Self.quoted(value)
            switch name {
            case "service": field = "resource.service.name"
            case "operation": field = "name"
            case "kind", "status":
                field = name
                guard comparison == .equal || comparison == .notEqual else { return }
                shown = value
            case "tool" where rule.metric.source == .tools: field = ".gen_ai.tool.name"
            case "agent" where rule.metric.source == .tools:
                // Often the span of the tool's run does not say it, but one above it.
                agents.append(".gen_ai.agent.name \(comparison.rawValue) \(shown)")
                return
            default:
                let fields = configuration.fields
                field = fields.resourceKeys[name].map { "resource." + $0 } ?? "." + (fields.dimensions[name] ?? name)
            }
            terms.append("\(field) \(comparison.rawValue) \(shown)")
        }
        for (name, value) in alert.key.group.sorted { add(name, .equal, value) }
        for matcher in rule.matchers where alert.key.group[matcher.name] == nil {
            add(matcher.name, matcher.comparison, matcher.value)
        }
        switch rule.metric {
        case .errorRate: terms.append("status = error")
        case .toolErrorRate:
            if terms.isEmpty { terms.append(".gen_ai.tool.name != nil") }
            terms.append("status = error")
        case .latencyP50, .latencyP95, .latencyP99:
            terms.append("duration >= \(AlertText.value(leastSeconds(alert.value), .duration))")
        default: break
        }
        let spans = terms.isEmpty ? "{ }" : "{ \(terms.joined(separator: " && ")) }"
        return agents.isEmpty ? spans : "{ \(agents.joined(separator: " && ")) } && \(spans)"
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        // Not characters: a quote with a combining mark behind it is another one, and a quote to who reads the query.
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { result.append("\\") }
            result.unicodeScalars.append(scalar)
        }
        return result + "\""
    }

    private static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            let isPlain =
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: ".")
                || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "~")
            if isPlain {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let hex = String(byte, radix: 16, uppercase: true)
                result += "%" + (hex.utf8.count == 1 ? "0" : "") + hex
            }
        }
        return result
    }
}

extension FieldValue {
    fileprivate var unsigned: UInt64 { if case .int(let number) = self { UInt64(bitPattern: number) } else { 0 } }
}

extension UsageRecord {
    /// The value of a usage key.
    fileprivate func label(_ name: String, _ attributionNames: [String]) -> String {
        switch name {
        case "model": return model
        case "provider": return provider
        case "agent": return agent
        case "service": return service
        case "operation": return operation
        case "conversation": return conversation
        default:
            guard let place = attributionNames.firstIndex(of: name), place < attribution.count else { return "" }
            return attribution[place]
        }
    }
}
