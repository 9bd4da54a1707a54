import Foundation
import Skein
import SkeinTesting
import Synchronization
import Testing
import Tracing

/// Spans that wait on disk.
@Suite struct SpillTests {
    private let directory = FileManager.default.temporaryDirectory.appending(path: "skein-spill-\(UUID())").path

    private func tracing(
        _ exporter: GatedExporter, bytesMax: Int = 64 << 20,
        _ configure: (inout TracingConfiguration) -> Void = { _ in }
    ) throws -> SkeinTracing {
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.exporters = [.custom(exporter)]
        configuration.logger.logLevel = .critical
        configuration.batch.scheduleDelay = .zero
        configuration.batch.maxQueueBytes = 256 << 10
        configuration.batch.spill = SpillOptions(directory: directory, bytesMax: bytesMax)
        configuration.backoff.initial = .milliseconds(1)
        configuration.backoff.max = .milliseconds(5)
        configuration.shutdownTimeout = .seconds(600)
        configure(&configuration)
        return try SkeinTracing(configuration)
    }

    private func end(_ numbers: Range<Int>, _ tracer: SkeinTracer) {
        for number in numbers {
            let span = tracer.startSpan("s", context: .topLevel)
            span.record("number", number)
            span.end()
        }
    }

    private func numbers(_ spans: [RecordedSpan]) -> [Int] {
        spans.compactMap { if case .int(let number)? = $0.attributes["number"] { Int(number) } else { nil } }
    }

    @Test func moreSpansThanMemoryHoldsSurviveAnOutage() async throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let isUp = Mutex(false)
        let exporter = GatedExporter(answering: { _ in isUp.withLock { $0 } ? .success() : .retryable("away") })
        let tracing = try tracing(exporter) { $0.batch.overflow = .block }
        await onThreads(1) { _ in end(0..<20_000, tracing.tracer) }
        #expect(tracing.statistics.spilled > 10_000)
        let before = exporter.requests.count
        isUp.withLock { $0 = true }
        await tracing.shutdown()
        #expect(tracing.statistics.exported == 20_000 && tracing.statistics.spilled == 0)
        #expect(tracing.statistics.droppedQueueFull == 0)
        // The first batch may have been answered right when the receiver came back.
        let taken = exporter.spans(from: before)
        #expect(Set(numbers(taken)).count >= 20_000 - 512)
    }

    @Test func whatAShutdownCannotSendIsSentByTheNextProcess() async throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let away = try tracing(GatedExporter(result: .retryable("away", after: .seconds(100))))
        end(0..<1_500, away.tracer)
        await away.shutdown(timeout: .milliseconds(20))
        #expect(away.statistics.droppedShutdown == 0 && away.statistics.spilled == 1_500)

        let exporter = GatedExporter()
        let next = try tracing(exporter)
        end(1_500..<1_501, next.tracer)
        await next.shutdown()
        #expect(Set(numbers(exporter.spans)) == Set(0..<1_501) && exporter.spanCount == 1_501)
        #expect(next.statistics.spilled == 0)
    }

    @Test func fullDiskLosesOnlyWhatFitsNowhereAndCountsIt() async throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let exporter = GatedExporter(result: .retryable("away", after: .seconds(100)))
        let tracing = try tracing(exporter, bytesMax: 100 << 10)
        end(0..<20_000, tracing.tracer)
        await tracing.shutdown(timeout: .milliseconds(20))
        let statistics = tracing.statistics
        #expect(statistics.spilled > 500)
        #expect(statistics.droppedShutdown + statistics.droppedQueueFull + UInt64(statistics.spilled) == 20_000)
    }

    /// The batch that found no room on disk must outlast one that is given up meanwhile.
    @Test func everySpanIsAccountedForWhenABatchIsGivenUpWithAFullDisk() async throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let exporter = GatedExporter(result: .retryable("away", after: .seconds(3600)))
        let tracing = try tracing(exporter, bytesMax: 60 << 10) { $0.batch.retryTimeout = .milliseconds(100) }
        end(0..<20_000, tracing.tracer)
        while tracing.statistics.droppedExportFailed == 0 { await Task.yield() }
        await tracing.shutdown(timeout: .milliseconds(20))
        let statistics = tracing.statistics
        let lost = statistics.droppedExportFailed + statistics.droppedShutdown + statistics.droppedQueueFull
        #expect(lost + UInt64(statistics.spilled) == 20_000)
    }

    /// The batch that found no room on disk is none of those that wait in the queue.
    @Test func flushWaitsForABatchThatTheDiskHadNoRoomFor() async throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let exporter = GatedExporter(result: .retryable("away", after: .seconds(3600)))
        let tracing = try tracing(exporter, bytesMax: 0) { configuration in
            configuration.batch.retryTimeout = .milliseconds(100)
            configuration.batch.maxExportBatchSize = 1
        }
        // Takes more than half of the memory.
        func endLargeSpan() {
            let span = tracing.tracer.startSpan("s", context: .topLevel)
            span.record("text", String(repeating: "x", count: 150_000))
            span.end()
        }
        endLargeSpan()
        await exporter.arrived(batches: 1)
        endLargeSpan()
        while tracing.statistics.droppedExportFailed == 0 { await Task.yield() }
        let isComplete = await tracing.flush(timeout: .milliseconds(50))
        #expect(!isComplete)
        await tracing.shutdown(timeout: .milliseconds(20))
        #expect(tracing.statistics.droppedExportFailed == 1 && tracing.statistics.droppedShutdown == 1)
    }

    /// A directory has one owner: what one exporter has sent, another must not take for its own.
    @Test func everyExporterSpillsToADirectoryOfItsOwn() async throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let away = { GatedExporter(result: .retryable("away", after: .seconds(100))) }
        let before = try tracing(away()) { $0.exporters.append(.custom(away())) }
        end(0..<1_500, before.tracer)
        await before.shutdown(timeout: .milliseconds(20))
        #expect(before.statistics.spilled == 3_000 && before.statistics.droppedShutdown == 0)

        let (first, second) = (GatedExporter(), GatedExporter())
        let next = try tracing(first) { $0.exporters.append(.custom(second)) }
        end(1_500..<1_501, next.tracer)
        await next.shutdown()
        #expect(Set(numbers(first.spans)) == Set(0..<1_501) && first.spanCount == 1_501)
        #expect(Set(numbers(second.spans)) == Set(0..<1_501) && second.spanCount == 1_501)
    }

    @Test func directoryOfAnotherProcessIsLeftAloneAndSpansAreSentAllTheSame() async throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let first = try tracing(GatedExporter())
        let exporter = GatedExporter()
        let second = try tracing(exporter)
        end(0..<10, second.tracer)
        await second.shutdown()
        #expect(exporter.spanCount == 10)
        await first.shutdown()
    }
}
