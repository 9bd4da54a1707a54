import SpanMetrics
import TraceStorage

/// Where rules get their numbers from. Nil means that they are not known yet, because the journal is being replayed;
/// states then stay as they are.
package struct AlertSources: Sendable {
    package var red: @Sendable () -> REDSnapshot?
    /// Calls of models and runs of tools.
    package var genAI: @Sendable () -> GenAIMetrics?
    /// For baselines and for traces that show what an alert is about.
    package var store: any TraceReader
    package var collector: @Sendable () -> CollectorReading

    package init(
        red: @escaping @Sendable () -> REDSnapshot?, genAI: @escaping @Sendable () -> GenAIMetrics?,
        store: any TraceReader, collector: @escaping @Sendable () -> CollectorReading
    ) {
        self.red = red
        self.genAI = genAI
        self.store = store
        self.collector = collector
    }
}

/// How the collector is.
package struct CollectorReading: Sendable {
    package struct Forwarder: Sendable {
        /// The exporter's id.
        package var name: String
        /// How long ago what waits longest was received.
        package var queueAgeSeconds: Double
        /// Spans that the exporter did not deliver for good, since the start.
        package var lostSpans: UInt64

        package init(name: String, queueAgeSeconds: Double, lostSpans: UInt64) {
            self.name = name
            self.queueAgeSeconds = queueAgeSeconds
            self.lostSpans = lostSpans
        }
    }

    package var forwarders: [Forwarder] = []
    /// Why requests are refused now; nil when they are taken.
    package var refusal: String?
    /// The part of the journal's cap that store or derivation hold, 0 to 1.
    package var journalFill = 0.0
    /// Blocks of the store that were put aside.
    package var damagedBlocks = 0

    package init() {}
}

/// What a rule's evaluation came to.
package struct RuleResult: Sendable {
    package enum Outcome: Sendable {
        /// A group that is not here does not meet the condition. While a window is not known as a whole, as after a
        /// start, nothing is at an end for that.
        case measured([AlertMeasurement], isWhole: Bool = true)
        /// Nothing is known; everything stays as it is.
        case unknown(reason: String)
        /// It is not the rule's turn.
        case notDue
    }

    package let rule: Int
    package let outcome: Outcome
    /// Groups that were left out for want of room.
    package var groupsOverLimit = 0

    package init(rule: Int, _ outcome: Outcome, groupsOverLimit: Int = 0) {
        self.rule = rule
        self.outcome = outcome
        self.groupsOverLimit = groupsOverLimit
    }
}

/// The number of one group of a rule.
package struct AlertMeasurement: Sendable {
    package var group: AlertLabels
    package var value: Double
    /// What the value was at the time of the baseline.
    package var baseline: Double?
    package var isMet: Bool
    /// The step of the budget that was reached, by its place.
    package var step: Int?
    /// Where the budget's period begins.
    package var period: UInt64?
    /// Why, where the number does not say it.
    package var reason: String?

    package init(
        group: AlertLabels, value: Double, baseline: Double? = nil, isMet: Bool, step: Int? = nil,
        period: UInt64? = nil, reason: String? = nil
    ) {
        self.group = group
        self.value = value
        self.baseline = baseline
        self.isMet = isMet
        self.step = step
        self.period = period
        self.reason = reason
    }
}
