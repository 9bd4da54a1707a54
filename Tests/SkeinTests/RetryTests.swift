import CurlTransport
import Dispatch
import Logging
import Skein
import SkeinTesting
import Synchronization
import TestSink
import Testing
import Tracing

/// What becomes of batches that a receiver does not take at once.
@Suite struct RetryTests {
    private func tracing(
        _ exporter: any SpanExporter, _ configure: (inout TracingConfiguration) -> Void = { _ in }
    ) throws -> SkeinTracing {
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.exporters = [.custom(exporter)]
        configuration.logger.logLevel = .critical
        configuration.batch.exportTimeout = .seconds(600)
        configuration.shutdownTimeout = .seconds(600)
        configuration.batch.scheduleDelay = .zero
        configuration.backoff.initial = .milliseconds(1)
        configuration.backoff.max = .milliseconds(5)
        configure(&configuration)
        return try SkeinTracing(configuration)
    }

    private func end(_ count: Int, _ tracer: SkeinTracer) {
        for _ in 0..<count { tracer.startSpan("s", context: .topLevel).end() }
    }

    /// A collector recognises a request that it has by its bytes.
    @Test func batchIsSentAgainUnchangedUntilItIsTaken() async throws {
        let exporter = GatedExporter(answering: { $0 < 3 ? .retryable("busy") : .success() })
        let tracing = try tracing(exporter)
        end(5, tracing.tracer)
        #expect(await tracing.flush())
        #expect(Set(exporter.requests.prefix(4)).count == 1)
        end(2, tracing.tracer)
        await tracing.shutdown()
        let statistics = tracing.statistics
        #expect(statistics.exported == 7 && statistics.retries == 3 && statistics.droppedExportFailed == 0)
    }

    @Test func pauseIsTheOneTheReceiverAskedFor() async throws {
        let moments = Mutex<[ContinuousClock.Instant]>([])
        let exporter = GatedExporter(answering: { number in
            moments.withLock { $0.append(.now) }
            return number == 0 ? .retryable("busy", after: .milliseconds(60)) : .success()
        })
        let tracing = try tracing(exporter)
        end(1, tracing.tracer)
        await tracing.shutdown()
        let all = moments.withLock { $0 }
        #expect(all.count == 2 && all[1] - all[0] >= .milliseconds(60))
    }

    /// A receiver that asks for no pause, or for one that is over, gets ours: it must not be asked again and again.
    @Test(.timeLimit(.minutes(1))) func pauseIsNeverShorterThanOurs() async throws {
        let exporter = GatedExporter(answering: { _ in .retryable("busy", after: .zero) })
        let tracing = try tracing(exporter) { configuration in
            configuration.backoff.initial = .seconds(3600)
            configuration.backoff.max = .seconds(3600)
        }
        end(1, tracing.tracer)
        #expect(await !tracing.flush(timeout: .milliseconds(20)))
        #expect(exporter.requests.count == 1)
        await tracing.shutdown(timeout: .milliseconds(10))
    }

    @Test(.timeLimit(.minutes(1))) func retryTimeoutHoldsForAReceiverThatAsksForNoPause() async throws {
        let exporter = GatedExporter(answering: { _ in .retryable("busy", after: .zero) })
        let tracing = try tracing(exporter) { $0.batch.retryTimeout = .milliseconds(20) }
        end(1, tracing.tracer)
        #expect(await tracing.flush(timeout: .seconds(20)))
        #expect(tracing.statistics.droppedExportFailed == 1)
        await tracing.shutdown(timeout: .milliseconds(10))
    }

    /// One wrong header must not stop the export for the rest of the process.
    @Test func pauseThatIsAskedForHasABound() {
        let pause = RetryPause(asked: .seconds(Int64(UInt32.max)), own: .seconds(1))
        #expect(pause.length == .seconds(120) && pause.askedLength == .seconds(120))
        #expect(RetryPause(asked: .seconds(60), own: .seconds(1)).length == .seconds(60))
        #expect(RetryPause(asked: nil, own: .seconds(1)).askedLength == .zero)
    }

    /// A shutdown has no use for a pause that ends after it: it tries once more at once, and then keeps or counts.
    @Test(.timeLimit(.minutes(1))) func shutdownDoesNotSitOutAPauseThatEndsAfterIt() async throws {
        let exporter = GatedExporter(answering: {
            $0 == 0 ? .retryable("maintenance", after: .seconds(3600)) : .success()
        })
        let tracing = try tracing(exporter)
        end(3, tracing.tracer)
        while tracing.statistics.retries == 0 { await Task.yield() }
        await tracing.shutdown(timeout: .seconds(30))
        #expect(tracing.statistics.exported == 3)

        let away = try self.tracing(
            GatedExporter(answering: { _ in .retryable("maintenance", after: .seconds(3600)) }))
        end(3, away.tracer)
        while away.statistics.retries == 0 { await Task.yield() }
        await away.shutdown(timeout: .seconds(60))
        #expect(away.statistics.droppedShutdown == 3)
    }

    /// Nothing is sent during a pause, so that nothing else would tell that the queue runs over.
    @Test(.timeLimit(.minutes(1))) func lossDuringAPauseIsToldWhileItLasts() async throws {
        let log = LogLines()
        let exporter = GatedExporter(answering: { _ in .retryable("away", after: .seconds(3600)) })
        let tracing = try tracing(exporter) { configuration in
            configuration.logger = Logger(label: "test") { _ in log }
            configuration.batch.scheduleDelay = .seconds(600)
            configuration.batch.maxQueueSize = 10
            configuration.batch.maxExportBatchSize = 10
            configuration.diagnosticsInterval = .milliseconds(1)
        }
        end(10, tracing.tracer)
        while tracing.statistics.retries == 0 { await Task.yield() }
        end(30, tracing.tracer)
        while !log.lines.contains("20 spans lost: the queue was full") {
            if log.lines.contains(where: { $0.contains("queue was full") }) { break }
            await Task.yield()
        }
        await tracing.shutdown(timeout: .milliseconds(10))
        let told = log.lines.filter { $0.hasSuffix("spans lost: the queue was full") }
        #expect(told.compactMap { Int($0.prefix { $0 != " " }) }.reduce(0, +) == 20, "\(log.lines)")
    }

    @Test func batchIsGivenUpAfterTheRetryTimeout() async throws {
        let exporter = GatedExporter(answering: { $0 == 0 ? .retryable("away", after: .milliseconds(60)) : .success() })
        let tracing = try tracing(exporter) { $0.batch.retryTimeout = .milliseconds(10) }
        end(1, tracing.tracer)
        #expect(await tracing.flush())
        #expect(tracing.statistics.droppedExportFailed == 1)
        end(2, tracing.tracer)
        await tracing.shutdown()
        #expect(exporter.spanCount == 3 && tracing.statistics.exported == 2)
    }

    /// A pause that the receiver asks for holds for all batches, and costs no more than what waits too long.
    @Test func longPauseIsKeptForEverything() async throws {
        let exporter = GatedExporter(answering: { _ in .retryable("away", after: .seconds(3600)) })
        let tracing = try tracing(exporter)
        end(1, tracing.tracer)
        await exporter.arrived(batches: 1)
        end(5_000, tracing.tracer)
        #expect(await !tracing.flush(timeout: .milliseconds(20)))
        #expect(exporter.requests.count == 1)
        #expect(tracing.statistics.queued == 5_000 && tracing.statistics.droppedExportFailed == 0)
        await tracing.shutdown(timeout: .milliseconds(10))
        #expect(tracing.statistics.droppedShutdown == 5_001)
    }

    @Test func spansThatEndMeanwhileWaitTheirTurn() async throws {
        let isUp = Mutex(false)
        let exporter = GatedExporter(answering: { _ in isUp.withLock { $0 } ? .success() : .retryable("away") })
        let tracing = try tracing(exporter)
        end(1, tracing.tracer)
        await exporter.arrived(batches: 2)
        end(2_000, tracing.tracer)
        await exporter.arrived(batches: 3)
        #expect(tracing.statistics.queued == 2_000 && tracing.statistics.exported == 0)
        isUp.withLock { $0 = true }
        await tracing.shutdown()
        #expect(tracing.statistics.exported == 2_001 && tracing.statistics.queued == 0)
        #expect(exporter.batchSizes.suffix(4) == [512, 512, 512, 464])
    }

    @Test func flushDoesNotWaitLongerThanItMay() async throws {
        let exporter = GatedExporter(answering: { _ in .retryable("away", after: .seconds(200)) })
        let tracing = try tracing(exporter)
        end(1, tracing.tracer)
        #expect(await !tracing.flush(timeout: .milliseconds(20)))
        await tracing.shutdown(timeout: .milliseconds(10))
        #expect(tracing.statistics.droppedShutdown == 1)
    }

    /// The receiver is away for a while: what fits the queue arrives once, the rest is counted.
    @Test func outageLosesOnlyWhatTheQueueCannotHold() async throws {
        let sink = try SinkServer(isListening: false)
        defer { sink.stop() }
        var options = OTLPOptions()
        options.endpoint = "\(sink.url)/v1/traces"
        let exporter = try OTLPExporter(options)
        let tracing = try tracing(exporter) { $0.batch.maxQueueBytes = 128 << 10 }
        end(20_000, tracing.tracer)
        while tracing.statistics.retries == 0 { await Task.yield() }
        let waiting = tracing.statistics
        #expect(waiting.queued > 500 && waiting.droppedQueueFull > 0 && waiting.exported == 0)
        try sink.listen()
        await tracing.shutdown()
        let statistics = tracing.statistics
        #expect(statistics.exported + statistics.droppedQueueFull == 20_000)
        let spans = sink.requests.flatMap { RecordedSpan.spans(inRequest: $0.body) }
        #expect(UInt64(spans.count) == statistics.exported && Set(spans.map(\.spanID)).count == spans.count)
    }

    /// A receiver that comes back within a shutdown's time gets the spans, however long the pauses had become before.
    @Test func shutdownDoesNotSitOutAPauseOfOurOwn() async throws {
        let exporter = GatedExporter(answering: { $0 == 0 ? .retryable("connection refused") : .success() })
        let tracing = try tracing(exporter) { configuration in
            configuration.backoff.initial = .seconds(3600)
            configuration.backoff.max = .seconds(3600)
        }
        end(3, tracing.tracer)
        while tracing.statistics.retries == 0 { await Task.yield() }
        #expect(exporter.requests.count == 1)
        await tracing.shutdown()
        #expect(tracing.statistics.exported == 3)
    }

    @Test func shutdownSaysWhatItWaitsForAndThatTheReceiverIsBack() async throws {
        let log = LogLines()
        let exporter = GatedExporter(answering: { $0 < 2 ? .retryable("connection refused") : .success() })
        let tracing = try tracing(exporter) { configuration in
            configuration.logger = Logger(label: "test") { _ in log }
            configuration.batch.scheduleDelay = .seconds(600)
        }
        end(3, tracing.tracer)
        await tracing.shutdown()
        #expect(log.lines.count == 2, "\(log.lines)")
        #expect(log.lines.first?.hasPrefix("spans cannot be sent; the shutdown goes on trying for up to ") == true)
        #expect(log.lines.first?.hasSuffix(" ms: connection refused") == true)
        #expect(log.lines.last == "spans are sent again, after 3 attempts")
    }

    @Test func everyExporterGetsEverySpan() async throws {
        let (slow, quick) = (GatedExporter(isOpen: false), GatedExporter())
        let tracing = try tracing(quick) { $0.exporters.append(.custom(slow)) }
        end(600, tracing.tracer)
        await slow.arrived(batches: 1)
        slow.open()
        await tracing.shutdown()
        #expect(quick.spanCount == 600 && slow.spanCount == 600)
        #expect(Set(quick.spans.map(\.spanID)) == Set(slow.spans.map(\.spanID)))
        #expect(tracing.statistics.ended == 600 && tracing.statistics.exported == 1_200)
        #expect(quick.isShutDown && slow.isShutDown)
    }

    /// Each exporter has a queue of its own, so each tells what it lost, and which one it is.
    @Test func everyExporterTellsItsOwnLoss() async throws {
        let log = LogLines()
        let (first, second) = (GatedExporter(isOpen: false), GatedExporter(isOpen: false))
        let tracing = try tracing(first) { configuration in
            configuration.exporters.append(.custom(second))
            configuration.batch.scheduleDelay = .seconds(600)
            configuration.logger = Logger(label: "test") { _ in log }
            configuration.batch.maxQueueSize = 100
            configuration.batch.maxExportBatchSize = 10
        }
        end(10, tracing.tracer)
        await first.arrived(batches: 1)
        await second.arrived(batches: 1)
        end(130, tracing.tracer)
        first.open()
        second.open()
        await tracing.shutdown()
        let lines = log.lines.filter { $0.hasSuffix("30 spans lost: the queue was full") }
        #expect(
            Set(lines) == [
                "exporter custom: 30 spans lost: the queue was full",
                "exporter custom 2: 30 spans lost: the queue was full",
            ], "\(log.lines)")
    }

    /// An exporter that does not keep its time must not keep the process.
    @Test(.timeLimit(.minutes(1))) func shutdownEndsThoughAnExporterIgnoresItsWindow() async throws {
        let exporter = StubbornExporter()
        let tracing = try tracing(exporter)
        end(3, tracing.tracer)
        await tracing.shutdown(timeout: .milliseconds(10))
        exporter.release.signal()
    }
}

/// Looks at no window: returns when the test lets it.
private final class StubbornExporter: SpanExporter {
    let release = DispatchSemaphore(value: 0)

    func export(_ batch: ExportBatch, within window: ExportWindow) -> ExportResult {
        release.wait()
        return .success()
    }

    func shutdown() {}
}
