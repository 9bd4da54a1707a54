import OTLP

/// What is told to somebody about alerts of one group. Complete in itself, so that it can wait and survive a restart.
package struct Notice: Sendable, Equatable {
    /// An alert as it was when the notice was made.
    package struct Entry: Sendable, Equatable {
        package var labels: AlertLabels
        package var annotations: [String: String]
        package var severity: AlertSeverity
        package var fingerprint: String
        /// Unix nanoseconds.
        package var start: UInt64
        /// Nil while it fires.
        package var end: UInt64?
        package var valueText: String
        package var conditionText: String
        package var stepText: String?
        package var examples: [TraceID]
        package var queryURL: String

        package var summary: String { annotations["summary"] ?? labels["alertname"] ?? "" }
        package var isFiring: Bool { end == nil }
    }

    /// Alerts in one notice; how many more there were is said.
    package static let entriesMax = 50

    package var id: UInt64
    package var notifier: String
    /// The labels that all of them share, by which they are told of together.
    package var groupLabels: AlertLabels
    package var entries: [Entry]
    package var truncated = 0
    package var createdAt: UInt64

    package var isFiring: Bool { entries.contains(where: \.isFiring) }
    package var severity: AlertSeverity { entries.map(\.severity).max() ?? .info }
}

extension Notice.Entry {
    init(_ alert: Alert, end: UInt64?) {
        labels = alert.labels
        annotations = alert.annotations
        severity = alert.severity
        fingerprint = alert.fingerprint
        start = alert.firingAt ?? alert.activeAt
        self.end = end
        valueText = alert.valueText
        conditionText = alert.conditionText
        stepText = alert.stepText
        examples = alert.examples
        queryURL = alert.queryURL
    }
}
