import SpanMetrics

/// `alerts`: rules, whom to tell, and when not to. Durations in nanoseconds.
package struct AlertsConfiguration: Sendable, Equatable {
    /// `interval`: time between two evaluations of the rules.
    package var interval = 15 * AlertClock.second
    /// `external_url`: what links in notices begin with, without a slash at the end; nil for the query listener's address.
    package var externalURL: String?
    /// `group_by`: labels; alerts that agree in them are told of together.
    package var groupBy = ["alertname"]
    /// `group_wait`: how long the first notice of a group waits for more alerts.
    package var groupWait = 30 * AlertClock.second
    /// `group_interval`: time between two notices of one group.
    package var groupInterval = 300 * AlertClock.second
    /// `repeat_interval`: after which a notice about alerts that still fire is sent again.
    package var repeatInterval = 4 * 3_600 * AlertClock.second
    /// `max_groups`: groups of one rule; further ones are left out and counted.
    package var groupsMax = 500
    package var rules: [AlertRule] = []
    package var notifiers: [NotifierConfiguration] = []
    package var silences: [Silence] = []
    /// `query.time_zone`: where days and months of budgets begin.
    package var calendar = AlertCalendar.utc
    /// How labels stand in spans.
    package var fields = SpanFields()

    package init() {}

    /// Whether there is anything to do.
    package var isEnabled: Bool { !rules.isEmpty || !notifiers.isEmpty }

    /// A rule is looked at in every evaluation, and the page lists them all.
    package static let rulesMax = 200
    package static let notifiersMax = 20
    package static let silencesMax = 1_000
}

/// A time during which nothing is said about some alerts.
package struct Silence: Sendable, Equatable {
    package var matchers: [LabelMatcher]
    /// Unix nanoseconds; 0 for always before, the largest number for always after.
    package var start: UInt64
    package var end: UInt64
    package var comment = ""

    package init(matchers: [LabelMatcher], start: UInt64 = 0, end: UInt64 = .max, comment: String = "") {
        self.matchers = matchers
        self.start = start
        self.end = end
        self.comment = comment
    }

    package func isActive(at now: UInt64) -> Bool { now >= start && now < end }

    package func mutes(_ labels: AlertLabels, at now: UInt64) -> Bool {
        isActive(at: now) && matchers.allSatisfy { $0.matches(labels) }
    }
}
