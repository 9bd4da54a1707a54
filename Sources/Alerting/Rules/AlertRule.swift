/// One rule of `alerts.rules`: what is looked at, when it is bad, and whom to tell. Times in nanoseconds.
package struct AlertRule: Sendable, Equatable {
    package enum Direction: String, Sendable { case above, below }

    /// A value, or a factor of what the value was before.
    package struct Threshold: Sendable, Equatable {
        package var direction: Direction
        package var value: Double

        package init(_ direction: Direction, _ value: Double) {
            self.direction = direction
            self.value = value
        }

        package func isMet(by value: Double) -> Bool {
            direction == .above ? value > self.value : value < self.value
        }
    }

    package enum Period: String, Sendable, CaseIterable { case day, month }

    /// What may be used in a day or a month.
    package struct Budget: Sendable, Equatable {
        package var amount: Double
        package var period: Period
        /// Shares of the amount that are told of, ascending.
        package var steps: [Double]

        package init(amount: Double, period: Period, steps: [Double] = [0.8, 0.9, 1]) {
            self.amount = amount
            self.period = period
            self.steps = steps
        }
    }

    package enum Condition: Sendable, Equatable {
        case threshold(Threshold)
        /// The value as a factor of that of the same window so long ago.
        case baseline(Threshold, offset: UInt64)
        case budget(Budget)
    }

    package var name: String
    package var metric: AlertMetric
    package var condition: Condition
    package var matchers: [LabelMatcher] = []
    /// Labels by which alerts are told apart.
    package var groupings: [String] = []
    /// The range of time that a value is of.
    package var window: UInt64 = 300 * AlertClock.second
    /// How many requests or calls a value must be made of.
    package var minCount = 0.0
    /// Beside a baseline: the least value that is worth a word.
    package var minValue: Double?
    /// `for`: how long the condition must hold before the alert fires.
    package var holdFor: UInt64 = 0
    /// How long it must not hold before a firing alert ends.
    package var keepFiringFor: UInt64 = 0
    /// After the end was told of: how long nothing is said about the same alert.
    package var cooldown: UInt64 = 0
    package var severity = AlertSeverity.warning
    package var labels = AlertLabels()
    package var annotations: [String: String] = [:]
    /// Names of notifiers; nil for all.
    package var notifiers: [String]?

    package init(name: String, metric: AlertMetric, condition: Condition) {
        self.name = name
        self.metric = metric
        self.condition = condition
    }

    package var budget: Budget? {
        if case .budget(let budget) = condition { budget } else { nil }
    }

    package var baselineOffset: UInt64? {
        if case .baseline(_, let offset) = condition { offset } else { nil }
    }

    /// The number that a value is compared with, or the factor, or the amount of a budget.
    package var thresholdValue: Double {
        switch condition {
        case .threshold(let threshold), .baseline(let threshold, _): threshold.value
        case .budget(let budget): budget.amount
        }
    }

    /// The labels of an alert of a group: the group's, those that a matcher fixes, the rule's own, name and severity.
    package func alertLabels(group: AlertLabels) -> AlertLabels {
        var result = group
        for matcher in matchers where matcher.comparison == .equal && result[matcher.name] == nil {
            result[matcher.name] = matcher.value
        }
        for (name, value) in labels.values { result[name] = value }
        result["alertname"] = name
        result["severity"] = severity.rawValue
        return result
    }
}

/// Alerts are by the wall clock, in unix nanoseconds, unlike what is derived from spans.
package enum AlertClock {
    package static let second: UInt64 = 1_000_000_000
    package static let day: UInt64 = 86_400 * second
}
