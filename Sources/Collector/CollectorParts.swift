import EmbeddedStore
import Journal
import Logging
import SpanMetrics
import TraceStorage

/// What a collector keeps on disk, opened in the order in which one depends on the other.
struct CollectorParts {
    let journal: Journal
    let store: EmbeddedStore
    let red: REDMetrics
    let derived: DerivedState

    init(_ configuration: CollectorConfiguration, metrics: SelfMetrics, logger: Logger) throws {
        let directory = configuration.storage.directory
        try DataDirectory.prepare(directory, parts: ["journal", "store", "derived"])
        store = try EmbeddedStore.open(Self.store(configuration.storage), logger: logger)
        red = try REDMetrics(configuration.spanMetrics)
        derived = DerivedState(directory: directory + "/derived", derivations: [red])
        for note in try derived.load() { logger.warning("\(note)") }
        let journal = try Journal.open(
            Self.journal(configuration.storage, floor: max(store.durablePosition, derived.replayPosition)),
            onEvent: { JournalLog.report($0, to: logger) })
        self.journal = journal
        JournalLog.report(journal.recovery, to: logger)
    }

    func exporters(
        _ configuration: CollectorConfiguration, metrics: SelfMetrics, logger: Logger
    ) throws -> [OTLPHTTPExporter] {
        try configuration.exporters.map { exporter in
            let reader = try journal.reader(
                "exporter/\(exporter.id)", policy: .maySkip(maxLagBytes: exporter.queue.bytesMax))
            return try OTLPHTTPExporter(exporter, journal: journal, reader: reader, metrics: metrics, logger: logger)
        }
    }
}
