import Alerting
import Dispatch
import EmbeddedStore
import HTTPServing
import Hummingbird
import Journal
import Logging
import OTLP
import SpanMetrics
import Synchronization
import TraceStorage

/// A whole collector but for its query side: receivers, journal, store, derivation, exporters and what it says about
/// itself. `start()` once, `shutdown()` once.
package final class Collector: Sendable {
    /// Why a collector could not start.
    package struct StartError: Error, CustomStringConvertible {
        package let description: String

        init(_ error: any Error) { description = "\(error)" }
    }

    package let configuration: CollectorConfiguration
    package let metrics = SelfMetrics()
    package let health: CollectorHealth
    package let red: REDMetrics
    /// The store's reading side, for queries.
    package var reader: any TraceReader { store }

    private let journal: Journal
    private let store: EmbeddedStore
    private let serviceGraph: ServiceGraph
    private let genAI: GenAIMetrics
    private let derived: DerivedState
    private let storeFeeder: StoreFeeder
    private let storeMerger: StoreMerger
    private let derivationFeeder: DerivationFeeder
    private let exporters: RunningExporters
    private let derivedMetrics: DerivedMetrics
    private let memoryLimiter: MemoryLimiter
    private let listeners: CollectorListeners
    private let alerts: RunningAlerts
    private let alertSources: CollectorAlerts
    private let threads = Mutex<[WorkerThread]>([])
    private let limiterStop = StopSignal()
    private let logger: Logger
    /// Where the journal ended when it was opened.
    private let replayEnd: JournalPosition

    /// Opens the data directory and repairs what a crash left; blocks while it does.
    ///
    /// - Parameter announce: Is given the line that tells of each listener.
    package init(
        _ configuration: CollectorConfiguration, logger: Logger, announce: @escaping @Sendable (String) -> Void
    ) throws(StartError) {
        self.configuration = configuration
        self.logger = logger
        do {
            let parts = try CollectorParts(configuration, metrics: metrics, logger: logger)
            journal = parts.journal
            store = parts.store
            red = parts.red
            serviceGraph = parts.serviceGraph
            genAI = parts.genAI
            derived = parts.derived
            replayEnd = parts.journal.metrics().end
            storeFeeder = StoreFeeder(
                store: parts.store,
                reader: try parts.journal.reader(
                    "store", policy: .mustNotSkip, cursor: .external(parts.store.durablePosition)),
                logger: logger)
            storeMerger = StoreMerger(store: parts.store, logger: logger)
            derivationFeeder = DerivationFeeder(
                state: parts.derived,
                reader: try parts.journal.reader(
                    "derive", policy: .mustNotSkip, cursor: .external(parts.derived.replayPosition)),
                journalBytesMax: configuration.storage.journalBytesMax, logger: logger)
            let derivedMetrics = DerivedMetrics(
                red: parts.red, serviceGraph: parts.serviceGraph, genAI: parts.genAI, feeder: derivationFeeder,
                replayEnd: replayEnd, openedAt: ProcessStatistics.now())
            self.derivedMetrics = derivedMetrics
            exporters = try RunningExporters(
                configuration,
                ExporterSources(
                    journal: parts.journal, derived: derivedMetrics,
                    pushInterval: .nanoseconds(Int64(clamping: configuration.spanMetrics.flushIntervalNanoseconds)),
                    exemplarsPerPointMax: configuration.spanMetrics.exemplarsPerPointMax, metrics: metrics,
                    logger: logger))
        } catch {
            throw StartError(error)
        }
        memoryLimiter = MemoryLimiter(configuration.memoryLimiter)
        let ingest = Ingest(journal: journal, memoryLimiter: memoryLimiter)
        health = CollectorHealth { [storeFeeder] in ingest.currentRefusal ?? storeFeeder.currentFailure }
        listeners = CollectorListeners(
            configuration, ingest: ingest, metrics: metrics, logger: logger, announce: announce)
        alertSources = CollectorAlerts(
            journal: journal, store: store, health: health, metrics: metrics,
            exporters: { [exporters] in exporters.forwarderIDs }, journalBytesMax: configuration.storage.journalBytesMax
        )
        do {
            alerts = RunningAlerts(
                try Self.engine(
                    configuration.alerts, try CollectorAlerts.senders(configuration.alerts), of: alertSources,
                    configuration.storage.directory, red, genAI, derivationFeeder, replayEnd, logger))
        } catch {
            throw StartError(error)
        }
        if configuration.alerts.isEnabled { alertSources.observe(alerts) }
        observe()
    }

    private static func engine(
        _ alerts: AlertsConfiguration, _ senders: CollectorAlerts.Senders, of sources: CollectorAlerts,
        _ directory: String, _ red: REDMetrics, _ genAI: GenAIMetrics, _ feeder: DerivationFeeder,
        _ replayEnd: JournalPosition, _ logger: Logger
    ) throws -> AlertEngine? {
        try sources.engine(
            alerts, senders, directory: directory + "/alerts",
            red: { feeder.hasPassed(replayEnd) ? red.snapshot() : nil },
            genAI: { feeder.hasPassed(replayEnd) ? genAI : nil }, logger: logger)
    }

    /// Why another configuration is not used, or not all of it.
    package enum ReloadError: Error {
        /// Everything is as it was.
        case refused(reason: String)
        /// All is used but alerts, which have ended.
        case alertsEnded(reason: String)
    }

    /// Has exporters, the memory limiter, rules, notifiers and silences, and what calls cost that are counted from now
    /// on, be those of another configuration; all else stays as at the start.
    ///
    /// What is known of alerts stays: those of rules that are gone end. Exporters that are the same run on, one that
    /// changes goes on behind what its target has taken, the place in the journal of one that is gone is forgotten.
    /// Blocks until an evaluation of alerts that is under way is over, and, for `shutdown_timeout` at most, until
    /// requests of exporters that change are answered. To be called by one thread at a time, after ``start()``.
    package func use(_ new: CollectorConfiguration) throws(ReloadError) {
        let change: ExporterChange
        let senders: CollectorAlerts.Senders
        do { change = try exporters.change(to: new) } catch { throw .refused(reason: "\(error)") }
        do { senders = try CollectorAlerts.senders(new.alerts) } catch {
            change.discard()
            throw .refused(reason: "\(error)")
        }
        genAI.use(new.genAI.costs, at: ProcessStatistics.now())
        memoryLimiter.use(new.memoryLimiter)
        listeners.use(new.memoryLimiter)
        let failure = replaceAlerts(new.alerts, senders)
        exporters.use(change, patience: configuration.shutdownTimeout)
        if let failure { throw .alertsEnded(reason: "\(failure)") }
    }

    /// Gives what stands in the way of other alerts.
    private func replaceAlerts(_ new: AlertsConfiguration, _ senders: CollectorAlerts.Senders) -> (any Error)? {
        let isFirst = alerts.engine == nil
        do {
            try alerts.replace {
                try Self.engine(
                    new, senders, of: alertSources, configuration.storage.directory, red, genAI, derivationFeeder,
                    replayEnd, logger)
            }
        } catch { return error }
        if isFirst, alerts.engine != nil, !metrics.has("skein_alerts") { alertSources.observe(alerts) }
        return nil
    }

    /// What calls of models cost that are counted now.
    package var costs: CostModel { genAI.costs }

    /// Starts all parts and returns when spans are taken. What was in the journal may still be on its way into store
    /// and metrics; see ``hasCaughtUp``. After an error ``shutdown(timeout:)`` gives back what was started.
    package func start() async throws(StartError) {
        do {
            try listeners.add(
                health: HealthEndpoint(health: health).router(),
                selfMetrics: MetricsEndpoint { [metrics] format, sink in
                    sink(metrics.exposition(format))
                    return true
                }.router(),
                spanMetrics: MetricsEndpoint { [weak self] format, sink in
                    guard let self, self.derivedMetrics.isReady else { return false }
                    self.scrape(format, sink)
                    return true
                }.router())
            try journal.start()
            try startThreads()
            try await listeners.start()
        } catch {
            throw StartError(error)
        }
        health.set(.ready)
    }

    /// A scrape of everything that is derived from spans, part by part.
    private func scrape(_ format: ExpositionFormat, _ sink: MetricsEndpoint.Sink) {
        withoutActuallyEscaping(sink) { sink in
            var writer = PrometheusTextWriter(format: format, sink: sink)
            derivedMetrics.write(to: &writer)
            writer.finish()
        }
    }

    /// Calls of models, tokens and cost; nil until what the journal held at the start is counted, before which some of
    /// it would be there twice.
    package var countedGenAI: GenAIMetrics? { derivationFeeder.hasPassed(replayEnd) ? genAI : nil }

    /// Rules, alerts, notifiers and incidents; nothing of them when no alerts are configured.
    package var alertsReport: AlertsReport { alerts.engine?.report ?? AlertsReport() }

    /// Whether everything that the journal held at the start is stored and counted.
    package var hasCaughtUp: Bool {
        storeFeeder.hasPassed(replayEnd) && derivationFeeder.hasPassed(replayEnd)
    }

    private func startThreads() throws(WorkerThread.StartError) {
        try startThread("store") { [storeFeeder] in storeFeeder.run() }
        try startThread("merge") { [storeMerger] in storeMerger.run() }
        try startThread("derive") { [derivationFeeder] in derivationFeeder.run() }
        exporters.start()
        try alerts.start()
        try startThread("memory_limiter") { [memoryLimiter, limiterStop] in
            repeat { memoryLimiter.check() } while !limiterStop.wait(memoryLimiter.checkInterval)
        }
    }

    private func startThread(
        _ name: String, _ body: @escaping @Sendable () -> Void
    ) throws(WorkerThread.StartError) {
        let thread = try WorkerThread(name, body)
        threads.withLock { $0.append(thread) }
    }

    /// Stops taking spans, answers what is under way, and brings what was taken to store, metrics and targets within
    /// `shutdown_timeout`. What a target does not take in time stays in the journal for the next start.
    ///
    /// May be called more than once, and before the start.
    ///
    /// - Parameter timeout: Instead of `shutdown_timeout`; zero leaves the rest of the journal to the next start.
    package func shutdown(timeout: Duration? = nil) async {
        health.set(.draining)
        let timeout = timeout ?? configuration.shutdownTimeout
        let begin = ContinuousClock.now
        // Half of the time: a client that does not finish its request must not take it all from the targets.
        await listeners.stopReceiving(deadline: begin + timeout / 2)
        await journal.drain()
        limiterStop.set()
        alerts.requestStop()
        storeMerger.requestStop()
        exporters.requestEnd()
        await Self.onThread { [self] in finishThreads(deadline: begin + timeout, timeout) }
        exporters.shutdown()
        await journal.shutdown()
        await listeners.stopServing(deadline: .now + .seconds(1))
    }

    /// Seconds that a part may take to stop after it was told to: a block is sealed in a fraction of one.
    private static let stopSeconds = 5

    /// Waits until all threads have done their work, and stops them where they are at the deadline. Blocks.
    private func finishThreads(deadline: ContinuousClock.Instant, _ timeout: Duration) {
        let threads = threads.withLock { $0 }
        let rest = max(.zero, ContinuousClock.now.duration(to: deadline)).nanosecondsClamped
        let end = DispatchTime.now() + .nanoseconds(Int(rest))
        if threads.allSatisfy({ $0.join(until: end) }), exporters.join(until: end), alerts.join(until: end) {
            if timeout > .zero { exporters.pushLast() }
            return
        }
        if timeout > .zero {
            logger.warning(
                "shutdown_timeout is over; what is not forwarded yet stays in the journal",
                metadata: ["timeout": "\(GoDuration.text(timeout))"])
        }
        storeFeeder.requestStop()
        derivationFeeder.requestStop()
        exporters.stop()
        for thread in threads where !thread.join(until: .now() + .seconds(Self.stopSeconds)) {
            logger.error("a part did not stop", metadata: ["part": "\(thread.name)"])
        }
        if !alerts.join(until: .now() + .seconds(Self.stopSeconds)) {
            logger.error("a part did not stop", metadata: ["part": "alerts"])
        }
    }

    /// Runs blocking work on a thread of its own and waits for it without blocking a task's thread.
    private static func onThread(_ body: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { continuation in
            let started = try? WorkerThread("shutdown") {
                body()
                continuation.resume()
            }
            if started == nil {
                body()
                continuation.resume()
            }
        }
    }

    private func observe() {
        CollectorObservations(
            journal: journal, store: store, red: red, serviceGraph: serviceGraph, genAI: genAI, health: health,
            directory: configuration.storage.directory, journalBytesMax: configuration.storage.journalBytesMax,
            countedUntil: { [derivationFeeder] in derivationFeeder.countedUntil }
        ).register(with: metrics)
    }
}
