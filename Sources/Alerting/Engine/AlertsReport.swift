/// Everything there is to say about alerts at one moment. Times in unix nanoseconds.
package struct AlertsReport: Sendable {
    package struct Rule: Sendable {
        package var rule: AlertRule
        /// The worst of its alerts' states; nil when there is none.
        package var state: Alert.State?
        package var alerts: Int
        package var groupsOverLimit: Int
        /// When it was last evaluated; nil when never.
        package var evaluatedAt: UInt64?
        /// Why it could not be evaluated the last time.
        package var problem: String?
    }

    package struct Notifier: Sendable {
        package var id: String
        package var kind: String
        package var queued: Int
        package var sent: UInt64
        package var retried: UInt64
        package var refused: UInt64
        package var expired: UInt64
        package var dropped: UInt64
        package var lastSuccess: UInt64?
        package var lastErrorAt: UInt64?
        package var lastError: String?

        /// Whether the last attempt succeeded, or there was none.
        package var isHealthy: Bool { (lastErrorAt ?? 0) <= (lastSuccess ?? 0) }
    }

    package struct ActiveAlert: Sendable {
        package var alert: Alert
        package var isSilenced: Bool
    }

    package struct ActiveSilence: Sendable {
        package var silence: Silence
        package var isActive: Bool
    }

    package var rules: [Rule] = []
    package var alerts: [ActiveAlert] = []
    package var silences: [ActiveSilence] = []
    package var notifiers: [Notifier] = []
    /// From new to old.
    package var incidents: [Incident] = []

    package init() {}
}

/// Counts since the start, for the collector's metrics about itself.
package struct AlertStatistics: Sendable {
    package var evaluations: UInt64 = 0
    /// Evaluations of a rule that came to nothing because its numbers could not be had.
    package var failedEvaluations: UInt64 = 0
    package var failedSaves: UInt64 = 0

    package init() {}
}
