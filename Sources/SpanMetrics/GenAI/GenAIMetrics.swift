import OTLP
import Synchronization
import TraceStorage

/// Calls of models, runs of tools, tokens and cost, counted as spans arrive: as series for Prometheus and as records
/// that ``UsageLog`` keeps.
///
/// A call is counted once, some seconds after its last span, see ``GenAIConfiguration``.
package final class GenAIMetrics: Derivation {
    package let configuration: GenAIConfiguration
    package let log: UsageLog
    private let pricing: Mutex<CostModels>
    private let state: Mutex<GenAIState>
    /// The day on which old records were last removed.
    private let retainedDay = Atomic<UInt64>(0)
    /// The day of the last batch before the checkpoint before.
    private let checkpointDay = Atomic<UInt64>(0)
    private let seed: UInt64

    /// - Parameter seed: Of the hash tables; benchmarks choose it.
    package init(
        _ configuration: GenAIConfiguration, costs: CostModel, log: UsageLog, seed: UInt64 = .random(in: 0...(.max))
    ) {
        self.configuration = configuration
        pricing = Mutex(CostModels(costs))
        self.log = log
        self.seed = seed
        state = Mutex(GenAIState(configuration, seed: seed))
    }

    package var position: JournalPosition { state.withLock { $0.position } }

    package var statistics: GenAIStatistics { state.withLock { $0.statistics } }

    /// Spans that wait at `now` (unix nanoseconds), also where no batch has come for a while.
    package func pendingSpans(at now: UInt64) -> Int { state.withLock { $0.collector.pendingSpans(at: now) } }

    /// How calls that are counted now are priced.
    package var costs: CostModel { costModels.now }

    private var costModels: CostModels { pricing.withLock { $0 } }

    /// Prices calls by others whose wait is over at `now` (unix nanoseconds) or later. What was counted stays as it is.
    package func use(_ costs: CostModel, at now: UInt64) {
        state.withLock { state in
            state.collector.partings = pricing.withLock { pricing in
                pricing.use(costs, at: now)
                return pricing.changes
            }
        }
    }

    package func record(_ batch: StoredBatch) {
        // Both locks, so that a record is at each moment either waiting or in the log.
        state.withLock { state in
            let costs = self.costModels
            log.withAppender(at: batch.position) { appender in
                // What the log has was found as was configured then.
                if appender.isNew { state.collector.useConfiguredTiming() }
                state.record(batch, costs, &appender)
            }
        }
    }

    /// All series as they are at `now` (unix nanoseconds): with the calls whose wait is over by then.
    package func snapshot(now: UInt64) -> GenAISnapshot {
        state.withLock { $0 }.snapshot(now: now, costModels)
    }

    /// Calls `body` with every record of a range of time, those of calls whose wait is not over included. Blocks on
    /// files. Stops early when `body` says so, or `goesOn`, which is asked now and then.
    ///
    /// - Returns: Parts of files that were passed over because they do not check.
    /// - Throws: ``CheckpointError`` for files that cannot be read.
    package func forEachRecord(
        in range: TimeRange, goesOn: () -> Bool = { true }, _ body: (UsageRecord) -> Bool
    ) throws(CheckpointError) -> Int {
        let (state, log) = state.withLock { ($0, self.log.snapshot()) }
        var isStopped = false
        let damaged = try self.log.forEach(
            in: range, at: log, names: configuration.attribution.map(\.name), goesOn: goesOn
        ) { record in
            isStopped = !body(record)
            return !isStopped
        }
        for record in state.waitingRecords(costModels) where !isStopped && range.contains(record.time) {
            isStopped = !body(record)
        }
        return damaged
    }

    /// As ``forEachRecord(in:goesOn:_:)``, but what is in the log comes as payloads of ``UsageChunk`` that may have
    /// records of the range.
    func forEachPayload(
        in range: TimeRange, goesOn: () -> Bool, _ body: ([UInt8]) -> (isWhole: Bool, goesOn: Bool),
        waiting: (UsageRecord) -> Void
    ) throws(CheckpointError) -> Int {
        let (state, log) = state.withLock { ($0, self.log.snapshot()) }
        var isStopped = false
        let damaged = try self.log.forEachPayload(
            in: range, at: log, names: configuration.attribution.map(\.name), goesOn: goesOn
        ) { payload in
            let outcome = body(payload)
            isStopped = !outcome.goesOn
            return outcome
        }
        for record in state.waitingRecords(costModels) where !isStopped && range.contains(record.time) {
            waiting(record)
        }
        return damaged
    }

    // MARK: checkpoint

    package let checkpointName = "gen_ai"

    package func open() throws(CheckpointError) { try log.open() }

    package func prepareCheckpoint() throws(CheckpointError) {
        let day = state.withLock { $0.collector.lastReceivedAt } / 86_400_000_000_000
        // A clock that is far ahead for a moment makes no file of another time, and removes none.
        let before = checkpointDay.exchange(day, ordering: .relaxed)
        do throws(FileError) {
            try log.flush(day: before == 0 ? day : min(before, day), names: configuration.attribution.map(\.name))
            guard before == day else { return }
            log.packNext()
            let isNewDay = retainedDay.exchange(day, ordering: .relaxed) != day
            guard isNewDay || log.isOver(bytesMax: configuration.retentionBytes) else { return }
            try log.retain(
                from: day - min(day, configuration.retentionNanoseconds / 86_400_000_000_000),
                bytesMax: configuration.retentionBytes)
        } catch { throw .io(error) }
    }

    package func checkpointSection() -> CheckpointSection {
        state.withLock { $0 }.checkpointSection(name: checkpointName)
    }

    package func restore(_ section: CheckpointSection) throws(CheckpointError) -> RestoreOutcome {
        let restored = try GenAIState.restored(from: section, configuration, seed: seed)
        state.withLock { $0 = restored.state }
        return restored.outcome
    }
}

/// Counts for the collector's telemetry about itself; they begin at zero with the process.
package struct GenAIStatistics: Hashable, Sendable {
    /// Calls of models that were counted.
    package var calls: UInt64 = 0
    /// Spans about calls that had been counted before.
    package var lateSpans: UInt64 = 0
    /// Traces that were counted before their time, for want of room.
    package var tracesSettledEarly: UInt64 = 0
    /// Calls with tokens whose model has no price.
    package var unpricedCalls: UInt64 = 0
    /// Spans that waited after the last batch.
    package var pendingSpans = 0
    /// Series held now.
    package var series = 0
}

/// What ``GenAIMetrics`` guards.
struct GenAIState: Sendable {
    let configuration: GenAIConfiguration
    var position = JournalPosition.beginning
    var collector: GenAICollector
    var totals: GenAITotals

    init(_ configuration: GenAIConfiguration, seed: UInt64) {
        self.configuration = configuration
        collector = GenAICollector(configuration)
        totals = GenAITotals(configuration, seed: seed)
    }

    var statistics: GenAIStatistics {
        var result = totals.counts
        result.tracesSettledEarly = collector.tracesSettledEarly
        result.pendingSpans = collector.pendingSpans
        result.series = totals.tenants.values.reduce(0) { $0 + $1.count }
        return result
    }

    mutating func record(_ batch: StoredBatch, _ costs: CostModels, _ usage: inout some UsageSink) {
        guard batch.position > position else { return }
        position = batch.position
        guard configuration.isEnabled else { return }
        Self.add(batch, &collector, &totals, costs, &usage)
    }

    func snapshot(now: UInt64, _ costs: CostModels) -> GenAISnapshot {
        var totals = totals
        var nowhere = NoUsage()
        collector.due(at: now) { totals.count($1, of: $0, $2, costs, &nowhere) }
        return GenAISnapshot(tenants: totals.tenants)
    }

    /// The records that would come if nothing more arrived.
    func waitingRecords(_ costs: CostModels) -> [UsageRecord] {
        var copy = self
        var usage = UsageRecords()
        Self.finish(&copy.collector, &copy.totals, costs, &usage)
        return usage.records
    }

    // Collector and totals apart, as one is changed while the other gives.

    private static func add(
        _ batch: StoredBatch, _ collector: inout GenAICollector, _ totals: inout GenAITotals, _ costs: CostModels,
        _ usage: inout some UsageSink
    ) {
        collector.take(batch) { totals.count($1, of: $0, $2, costs, &usage) }
    }

    private static func finish(
        _ collector: inout GenAICollector, _ totals: inout GenAITotals, _ costs: CostModels,
        _ usage: inout some UsageSink
    ) {
        collector.takeAll { totals.count($1, of: $0, $2, costs, &usage) }
    }
}
