import SpanMetrics
import TraceStorage

/// What RED rules look at, in the words of rules: labels of series and the fields of stored spans they stand for.
enum SpanNumbers {
    /// The name that a rule has for a label of a series.
    static func name(of label: String) -> String {
        switch label {
        case "service_name": "service"
        case "span_name": "operation"
        case "span_kind": "kind"
        case "status_code": "status"
        default: label
        }
    }

    /// `SPAN_KIND_SERVER` is `server`.
    static func value(_ value: String, of label: String) -> String {
        switch label {
        case "span_kind": value.dropping("SPAN_KIND_").lowercased()
        case "status_code": value.dropping("STATUS_CODE_").lowercased()
        default: value
        }
    }

    static let kinds = ["unspecified", "internal", "server", "client", "producer", "consumer"]
    static let statuses = ["unset", "ok", "error"]

    /// The value of a rule's metric; nil where there is nothing to say about it.
    ///
    /// - Parameter isWhole: The counts are of the whole window; of a part of it nobody can say that there is too little.
    static func value(
        of rule: AlertRule, _ counts: CounterWindow.Counts, bounds: [Double], isWhole: Bool = true
    ) -> Double? {
        let calls = Double(counts.calls)
        if rule.metric == .requestRate {
            guard isWhole || !rule.looksForLess else { return nil }
            return calls >= rule.minCount ? calls / (Double(rule.window) / 1e9) : nil
        }
        guard calls > 0, calls >= rule.minCount else { return nil }
        if let quantile = rule.metric.quantile {
            return BucketQuantile.value(quantile, counts: counts.buckets, bounds: bounds)
        }
        return Double(counts.errors) / calls
    }
}

extension AlertRule {
    /// Whether a small value is what the rule warns of.
    var looksForLess: Bool {
        switch condition {
        case .threshold(let threshold), .baseline(let threshold, _): threshold.direction == .below
        case .budget: false
        }
    }

    /// The labels by which this rule groups, of all that something has; nil when it is none of the rule's.
    func group(of labels: AlertLabels) -> AlertLabels? {
        guard matchers.allSatisfy({ $0.matches(labels) }) else { return nil }
        return grouping(of: labels)
    }

    func grouping(of labels: AlertLabels) -> AlertLabels {
        var group = AlertLabels()
        for name in groupings { group[name] = labels[name] }
        return group
    }
}

extension String {
    fileprivate func dropping(_ prefix: String) -> String {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : self
    }
}
