import Logging
import Synchronization

/// What all log handlers of one ``SkeinTracing`` share: the queues of the exporters and the counts.
final class LogPipeline: Sendable {
    let configuration: LoggingConfiguration
    /// One for each exporter.
    private let processors: [BatchProcessor]
    private let logger: Logger
    /// Whether somebody may wonder why nothing is sent.
    private let isSilentByDefault: Bool
    private let isUsed = Atomic<Bool>(false)
    private let discarded = Atomic<UInt64>(0)
    private let droppedWhileExporting = Atomic<UInt64>(0)

    /// - Parameter processors: frame their records with a ``LogFraming``; none means that lines are thrown away.
    init(_ configuration: TracingConfiguration, _ processors: [BatchProcessor]) {
        self.configuration = configuration.logs
        self.processors = processors
        logger = configuration.logger
        isSilentByDefault = processors.isEmpty && !configuration.isDisabled && !configuration.logs.areExportersChosen
        ForkWatch.add(self)
    }

    deinit { ForkWatch.remove(self) }

    func handler(label: String, metadataProvider: Logger.MetadataProvider?) -> OTLPLogHandler {
        if !isUsed.exchange(true, ordering: .relaxed), isSilentByDefault {
            logger.notice(
                "log records are not sent: no exporter is set; logs.exporters = [.otlp] or OTEL_LOGS_EXPORTER=otlp does"
            )
        }
        return OTLPLogHandler(label: label, metadataProvider: metadataProvider, pipeline: self)
    }

    /// Whether a line is worth encoding; one that is not is counted.
    ///
    /// What the thread that exports log records logs is about their export. Were it queued, each export could make a
    /// record for the next, without end.
    func admits() -> Bool {
        if processors.isEmpty {
            discarded.wrappingAdd(1, ordering: .relaxed)
            return false
        }
        for processor in processors where processor.isOnExportingThread {
            droppedWhileExporting.wrappingAdd(1, ordering: .relaxed)
            return false
        }
        return true
    }

    /// - Parameter scope: the record's `ScopeLogs.scope` field.
    func append(_ record: borrowing LogRecord, scope: [UInt8]) {
        let messageSize = record.messageSize
        let contentSize = scope.count + fieldSize(messageSize)
        for processor in processors {
            processor.append(fieldSize(contentSize)) { cursor in
                cursor.byte(LogFraming.tag)
                cursor.varint(UInt64(contentSize))
                scope.withUnsafeBytes { cursor.raw($0) }
                record.write(messageSize, to: &cursor)
            }
        }
    }

    /// Sends every record that was queued before the call; false when `timeout` passed first. Blocks.
    func forceFlush(timeout: Duration) -> Bool {
        processors.forceFlush(until: .now + timeout)
    }

    /// Takes no more records and begins to send what there is. Does not wait.
    func close(deadline: MonotonicTime) {
        processors.close(deadline: deadline)
    }

    /// Waits for the end that ``close(deadline:)`` has begun, on a thread that may block.
    func waitForEnd(deadline: MonotonicTime) {
        processors.waitForEnd(deadline: deadline)
    }

    func shutdown(timeout: Duration) async {
        await processors.shutdown(timeout: timeout)
    }

    var statistics: LogStatistics {
        var statistics = LogStatistics()
        statistics.discarded = discarded.load(ordering: .relaxed)
        statistics.droppedWhileExporting = droppedWhileExporting.load(ordering: .relaxed)
        for processor in processors {
            let counts = processor.statistics
            statistics.recorded = counts.received
            statistics.queued += counts.queued
            statistics.inFlight += counts.inFlight
            statistics.spilled += counts.spilled
            statistics.exported += counts.exported
            statistics.droppedQueueFull += counts.droppedQueueFull
            statistics.droppedExportFailed += counts.droppedExportFailed
            statistics.droppedShutdown += counts.droppedShutdown
            statistics.retries += counts.retries
            statistics.rejectedByReceiver += counts.rejected
        }
        return statistics
    }
}

extension LogPipeline: ForkAware {
    /// The counts are those of the process, as the queues' are.
    func didFork() {
        discarded.store(0, ordering: .relaxed)
        droppedWhileExporting.store(0, ordering: .relaxed)
    }
}
