import EmbeddedStore
import Journal
import SpanMetrics
import TraceStorage

/// What the collector's parts say about themselves, read when 8888 is scraped.
struct CollectorObservations {
    let journal: Journal
    let store: EmbeddedStore
    let red: REDMetrics
    let serviceGraph: ServiceGraph
    let genAI: GenAIMetrics
    let health: CollectorHealth
    /// `storage.directory`.
    let directory: String
    /// `storage.journal.max_bytes`.
    let journalBytesMax: Int
    /// Everything received by then is derived from, unix nanoseconds.
    let countedUntil: @Sendable () -> UInt64

    private typealias Sample = SelfMetrics.Sample

    func register(with metrics: SelfMetrics) {
        process(metrics)
        journal(metrics)
        readers(metrics)
        readerAges(metrics)
        readersOnDisk(metrics)
        storage(metrics)
        disk(metrics)
        derivation(metrics)
    }

    private func process(_ metrics: SelfMetrics) {
        let health = health
        metrics.observe("otelcol_process_uptime", "Seconds since the start.", .counter) {
            [Sample(Double(health.report().uptimeNanoseconds) / 1e9)]
        }
        metrics.observe("otelcol_process_cpu_seconds", "CPU seconds, user and system.", .counter) {
            [Sample(ProcessStatistics.cpuSeconds())]
        }
        metrics.observe("otelcol_process_memory_rss", "Resident memory in bytes.") {
            [Sample(Double(ProcessStatistics.residentBytes()))]
        }
        metrics.observe("skein_health", "1 when spans are taken, 0 while starting, draining or refusing.") {
            [Sample(health.report().isHealthy ? 1 : 0)]
        }
    }

    private func journal(_ metrics: SelfMetrics) {
        let journal = journal
        let counters: [(String, String, @Sendable (JournalMetrics) -> Double)] = [
            ("skein_journal_appended_records", "Requests appended.", { Double($0.appendedRecords) }),
            ("skein_journal_appended_bytes", "Bytes appended.", { Double($0.appendedBytes) }),
            ("skein_journal_appended_spans", "Spans appended.", { Double($0.appendedSpans) }),
            ("skein_journal_duplicate_requests", "Requests recognised as sent again.", { Double($0.duplicates) }),
            ("skein_journal_groups", "Writes, each of all requests that waited.", { Double($0.groups) }),
            (
                "skein_journal_syncs", "Times the disk was told to keep what was written.",
                { Double($0.synchronizations) }
            ),
            ("skein_journal_sync_failures", "Times it would not.", { Double($0.synchronizationFailures) }),
            ("skein_journal_sync_seconds", "Seconds spent on that.", { Double($0.synchronizationNanoseconds) / 1e9 }),
            (
                "skein_journal_pause_seconds", "Seconds that requests waited for the store and derivation.",
                { Double($0.pausedNanoseconds) / 1e9 }
            ),
            (
                "skein_journal_records_at_risk", "Acknowledged requests that it would not keep.",
                { Double($0.recordsAtRisk) }
            ),
            ("skein_journal_damaged_spans", "Spans that could not be read back.", { Double($0.damagedSpans) }),
            (
                "skein_journal_truncated_bytes", "Bytes of torn ends cut off at the start.",
                { Double($0.truncatedBytes) }
            ),
        ]
        for (name, help, value) in counters {
            metrics.observe(name, help, .counter) { [Sample(value(journal.metrics()))] }
        }
        metrics.observe("skein_journal_failed_appends", "Requests that were not appended, by reason.", .counter) {
            let now = journal.metrics()
            return [
                Sample(Double(now.busyAppends), ["reason": "busy"]),
                Sample(Double(now.fullAppends), ["reason": "full"]),
                Sample(Double(now.failedAppends), ["reason": "io"]),
            ]
        }
        metrics.observe("skein_journal_disk_bytes", "Bytes that all segments take.") {
            [Sample(Double(journal.metrics().diskBytes))]
        }
        let cap = Double(journalBytesMax)
        metrics.observe("skein_journal_max_bytes", "Bytes that they may take; past it requests are refused.") {
            [Sample(cap)]
        }
        metrics.observe("skein_journal_queue_bytes", "Bytes that wait to be written.") {
            [Sample(Double(journal.metrics().queuedBytes))]
        }
    }

    private func readers(_ metrics: SelfMetrics) {
        let journal = journal
        let values: [(String, String, @Sendable (JournalMetrics.Reader) -> Int)] = [
            ("skein_journal_reader_lag_bytes", "Bytes that a reader of the journal has not finished.", { $0.lagBytes }),
            ("skein_journal_reader_lag_spans", "Spans that a reader of the journal has not finished.", { $0.lagSpans }),
        ]
        for (name, help, value) in values {
            metrics.observe(name, help) {
                journal.metrics().readers.map { Sample(Double(value($0)), ["reader": $0.name]) }
            }
        }
    }

    private func readersOnDisk(_ metrics: SelfMetrics) {
        let journal = journal
        metrics.observe(
            "skein_journal_reader_disk_records", "Requests that a reader of the journal read from the disk.", .counter
        ) {
            journal.metrics().readers.map { Sample(Double($0.diskRecords), ["reader": $0.name]) }
        }
    }

    private func readerAges(_ metrics: SelfMetrics) {
        let journal = journal
        metrics.observe(
            "skein_journal_reader_lag_seconds",
            "Age of the oldest request that a reader of the journal has not finished."
        ) {
            let now = ProcessStatistics.now()
            return journal.metrics().readers.map { reader in
                let age = reader.oldestReceivedAt.map { now > $0 ? Double(now - $0) / 1e9 : 0 } ?? 0
                return Sample(age, ["reader": reader.name])
            }
        }
    }

    private func storage(_ metrics: SelfMetrics) {
        let store = store
        let values: [(String, String, @Sendable (StorageStatistics) -> Int)] = [
            ("skein_store_spans", "Spans stored.", { $0.spans }),
            ("skein_store_live_spans", "Stored spans that are in memory and not in a block yet.", { $0.liveSpans }),
            ("skein_store_blocks", "Blocks.", { $0.blocks }),
            ("skein_store_disk_bytes", "Bytes of blocks.", { $0.diskBytes }),
            ("skein_store_quarantined_blocks", "Blocks put aside that answers lack.", { $0.gaps.count }),
        ]
        for (name, help, value) in values {
            metrics.observe(name, help) { [Sample(Double(value(store.statistics())))] }
        }
        let counters: [(String, String, @Sendable (StoreCounters) -> Int)] = [
            ("skein_store_merges", "Times that small blocks were joined into one.", { $0.merges }),
            ("skein_store_failed_merges", "Times that they could not be.", { $0.failedMerges }),
            ("skein_store_merged_blocks", "Blocks that were joined.", { $0.mergedBlocks }),
            ("skein_store_merged_bytes", "Bytes of the blocks that came of it.", { $0.mergedBytes }),
        ]
        for (name, help, value) in counters {
            metrics.observe(name, help, .counter) { [Sample(Double(value(store.counters)))] }
        }
    }

    private func disk(_ metrics: SelfMetrics) {
        let directory = directory
        let values: [(String, String, @Sendable (FileSystemStatistics) -> UInt64)] = [
            ("skein_storage_free_bytes", "Bytes that are free on the disk of the data directory.", { $0.freeBytes }),
            ("skein_storage_size_bytes", "Bytes of this disk.", { $0.sizeBytes }),
        ]
        for (name, help, value) in values {
            metrics.observe(name, help) {
                FileSystemStatistics(path: directory).map { [Sample(Double(value($0)))] } ?? []
            }
        }
    }

    private func derivation(_ metrics: SelfMetrics) {
        let red = red
        metrics.observe("skein_spanmetrics_series", "Series of RED metrics.") {
            [Sample(Double(red.statistics.series))]
        }
        metrics.observe("skein_spanmetrics_overflowed_spans", "Spans counted in the overflow series.", .counter) {
            [Sample(Double(red.statistics.spansOverflowed))]
        }
        metrics.observe(
            "skein_spanmetrics_unnamed_spans", "Spans not counted because their resource has no service.name.", .counter
        ) { [Sample(Double(red.statistics.spansWithoutService))] }
        serviceGraph(metrics)
        modelCalls(metrics)
    }

    /// A metric that is one number of some statistics.
    private typealias Observed<Statistics> = (
        name: String, help: String, kind: SelfMetrics.Kind, value: @Sendable (Statistics) -> Double
    )

    private static func observe<Statistics>(
        _ metrics: SelfMetrics, _ values: [Observed<Statistics>], of statistics: @escaping @Sendable () -> Statistics
    ) {
        for (name, help, kind, value) in values {
            metrics.observe(name, help, kind) { [Sample(value(statistics()))] }
        }
    }

    private func serviceGraph(_ metrics: SelfMetrics) {
        let graph = serviceGraph
        let values: [Observed<ServiceGraphStatistics>] = [
            (
                "otelcol_connector_servicegraph_total_edges", "Requests between services that were counted.", .counter,
                { Double($0.edges) }
            ),
            (
                "otelcol_connector_servicegraph_expired_edges", "Spans whose other side did not come in time.",
                .counter, { Double($0.expiredEdges) }
            ),
            (
                "skein_servicegraph_overflowed_edges", "Requests counted in the overflow series.", .counter,
                { Double($0.overflowedEdges) }
            ),
            (
                "skein_servicegraph_waiting_spans", "Spans remembered for the other side of their request.", .gauge,
                { Double($0.waitingSpans) }
            ),
            ("skein_servicegraph_series", "Series of the service graph.", .gauge, { Double($0.series) }),
        ]
        Self.observe(metrics, values) { graph.statistics }
        metrics.observe(
            "otelcol_connector_servicegraph_dropped_spans", "Spans that took no part, by reason.", .counter
        ) {
            let statistics = graph.statistics
            return ServiceGraphStatistics.DropReason.allCases.map {
                Sample(Double(statistics.dropped($0)), ["reason": $0.name])
            }
        }
    }

    private func modelCalls(_ metrics: SelfMetrics) {
        let genAI = genAI
        let values: [Observed<GenAIStatistics>] = [
            ("skein_genai_calls", "Calls of models that were counted.", .counter, { Double($0.calls) }),
            (
                "skein_genai_late_spans", "Spans about calls of models that had been counted.", .counter,
                { Double($0.lateSpans) }
            ),
            (
                "skein_genai_traces_settled_early", "Traces counted before their wait was over, for want of room.",
                .counter, { Double($0.tracesSettledEarly) }
            ),
            (
                "skein_genai_unpriced_calls", "Calls with tokens whose model has no price.", .counter,
                { Double($0.unpricedCalls) }
            ),
            ("skein_genai_series", "Series about models and tools.", .gauge, { Double($0.series) }),
        ]
        Self.observe(metrics, values) { genAI.statistics }
        metrics.observe("skein_genai_pending_spans", "Spans whose calls are not counted yet.") { [countedUntil] in
            [Sample(Double(genAI.pendingSpans(at: countedUntil())))]
        }
        usageRecords(metrics)
    }

    private func usageRecords(_ metrics: SelfMetrics) {
        let log = genAI.log
        let bytesMax = Double(genAI.configuration.retentionBytes)
        let values: [Observed<UsageLogStatistics>] = [
            ("skein_usage_disk_bytes", "Bytes that records of usage take.", .gauge, { Double($0.diskBytes) }),
            (
                "skein_usage_max_bytes", "Bytes that they may take; past it those of the oldest days are deleted.",
                .gauge, { _ in bytesMax }
            ),
            (
                "skein_usage_failed_compressions",
                "Times that records of a day that is over could not be compressed.", .counter,
                { Double($0.failedCompressions) }
            ),
        ]
        Self.observe(metrics, values) { log.statistics }
        let deleted: [(String, String, @Sendable (UsageLogStatistics) -> [UsageLogStatistics.Reason: UInt64])] = [
            (
                "skein_usage_deleted_files", "Files of records of usage deleted, each of a day, by reason.",
                { $0.deletedDays }
            ),
            ("skein_usage_deleted_bytes", "Bytes of records of usage deleted, by reason.", { $0.deletedBytes }),
        ]
        for (name, help, value) in deleted {
            metrics.observe(name, help, .counter) {
                let deleted = value(log.statistics)
                return UsageLogStatistics.Reason.allCases.map {
                    Sample(Double(deleted[$0] ?? 0), ["reason": $0.rawValue])
                }
            }
        }
    }
}
