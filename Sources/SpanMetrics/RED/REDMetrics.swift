import OTLP
import Synchronization
import TraceStorage

/// Rate, errors and duration of every operation, counted as spans arrive.
///
/// The definition is that of the OpenTelemetry Collector's spanmetrics connector: every span of a resource that has a
/// `service.name` counts as its ``AdjustedCount`` into the series of its labels; a span that ends before it starts
/// has duration 0.
///
/// ``record(_:)`` is called from one thread in the order of journal positions; everything else from any. What a
/// batch adds depends on the batch alone, so a restart that restores the last checkpoint and replays the journal from
/// its position arrives at the same numbers, and no counter falls as long as nothing is served before the replay has
/// reached the journal's end as of the start.
package final class REDMetrics: Derivation {
    package let configuration: SpanMetricsConfiguration
    private let state: Mutex<REDState>
    private let seed: UInt64

    /// `seed` keeps the order of hash tables secret; tests may fix it, it shows nowhere.
    package init(
        _ configuration: SpanMetricsConfiguration = SpanMetricsConfiguration(), seed: UInt64 = .random(in: 0...(.max))
    ) throws(SpanMetricsConfigurationError) {
        try configuration.validate()
        self.configuration = configuration
        self.seed = seed
        state = Mutex(REDState(configuration: configuration, seed: seed))
    }

    /// The last batch that was counted.
    package var position: JournalPosition { state.withLock { $0.position } }

    /// What was counted and what was not since this object was made.
    package var statistics: REDStatistics {
        state.withLock { state in
            var result = state.statistics
            result.series = state.tenants.values.reduce(0) { $0 + $1.count }
            return result
        }
    }

    /// Counts a batch; one at or before ``position`` is passed over, so that a replay doubles nothing.
    ///
    /// - Complexity: O(spans), about 100 ns a span.
    package func record(_ batch: StoredBatch) {
        state.withLock { $0.record(batch) }
    }

    /// All series as they are now. Cheap to take; the next ``record(_:)`` copies the numbers if it is still held.
    ///
    /// - Parameter now: Unix nanoseconds up to which everything that was received is counted; series that are gone by
    ///   then are left out.
    package func snapshot(now: UInt64 = 0) -> REDSnapshot {
        state.withLock {
            REDSnapshot(
                position: $0.position, tenants: $0.tenants, configuration: configuration, startTime: $0.startTime,
                clock: max($0.clock, now))
        }
    }

    // MARK: checkpoint

    package let checkpointName = "red"

    package func checkpointSection() -> CheckpointSection {
        snapshot().checkpointSection(name: checkpointName)
    }

    package func restore(_ section: CheckpointSection) throws(CheckpointError) -> RestoreOutcome {
        let restored = try REDState.restored(from: section, configuration: configuration, seed: seed)
        state.withLock { $0 = restored.state }
        return restored.outcome
    }
}

/// Counts for the collector's telemetry about itself; they begin at zero with the process.
package struct REDStatistics: Hashable, Sendable {
    /// Spans that were counted, overflow included.
    package var spans: UInt64 = 0
    /// Spans left out because their resource has no `service.name`.
    package var spansWithoutService: UInt64 = 0
    /// Spans counted in the overflow series.
    package var spansOverflowed: UInt64 = 0
    /// Batches passed over because their position had been counted.
    package var batchesReplayed: UInt64 = 0
    /// Series held now.
    package var series = 0
}

/// All RED series at one moment.
package struct REDSnapshot: Sendable {
    /// The last batch that is counted in it.
    package let position: JournalPosition
    let tenants: [TenantID: REDTables]
    let configuration: SpanMetricsConfiguration
    /// When the first batch was received, unix nanoseconds; 0 before it. It survives restarts.
    package let startTime: UInt64
    /// The time that it shows, unix nanoseconds.
    let clock: UInt64
}
