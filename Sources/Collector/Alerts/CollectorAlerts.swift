import Alerting
import CurlTransport
import EmbeddedStore
import Journal
import Logging
import SpanMetrics
import Synchronization
import TraceStorage

/// The built-in alerts of a collector: where their numbers come from, and what is told about them.
struct CollectorAlerts {
    let journal: Journal
    let store: EmbeddedStore
    let health: CollectorHealth
    let metrics: SelfMetrics
    /// Ids of those that forward spans now.
    let exporters: @Sendable () -> [String]
    let journalBytesMax: Int

    private static let userAgent = "Skein/\(SkeinVersion.current)"

    /// What brings notices to their receivers, by notifier.
    typealias Senders = [String: any NoticeSender]

    static func senders(_ configuration: AlertsConfiguration) throws -> Senders {
        var senders: Senders = [:]
        for notifier in configuration.notifiers {
            senders[notifier.id] = try notifier.sender(
                externalURL: configuration.externalURL ?? "", userAgent: userAgent, now: ProcessStatistics.now)
        }
        return senders
    }

    /// The engine; nil when nothing is configured.
    ///
    /// - Parameter red, genAI: Nil while the journal is being replayed.
    func engine(
        _ configuration: AlertsConfiguration, _ senders: Senders, directory: String,
        red: @escaping @Sendable () -> REDSnapshot?,
        genAI: @escaping @Sendable () -> GenAIMetrics?, logger: Logger
    ) throws -> AlertEngine? {
        guard configuration.isEnabled else { return nil }
        let sources = AlertSources(red: red, genAI: genAI, store: store, collector: reading)
        // There may have been nothing to do at the start.
        try POSIXFileSystem().createDirectory(directory)
        return try AlertEngine(
            configuration, sources: sources, directory: directory, senders: senders, now: ProcessStatistics.now,
            onEvent: Self.reporter(to: logger))
    }

    // MARK: the collector as rules see it

    private var reading: @Sendable () -> CollectorReading {
        let (journal, store, health, metrics) = (journal, store, health, metrics)
        let (exporters, journalBytesMax) = (exporters, journalBytesMax)
        return {
            var result = CollectorReading()
            let now = ProcessStatistics.now()
            let journal = journal.metrics()
            let lost = ExporterCounters.lostSpans(metrics)
            result.forwarders = exporters().map { exporter in
                let oldest = journal.readers.first { $0.name == "exporter/\(exporter)" }?.oldestReceivedAt
                return .init(
                    name: exporter, queueAgeSeconds: oldest.map { now > $0 ? Double(now - $0) / 1e9 : 0 } ?? 0,
                    lostSpans: lost[exporter] ?? 0)
            }
            result.refusal = health.refusal
            let held = journal.readers.filter { !$0.name.hasPrefix("exporter/") }.map(\.lagBytes).max() ?? 0
            result.journalFill = Double(held) / Double(max(1, journalBytesMax))
            result.damagedBlocks = store.statistics().gaps.count
            return result
        }
    }

    // MARK: metrics

    private typealias Sample = SelfMetrics.Sample

    /// Shows what the engine says that runs at the time; nothing while there is none.
    func observe(_ alerts: RunningAlerts) {
        metrics.observe("skein_alerts", "Alerts that are pending or firing.") {
            guard let engine = alerts.engine else { return [] }
            let alerts = engine.report.alerts.map(\.alert)
            let severities = Set(engine.configuration.rules.map(\.severity) + alerts.map(\.severity)).sorted()
            return severities.flatMap { severity in
                [Alert.State.firing, .pending].map { state in
                    let count = alerts.count { $0.severity == severity && $0.state == state }
                    return Sample(Double(count), ["state": state.rawValue, "severity": severity.rawValue])
                }
            }
        }
        let counters: [(String, String, @Sendable (AlertStatistics) -> UInt64)] = [
            ("skein_alert_evaluations", "Evaluations of all rules.", { $0.evaluations }),
            (
                "skein_alert_failed_evaluations", "Evaluations of a rule whose numbers could not be had.",
                { $0.failedEvaluations }
            ),
            ("skein_alert_failed_saves", "Times that the state of alerts could not be written.", { $0.failedSaves }),
        ]
        for (name, help, value) in counters {
            metrics.observe(name, help, .counter) { alerts.engine.map { [Sample(Double(value($0.statistics)))] } ?? [] }
        }
        metrics.observe("skein_alert_groups_over_limit", "Groups of a rule that are left out.") {
            (alerts.engine?.report.rules ?? []).map { Sample(Double($0.groupsOverLimit), ["rule": $0.rule.name]) }
        }
        metrics.observe("skein_alert_notifications", "Notices, by what became of them.", .counter) {
            (alerts.engine?.report.notifiers ?? []).flatMap { notifier in
                [
                    ("sent", notifier.sent), ("refused", notifier.refused), ("expired", notifier.expired),
                    ("dropped", notifier.dropped),
                ].map { Sample(Double($0.1), ["notifier": notifier.id, "result": $0.0]) }
            }
        }
        metrics.observe("skein_alert_notification_retries", "Attempts that will be repeated.", .counter) {
            (alerts.engine?.report.notifiers ?? []).map { Sample(Double($0.retried), ["notifier": $0.id]) }
        }
        metrics.observe("skein_alert_notification_queue_size", "Notices that wait for their notifier.") {
            (alerts.engine?.report.notifiers ?? []).map { Sample(Double($0.queued), ["notifier": $0.id]) }
        }
    }

    // MARK: the log

    private static func reporter(to logger: Logger) -> @Sendable (AlertEngine.Event) -> Void {
        let warnings = Mutex(RateLimitedWarning())
        return { event in
            switch event {
            case .stateDiscarded(let reason):
                logger.error("alerts begin anew", metadata: ["reason": "\(reason)"])
            case .saveFailed(let error):
                guard warnings.withLock({ $0.allow("save") }) != nil else { return }
                logger.error("cannot write the state of alerts, will try again", metadata: ["error": "\(error)"])
            case .ruleFailed(let rule, let reason):
                guard warnings.withLock({ $0.allow("rule " + rule) }) != nil else { return }
                logger.notice("a rule is not evaluated now", metadata: ["rule": "\(rule)", "reason": "\(reason)"])
            case .tooManyGroups(let over, let rule):
                guard warnings.withLock({ $0.allow("groups " + rule) }) != nil else { return }
                logger.warning(
                    "a rule has more groups than alerts.max_groups", metadata: ["rule": "\(rule)", "over": "\(over)"])
            case .notDelivered(let notifier, let reason, let isFinal):
                if isFinal {
                    logger.error(
                        "a notice was given up", metadata: ["notifier": "\(notifier)", "reason": "\(reason)"])
                } else if warnings.withLock({ $0.allow("notifier " + notifier) }) != nil {
                    logger.warning(
                        "a notice was not taken, will try again",
                        metadata: ["notifier": "\(notifier)", "reason": "\(reason)"])
                }
            case .fired(let alert):
                logger.warning(
                    "alert", metadata: ["labels": "\(alert.labels.text)", "value": "\(alert.valueText)"])
            case .ended(let alert):
                logger.notice("alert ended", metadata: ["labels": "\(alert.labels.text)"])
            }
        }
    }
}

extension ExporterCounters {
    /// Spans that each exporter did not deliver for good.
    fileprivate static func lostSpans(_ metrics: SelfMetrics) -> [String: UInt64] {
        var result: [String: UInt64] = [:]
        for family in metrics.families() where family.name == failedName {
            for sample in family.samples {
                guard let exporter = sample.labels.pairs.first(where: { $0.name == "exporter" })?.value else {
                    continue
                }
                result[exporter, default: 0] += UInt64(max(0, sample.value))
            }
        }
        return result
    }
}
