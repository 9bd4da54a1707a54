import Foundation
import Skein
import SkeinTesting
import Synchronization
import Testing
import Tracing

@Suite struct BatchSpanProcessorTests {
    private func tracing(
        _ exporter: GatedExporter, _ configure: (inout TracingConfiguration) -> Void = { _ in }
    ) throws -> SkeinTracing {
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.exporters = [.custom(exporter)]
        configuration.logger.logLevel = .critical
        // No test waits for it, and a busy machine must not run into it.
        configuration.batch.exportTimeout = .seconds(600)
        configuration.shutdownTimeout = .seconds(600)
        configure(&configuration)
        return try SkeinTracing(configuration)
    }

    private func end(_ count: Int, _ tracer: SkeinTracer) {
        for number in 0..<count {
            let span = tracer.startSpan("s\(number)", context: .topLevel)
            span.record("number", number)
            span.end()
        }
    }

    @Test(arguments: [0, 1, 511, 512, 513, 5_000])
    func shutdownDrainsEverything(_ count: Int) async throws {
        let exporter = GatedExporter()
        let tracing = try tracing(exporter) { $0.batch.maxQueueSize = 5_000 }
        end(count, tracing.tracer)
        await tracing.shutdown()
        #expect(exporter.spans.map(\.attributes) == (0..<count).map { ["number": .int(Int64($0))] })
        #expect(exporter.batchSizes.allSatisfy { $0 <= 512 })
        #expect(exporter.isShutDown)
        #expect(tracing.statistics.exported == UInt64(count) && tracing.statistics.ended == UInt64(count))
    }

    @Test func fullQueueDropsTheNewestAndCountsThem() async throws {
        let exporter = GatedExporter(isOpen: false)
        let tracing = try tracing(exporter) { configuration in
            configuration.batch.maxQueueSize = 100
            configuration.batch.maxExportBatchSize = 10
        }
        end(10, tracing.tracer)
        await exporter.arrived(batches: 1)
        end(130, tracing.tracer)
        #expect(tracing.statistics.droppedQueueFull == 30)
        exporter.open()
        await tracing.shutdown()
        #expect(exporter.spanCount == 110)
        let statistics = tracing.statistics
        #expect(statistics.ended == 140 && statistics.exported == 110 && statistics.droppedQueueFull == 30)
        #expect(exporter.spans.last?.attributes == ["number": .int(99)])
    }

    @Test func forceFlushExportsWhatEndedOnceAndOnlyOnce() async throws {
        let exporter = GatedExporter()
        let tracing = try tracing(exporter)
        end(10, tracing.tracer)
        tracing.tracer.forceFlush()
        #expect(exporter.spanCount == 10)
        tracing.tracer.forceFlush()
        await tracing.flush()
        #expect(exporter.spanCount == 10)
        end(5, tracing.tracer)
        await tracing.flush()
        #expect(exporter.spanCount == 15)
        await tracing.shutdown()
        #expect(Set(exporter.spans.map(\.spanID)).count == 15)
    }

    @Test func manyFlushesAtOnceLoseAndRepeatNothing() async throws {
        let exporter = GatedExporter()
        let tracing = try tracing(exporter) { $0.batch.maxQueueSize = 100_000 }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<20 {
                        end(50, tracing.tracer)
                        await tracing.flush()
                    }
                }
            }
        }
        #expect(exporter.spanCount == 4_000)
        await tracing.shutdown()
        #expect(Set(exporter.spans.map(\.spanID)).count == 4_000)
    }

    @Test func fullBatchLeavesAtOnce() async throws {
        let exporter = GatedExporter()
        let tracing = try tracing(exporter) { $0.batch.scheduleDelay = .seconds(3600) }
        end(512, tracing.tracer)
        await exporter.arrived(batches: 1)
        #expect(exporter.batchSizes == [512])
        await tracing.shutdown()
    }

    @Test func partOfABatchLeavesAfterTheDelay() async throws {
        let exporter = GatedExporter()
        let tracing = try tracing(exporter) { $0.batch.scheduleDelay = .milliseconds(20) }
        let start = ContinuousClock.now
        end(3, tracing.tracer)
        await exporter.arrived(batches: 1)
        #expect(ContinuousClock.now - start >= .milliseconds(20))
        // A machine may be so busy that the delay is over before the third span ends.
        await tracing.flush()
        #expect(exporter.spanCount == 3)
        await tracing.shutdown()
    }

    @Test func shutdownKeepsItsTimeAndCountsWhatItLost() async throws {
        let exporter = GatedExporter(isOpen: false)
        let tracing = try tracing(exporter) { $0.batch.maxExportBatchSize = 10 }
        end(25, tracing.tracer)
        await exporter.arrived(batches: 1)
        await tracing.shutdown(timeout: .milliseconds(30))
        let statistics = tracing.statistics
        #expect(statistics.droppedExportFailed == 10 && statistics.droppedShutdown == 15)
        #expect(exporter.isShutDown)
    }

    @Test func spansThatEndAfterTheShutdownAreCounted() async throws {
        let exporter = GatedExporter()
        let tracing = try tracing(exporter)
        end(1, tracing.tracer)
        await tracing.shutdown()
        await tracing.shutdown()
        end(2, tracing.tracer)
        await tracing.flush()
        tracing.tracer.forceFlush()
        #expect(exporter.spanCount == 1)
        #expect(tracing.statistics.droppedShutdown == 2 && tracing.statistics.ended == 3)
    }

    @Test func exportThatTakesTooLongIsDroppedAndCounted() async throws {
        let exporter = GatedExporter(isOpen: false)
        let tracing = try tracing(exporter) { $0.batch.exportTimeout = .milliseconds(20) }
        end(7, tracing.tracer)
        await tracing.flush()
        #expect(tracing.statistics.droppedExportFailed == 7)
        exporter.open()
        await tracing.shutdown()
    }

    /// Whatever becomes of it, a span that ended is in one count; nobody knows what an exporter does that was left
    /// behind.
    @Test func spansOfAnExporterThatIgnoresItsTimeStayInFlight() async throws {
        let isOver = Mutex(false)
        let exporter = GatedExporter(answering: { _ in
            while !isOver.withLock({ $0 }) { usleep(1_000) }
            return .success()
        })
        let tracing = try tracing(exporter)
        end(600, tracing.tracer)
        await exporter.arrived(batches: 1)
        #expect(tracing.statistics.inFlight == 512 && tracing.statistics.queued == 88)
        await tracing.shutdown(timeout: .milliseconds(10))
        let statistics = tracing.statistics
        #expect(statistics.inFlight == 512 && statistics.queued == 88 && statistics.ended == 600)
        isOver.withLock { $0 = true }
        while tracing.statistics.exported == 0 || tracing.statistics.droppedShutdown == 0 { await Task.yield() }
        let end = tracing.statistics
        #expect(end.inFlight == 0 && end.queued == 0 && end.exported == 512 && end.droppedShutdown == 88)
    }

    @Test func refusedSpansAreCountedApart() async throws {
        let exporter = GatedExporter(result: .success(rejected: 2, message: "bad ids"))
        let tracing = try tracing(exporter)
        end(7, tracing.tracer)
        await tracing.shutdown()
        #expect(tracing.statistics.exported == 5 && tracing.statistics.rejectedByReceiver == 2)
    }

    /// The exporting thread sleeps until somebody wakes it: with a delay of 1 ms, polling would wake it hundreds of
    /// times.
    @Test func idleThreadSleeps() async throws {
        let exporter = ThreadNotingExporter()
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.exporters = [.custom(exporter)]
        configuration.batch.scheduleDelay = .milliseconds(1)
        let tracing = try SkeinTracing(configuration)
        end(1, tracing.tracer)
        #expect(await tracing.flush())
        let thread = try #require(exporter.thread.withLock { $0 })
        let before = try Self.switches(ofThread: thread)
        let stuck = try self.tracing(GatedExporter(isOpen: false))
        end(1, stuck.tracer)
        #expect(await !stuck.flush(timeout: .milliseconds(500)))
        #expect(try Self.switches(ofThread: thread) - before < 20)
        await tracing.shutdown()
        await stuck.shutdown(timeout: .milliseconds(10))
    }

    /// proc(5): how often the thread gave up the processor to wait.
    private static func switches(ofThread thread: String) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(thread)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches:") })
        return try #require(line.split(separator: "\t").last.flatMap { Int($0) })
    }

    private final class ThreadNotingExporter: SpanExporter {
        /// As `/proc` names it.
        let thread = Mutex<String?>(nil)

        func export(_ batch: ExportBatch, within window: ExportWindow) -> ExportResult {
            thread.withLock { $0 = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self") }
            return .success()
        }

        func shutdown() {}
    }

    @Test func exporterNoneKeepsContextsAndSendsNothing() async throws {
        let tracing = try tracing(GatedExporter()) { $0.exporters = [] }
        let span = tracing.tracer.startSpan("x", context: .topLevel)
        #expect(span.context.spanContext?.isSampled == true)
        span.end()
        await tracing.flush()
        await tracing.shutdown()
        #expect(tracing.statistics.ended == 1)
    }
}
