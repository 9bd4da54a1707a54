import OTLP

/// What a rule says about one of its groups, from the moment its condition holds until it has ended.
package struct Alert: Sendable, Equatable {
    package enum State: String, Sendable {
        /// The condition holds, not for long enough yet.
        case pending
        case firing
    }

    /// What stays the same as long as an alert lasts.
    package struct Key: Hashable, Sendable {
        package var rule: String
        package var group: AlertLabels

        package init(rule: String, group: AlertLabels) {
            self.rule = rule
            self.group = group
        }
    }

    package var key: Key
    /// With name and severity.
    package var labels: AlertLabels
    /// As the rule has them, filled in.
    package var annotations: [String: String] = [:]
    package var severity = AlertSeverity.warning
    package var state = State.pending
    /// Unix nanoseconds, as all times.
    package var activeAt: UInt64
    package var firingAt: UInt64?
    /// When the condition held last.
    package var lastMetAt: UInt64
    package var value: Double
    package var baseline: Double?
    package var threshold: Double
    /// The value and what is asked of it, in words.
    package var valueText = ""
    package var conditionText = ""
    /// The step of a budget that was reached, by its place and in words.
    package var step: Int?
    package var stepText: String?
    package var period: UInt64?
    /// The incident that the alert is, 0 before it fires.
    package var incident: UInt64 = 0
    /// Traces that show it.
    package var examples: [TraceID] = []
    package var queryURL = ""

    package init(key: Key, labels: AlertLabels, at now: UInt64, value: Double, threshold: Double) {
        self.key = key
        self.labels = labels
        activeAt = now
        lastMetAt = now
        self.value = value
        self.threshold = threshold
    }

    /// Stands for the alert elsewhere: the same for the same rule and group.
    package var fingerprint: String {
        var labels = key.group
        labels["alertname"] = key.rule
        return labels.fingerprint
    }

    /// Whether it is told of once for each step, and not again as long as it lasts.
    package var isBudget: Bool { period != nil }
}

/// An alert that fired, kept after its end.
package struct Incident: Sendable, Equatable {
    package var id: UInt64
    package var rule: String
    package var fingerprint: String
    package var labels: AlertLabels
    package var severity: AlertSeverity
    package var start: UInt64
    /// Nil while it lasts.
    package var end: UInt64?
    /// The worst value seen.
    package var peak: Double
    package var value: Double
    package var threshold: Double
    package var summary: String
    package var conditionText: String
    package var examples: [TraceID] = []
    package var queryURL = ""
}
