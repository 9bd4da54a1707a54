import Synchronization
import TraceStorage

/// Who asks whom: requests between services, found by joining the spans of both sides as they arrive.
///
/// The definition is that of the OpenTelemetry Collector's servicegraph connector: a client's or producer's span and
/// the server's or consumer's below it are one request; a client's span that names a database is one by itself; and so
/// is, after a wait, one that nobody answers. It differs where the connector's answer depends on the order in which
/// spans arrive, is a guess, or counts one request twice:
/// - a client's span stays known after its first match, so that all consumers of one message count;
/// - the same client's span again is passed over;
/// - of clients' spans of one service directly below one another, as instrumented libraries that use one another make
///   them, the innermost is the one that asked. It takes the name of whom it asked from the one above where that names
///   a database or it names nobody itself. Those above count where a server answered them, too. The connector and Tempo
///   count each as a request, the upper ones to a virtual node. For this a database's span waits, too;
/// - the side of which no span came is taken to have lasted as long as the other, not 0 s.
///
/// Time is when the collector received batches, never the clock, so that a replay of the journal finds the same.
package final class ServiceGraph: Derivation {
    package let configuration: ServiceGraphConfiguration
    private let state: Mutex<ServiceGraphState>
    private let seed: UInt64

    /// `seed` keeps the order of hash tables secret; tests may fix it, it shows nowhere.
    package init(
        _ configuration: ServiceGraphConfiguration = ServiceGraphConfiguration(),
        seed: UInt64 = .random(in: 0...(.max))
    ) throws(SpanMetricsConfigurationError) {
        try configuration.validate()
        self.configuration = configuration
        self.seed = seed
        state = Mutex(ServiceGraphState(configuration, seed: seed))
    }

    package var position: JournalPosition { state.withLock { $0.position } }

    package var statistics: ServiceGraphStatistics { state.withLock { $0.statistics } }

    /// Counts a batch; one at or before ``position`` is passed over.
    ///
    /// - Complexity: O(spans): a look at each, and up to four at a table for those of clients, servers, producers and
    ///   consumers.
    package func record(_ batch: StoredBatch) { state.withLock { $0.record(batch) } }

    /// All series as they are at `now` (unix nanoseconds): with the spans whose wait is over by then.
    package func snapshot(now: UInt64) -> ServiceGraphSnapshot { state.withLock { $0.snapshot(now: now) } }

    // MARK: checkpoint

    package let checkpointName = "service_graph"

    package func checkpointSection() -> CheckpointSection {
        state.withLock { $0.checkpointSection(name: checkpointName) }
    }

    package func restore(_ section: CheckpointSection) throws(CheckpointError) -> RestoreOutcome {
        let restored = try ServiceGraphState.restored(from: section, configuration, seed: seed)
        state.withLock { $0 = restored.state }
        return restored.outcome
    }
}

/// Counts for the collector's telemetry about itself; they begin at zero with the process.
package struct ServiceGraphStatistics: Hashable, Sendable {
    /// Why a span took no part.
    package enum DropReason: Int, CaseIterable, Sendable {
        /// More spans wait than ``ServiceGraphConfiguration/itemsMax``, or too many for the same client's span.
        case noRoom
        /// The same client's span came before.
        case duplicate
        /// Its resource has no `service.name`.
        case unnamed
        /// There are more tenants than can be told apart.
        case tenants
        /// The client's span below it says the same.
        case nested

        package var name: String {
            switch self {
            case .noRoom: "no_room"
            case .duplicate: "duplicate"
            case .unnamed: "unnamed"
            case .tenants: "tenants"
            case .nested: "nested"
            }
        }
    }

    /// Requests that were counted, overflow included.
    package var edges: UInt64 = 0
    /// Spans whose other side did not come in time, those counted as requests to or from a virtual node included.
    package var expiredEdges: UInt64 = 0
    /// Requests counted in the overflow series.
    package var overflowedEdges: UInt64 = 0
    /// By ``DropReason``.
    package var droppedSpans: [UInt64] = Array(repeating: 0, count: DropReason.allCases.count)
    /// Spans that are remembered for the other side of their request.
    package var waitingSpans = 0
    /// Series held now.
    package var series = 0

    package func dropped(_ reason: DropReason) -> UInt64 { droppedSpans[reason.rawValue] }
}

/// All series of the service graph at one moment.
package struct ServiceGraphSnapshot: Sendable {
    private let tenants: [TenantID: ServiceGraphSeries]
    private let bounds: [UInt64]
    private let keys: MetricLabelKeys

    init(_ totals: ServiceGraphTotals, _ configuration: ServiceGraphConfiguration) {
        tenants = Dictionary(uniqueKeysWithValues: zip(totals.tenants, totals.series))
        bounds = configuration.bucketBoundsNanoseconds
        keys = MetricLabelKeys.standard.adding(configuration.dimensions.flatMap { ["client_" + $0, "server_" + $0] })
    }

    /// Writes the families of a tenant, without the end of the answer.
    package func write(to writer: inout some MetricWriter, tenant: TenantID = .default) {
        guard let series = tenants[tenant], series.count > 0 else { return }
        writer.begin(
            family("traces_service_graph_request_total", .counter, "Requests between services, each once."))
        // One row says of another what failed.
        let rows = (0..<series.count).filter { $0 != series.failedOverflowRow }
        for row in rows { writer.sample(series.labels[row], series.requests(row)) }
        let failed = (0..<series.count).filter { series.isFailed[$0] }
        if !failed.isEmpty {
            writer.begin(
                family(
                    "traces_service_graph_request_failed_total", .counter,
                    "Requests between services that failed on either side."))
            for row in failed { writer.sample(series.labels[row], series.requests(row)) }
        }
        let bounds = PrometheusBounds(bounds.map { Double($0) / 1e9 })
        for (histogram, side) in ["server", "client"].enumerated() {
            let name = "traces_service_graph_request_\(side)"
            writer.begin(family(name, .histogram, "Durations of requests as the \(side) saw them.", unit: "s"))
            for row in rows {
                writer.histogram(
                    series.labels[row], bounds: bounds, counts: series.buckets(row, histogram),
                    sum: series.sum(row, histogram) / 1e9, exemplars: [], startTime: 0)
            }
        }
    }

    /// Names and scope are the connector's, to the letter.
    private func family(_ name: String, _ type: MetricType, _ help: String, unit: String = "") -> MetricFamily {
        MetricFamily(name, type: type, help: help, unit: unit, scope: "traces_service_graph", keys: keys)
    }
}
