import Logging
import Skein
import Synchronization
import Testing

@Suite struct LogPipelineTests {
    @Test(arguments: [0, 1, 511, 512, 513, 3_000])
    func shutdownDrainsEverything(_ count: Int) async throws {
        let fixture = try LogFixture()
        let log = fixture.logger()
        for number in 0..<count { log.info("\(number)") }
        await fixture.tracing.shutdown()
        #expect(fixture.records.map(\.body) == (0..<count).map { .text("\($0)") })
        #expect(fixture.exporter.batchSizes.allSatisfy { $0 <= 512 } && fixture.exporter.isShutDown)
        let statistics = fixture.tracing.logStatistics
        #expect(statistics.recorded == UInt64(count) && statistics.exported == UInt64(count))
    }

    @Test func flushSendsWhatWasLoggedOnceAndOnlyOnce() async throws {
        let fixture = try LogFixture { $0.logs.batch.scheduleDelay = .seconds(3600) }
        let log = fixture.logger()
        log.info("1")
        #expect(await fixture.tracing.flush())
        #expect(fixture.records.map(\.body) == ["1"])
        log.info("2")
        #expect(await fixture.tracing.flush())
        #expect(await fixture.tracing.flush())
        #expect(fixture.records.map(\.body) == ["1", "2"])
        await fixture.tracing.shutdown()
    }

    @Test func flushSaysWhenItsTimeWasOver() async throws {
        let fixture = try LogFixture(GatedExporter(isOpen: false))
        fixture.logger().info("stuck")
        #expect(await fixture.tracing.flush(timeout: .milliseconds(20)) == false)
        fixture.exporter.open()
        await fixture.tracing.shutdown()
        #expect(fixture.tracing.logStatistics.exported == 1)
    }

    @Test func fullQueueDropsAndCounts() async throws {
        let fixture = try LogFixture(GatedExporter(isOpen: false)) { configuration in
            configuration.logs.batch.maxQueueSize = 100
            configuration.logs.batch.maxExportBatchSize = 10
        }
        let log = fixture.logger()
        for number in 0..<10 { log.info("\(number)") }
        await fixture.exporter.arrived(batches: 1)
        for number in 10..<140 { log.info("\(number)") }
        #expect(fixture.tracing.logStatistics.droppedQueueFull == 30)
        fixture.exporter.open()
        await fixture.tracing.shutdown()
        #expect(fixture.records.map(\.body) == (0..<110).map { .text("\($0)") })
        let statistics = fixture.tracing.logStatistics
        #expect(statistics.recorded == 140 && statistics.exported == 110 && statistics.queued == 0)
        #expect(fixture.diagnostics.lines == ["30 log records lost: the queue was full"])
    }

    @Test func lineThatIsLargerThanTheQueueIsDroppedAndCounted() async throws {
        let fixture = try LogFixture { $0.logs.batch.maxQueueBytes = 100_000 }
        fixture.logger().info("\(String(repeating: "x", count: 100_001))")
        fixture.logger().info("small")
        await fixture.tracing.shutdown()
        #expect(fixture.records.map(\.body) == ["small"])
        #expect(fixture.tracing.logStatistics.droppedQueueFull == 1)
    }

    @Test func linesAfterTheShutdownAreCounted() async throws {
        let fixture = try LogFixture()
        await fixture.tracing.shutdown()
        await fixture.tracing.shutdown()
        fixture.logger().info("late")
        #expect(await fixture.tracing.flush())
        #expect(fixture.records.isEmpty && fixture.tracing.logStatistics.droppedShutdown == 1)
    }

    @Test func linesOfManyTasksAllArrive() async throws {
        let fixture = try LogFixture()
        let log = fixture.logger()
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<4 {
                group.addTask { for number in 0..<1_000 { log.info("\(task)-\(number)") } }
            }
        }
        await fixture.tracing.shutdown()
        #expect(Set(fixture.records.compactMap(\.body).map { "\($0)" }).count == 4_000)
        #expect(fixture.tracing.logStatistics.exported == 4_000)
    }

    @Test func everyExporterGetsEveryRecord() async throws {
        let second = GatedExporter()
        let fixture = try LogFixture { $0.logs.customExporters.append(second) }
        fixture.logger().info("x")
        await fixture.tracing.shutdown()
        #expect(fixture.exporter.requests == second.requests && second.spanCount == 1)
        #expect(fixture.tracing.logStatistics.recorded == 1 && fixture.tracing.logStatistics.exported == 2)
    }

    // MARK: lines about the export itself

    /// Logs at every export, as an HTTP library might.
    private final class TalkingExporter: SpanExporter {
        let log = Mutex<Logger?>(nil)
        let exported = Mutex(0)

        func export(_ batch: ExportBatch, within window: ExportWindow) -> ExportResult {
            log.withLock { $0 }?.info("exporting")
            exported.withLock { $0 += batch.recordCount }
            return .failure("no route")
        }

        func shutdown() { log.withLock { $0 }?.info("shut down") }
    }

    @Test func linesOfTheExportingThreadAreDroppedAndCounted() async throws {
        let exporter = TalkingExporter()
        let fixture = try LogFixture { $0.logs.customExporters = [exporter] }
        let log = fixture.logger()
        exporter.log.withLock { $0 = log }
        log.info("1")
        await fixture.tracing.flush()
        log.info("2")
        await fixture.tracing.shutdown()
        #expect(exporter.exported.withLock { $0 } == 2)
        let statistics = fixture.tracing.logStatistics
        #expect(statistics.recorded == 2 && statistics.droppedExportFailed == 2)
        #expect(statistics.droppedWhileExporting == 3, "two exports and the shutdown")
    }

    /// Where diagnostics go when a factory makes loggers before it knows its target.
    private final class LateLog: LogHandler {
        let target = Mutex<Logger?>(nil)
        var logLevel: Logger.Level {
            get { .trace }
            set {}
        }
        var metadata: Logger.Metadata {
            get { [:] }
            set {}
        }
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { nil }
            set {}
        }
        func log(event: LogEvent) {
            target.withLock { $0 }?.log(level: event.level, event.message)
        }
    }

    @Test func diagnosticsThatEndInTheirOwnExportDoNotGoRound() async throws {
        let late = LateLog()
        let exporter = GatedExporter(result: .failure("no route"))
        let fixture = try LogFixture(exporter) { $0.logger = Logger(label: "skein") { _ in late } }
        late.target.withLock { $0 = fixture.logger("skein") }
        fixture.logger().info("1")
        // Were the warning queued, each flush would find the one about the last.
        for _ in 0..<5 { await fixture.tracing.flush() }
        #expect(exporter.requests.count == 1)
        #expect(fixture.tracing.logStatistics.droppedWhileExporting == 1)
        await fixture.tracing.shutdown()
    }

    @Test func theSameLossIsToldOnceUntilRecordsArriveAgain() async throws {
        let exporter = GatedExporter(answering: { number in
            number < 4 ? .failure(number < 3 ? "no route" : "no permission") : .success()
        })
        let fixture = try LogFixture(exporter)
        for number in 0..<5 {
            fixture.logger().info("\(number)")
            await fixture.tracing.flush()
        }
        await fixture.tracing.shutdown()
        #expect(fixture.tracing.logStatistics.droppedExportFailed == 4)
        #expect(fixture.tracing.logStatistics.exported == 1)
        // The other reason falls into the interval; at the end the rest is told.
        #expect(
            fixture.diagnostics.lines == [
                "1 log records lost: no route", "3 further log records lost for the reasons told before",
            ])
    }

    // MARK: no exporter

    @Test func withoutAnExporterLinesAreCountedAndThatIsSaidOnce() async throws {
        let fixture = try LogFixture { $0.logs = LoggingConfiguration() }
        for _ in 0..<2 { fixture.logger().info("x") }
        #expect(fixture.tracing.logStatistics.discarded == 2 && fixture.tracing.logStatistics.recorded == 0)
        #expect(fixture.diagnostics.lines.count == 1)
        #expect(fixture.diagnostics.lines.first?.contains("OTEL_LOGS_EXPORTER=otlp") == true)
        #expect(await fixture.tracing.flush())
        await fixture.tracing.shutdown()
    }

    @Test func whoeverChoseNoExporterIsNotTold() async throws {
        let fixture = try LogFixture { configuration in
            configuration.logs = LoggingConfiguration()
            configuration.logs.exporters = []
        }
        fixture.logger().info("x")
        #expect(fixture.diagnostics.lines.isEmpty && fixture.tracing.logStatistics.discarded == 1)
        await fixture.tracing.shutdown()
    }

    @Test func disabledSDKSendsNoLogs() async throws {
        let fixture = try LogFixture { $0.isDisabled = true }
        fixture.logger().info("x")
        await fixture.tracing.shutdown()
        #expect(fixture.exporter.requests.isEmpty && fixture.diagnostics.lines.isEmpty)
        #expect(fixture.tracing.logStatistics.discarded == 1)
    }
}
