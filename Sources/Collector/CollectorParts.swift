import EmbeddedStore
import Journal
import Logging
import OTLP
import SpanMetrics
import TraceStorage

/// What a collector keeps on disk, opened in the order in which one depends on the other.
struct CollectorParts {
    let journal: Journal
    let store: EmbeddedStore
    let red: REDMetrics
    let serviceGraph: ServiceGraph
    let genAI: GenAIMetrics
    let derived: DerivedState

    init(_ configuration: CollectorConfiguration, metrics: SelfMetrics, logger: Logger) throws {
        let directory = configuration.storage.directory
        let parts = ["journal", "store", "derived"] + (configuration.alerts.isEnabled ? ["alerts"] : [])
        try DataDirectory.prepare(directory, parts: parts)
        store = try EmbeddedStore(directory: directory + "/store", options: StoreOptions(configuration.storage))
        Self.report(store.report, to: logger)
        red = try REDMetrics(configuration.spanMetrics)
        serviceGraph = try ServiceGraph(configuration.serviceGraph)
        genAI = GenAIMetrics(
            configuration.genAI.configuration, costs: configuration.genAI.costs,
            log: UsageLog(directory: directory + "/derived/usage"))
        derived = DerivedState(directory: directory + "/derived", derivations: [red, serviceGraph, genAI])
        for note in try derived.load() { logger.warning("\(note)") }
        journal = try Journal.open(
            JournalConfiguration(configuration.storage), onEvent: JournalLog.reporter(to: logger))
        JournalLog.report(journal.recovery, to: logger)
    }

    private static func report(_ report: StoreReport, to logger: Logger) {
        for line in report.quarantined {
            logger.error("a block does not check and was put aside", metadata: ["block": "\(line)"])
        }
        for line in report.removed {
            logger.info("removed a file that a crash left", metadata: ["file": "\(line)"])
        }
        for line in report.unknown {
            logger.warning("the store's directory holds a file that is not the store's", metadata: ["file": "\(line)"])
        }
    }
}

extension StoreOptions {
    init(_ storage: StorageConfiguration) {
        self.init()
        sealSpans = storage.blockSpansMax
        sealAge = UInt64(storage.blockAgeMax.nanosecondsClamped)
        retentionAge = UInt64(storage.retentionAgeMax.nanosecondsClamped)
        retentionBytes = storage.retentionBytesMax
        queryCores = storage.queryCores
    }
}

extension JournalConfiguration {
    init(_ storage: StorageConfiguration) {
        self.init(directory: storage.directory + "/journal")
        durability =
            switch storage.durability {
            case .interval: .interval
            case .fsync: .fsync
            case .os: .os
            }
        maxBytes = storage.journalBytesMax
    }
}
