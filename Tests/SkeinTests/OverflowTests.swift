import CurlTransport
import Glibc
import Skein
import SkeinTesting
import Synchronization
import Testing
import Tracing

/// What happens to spans for which there is no room.
@Suite struct OverflowTests {
    private func tracing(
        _ exporter: GatedExporter, _ overflow: BatchOptions.Overflow,
        _ configure: (inout BatchOptions) -> Void = { _ in }
    ) throws -> SkeinTracing {
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.exporters = [.custom(exporter)]
        configuration.logger.logLevel = .critical
        configuration.batch.exportTimeout = .seconds(600)
        configuration.shutdownTimeout = .seconds(600)
        configuration.batch.overflow = overflow
        configure(&configuration.batch)
        return try SkeinTracing(configuration)
    }

    private static func end(_ numbers: Range<Int>, _ tracer: SkeinTracer) {
        for number in numbers {
            let span = tracer.startSpan("s", context: .topLevel)
            span.record("number", number)
            span.end()
        }
    }

    private func numbers(_ exporter: GatedExporter) -> [Int] {
        exporter.spans.compactMap { if case .int(let number)? = $0.attributes["number"] { Int(number) } else { nil } }
    }

    @Test func oldestSpansMakeRoomForNewOnes() async throws {
        let exporter = GatedExporter(isOpen: false)
        let tracing = try tracing(exporter, .dropOldest) {
            $0.maxQueueSize = 100; $0.maxExportBatchSize = 10
        }
        Self.end(0..<10, tracing.tracer)
        await exporter.arrived(batches: 1)
        Self.end(10..<140, tracing.tracer)
        #expect(tracing.statistics.droppedQueueFull == 30)
        exporter.open()
        await tracing.shutdown()
        #expect(numbers(exporter) == Array(0..<10) + Array(40..<140))
        #expect(tracing.statistics.ended == 140 && tracing.statistics.exported == 110)
    }

    /// Without a bound on their number, spans are dropped when the memory is used up.
    @Test(arguments: [BatchOptions.Overflow.dropNewest, .dropOldest])
    func memoryBoundsTheQueue(_ overflow: BatchOptions.Overflow) async throws {
        let exporter = GatedExporter(isOpen: false)
        let tracing = try tracing(exporter, overflow) { $0.maxQueueBytes = 256 << 10 }
        Self.end(0..<512, tracing.tracer)
        await exporter.arrived(batches: 1)
        Self.end(512..<20_000, tracing.tracer)
        let statistics = tracing.statistics
        // A span of this kind takes about 75 bytes.
        #expect((2_500...4_000).contains(statistics.queued), "\(statistics.queued) wait")
        #expect(statistics.droppedQueueFull == UInt64(20_000 - 512 - statistics.queued))
        exporter.open()
        await tracing.shutdown()
        let arrived = numbers(exporter)
        #expect(arrived.count == 512 + statistics.queued && arrived == arrived.sorted())
        #expect(arrived.last == 19_999 || overflow == .dropNewest)
        #expect(arrived.prefix(513).last == 512 || overflow == .dropOldest)
        #expect(tracing.statistics.ended == 20_000)
    }

    @Test func spanLargerThanTheQueueIsDroppedAndCounted() async throws {
        let exporter = GatedExporter()
        let tracing = try tracing(exporter, .block) { $0.maxQueueBytes = 64 << 10 }
        for size in [100, 100_000, 30_000] {
            let span = tracing.tracer.startSpan("s", context: .topLevel)
            span.record("text", String(repeating: "x", count: size))
            span.end()
        }
        await tracing.shutdown()
        #expect(exporter.spanCount == 2)
        #expect(tracing.statistics.droppedQueueFull == 1)
    }

    @Test(arguments: [nil, 300])
    func blockedThreadsLoseNothing(_ maxQueueSize: Int?) async throws {
        let exporter = GatedExporter()
        let tracing = try tracing(exporter, .block) {
            $0.maxQueueSize = maxQueueSize
            $0.maxQueueBytes = 128 << 10
        }
        await onThreads(4) { thread in Self.end(thread * 10_000..<(thread + 1) * 10_000, tracing.tracer) }
        await tracing.shutdown()
        #expect(numbers(exporter).sorted() == Array(0..<40_000))
        #expect(exporter.batchSizes.allSatisfy { $0 <= 512 })
        #expect(tracing.statistics.exported == 40_000 && tracing.statistics.droppedQueueFull == 0)
    }

    /// Those who wait for room sleep; they must not wake one another.
    @Test func waitingForRoomCostsNothing() async throws {
        func switches() -> Int {
            var usage = rusage()
            getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
            return usage.ru_nvcsw
        }
        let exporter = GatedExporter(answering: { _ in .retryable("away", after: .seconds(3600)) })
        let tracing = try tracing(exporter, .block) {
            $0.maxQueueSize = 10; $0.maxExportBatchSize = 10
        }
        Self.end(0..<10, tracing.tracer)
        await exporter.arrived(batches: 1)
        async let threads: Void = onThreads(4) { _ in Self.end(0..<100, tracing.tracer) }
        while tracing.statistics.queued < 10 { await Task.yield() }
        let before = switches()
        #expect(await !tracing.flush(timeout: .milliseconds(100)))
        #expect(switches() - before < 1_000)
        await tracing.shutdown(timeout: .milliseconds(10))
        await threads
    }

    @Test func shutdownFreesThoseWhoWaitForRoom() async throws {
        let exporter = GatedExporter(isOpen: false)
        let tracing = try tracing(exporter, .block) {
            $0.maxQueueSize = 10; $0.maxExportBatchSize = 10
        }
        Self.end(0..<10, tracing.tracer)
        await exporter.arrived(batches: 1)
        async let threads: Void = onThreads(2) { _ in Self.end(0..<100, tracing.tracer) }
        await tracing.shutdown(timeout: .milliseconds(50))
        await threads
        let statistics = tracing.statistics
        #expect(statistics.ended == 210)
        #expect(statistics.droppedShutdown + statistics.droppedExportFailed == 210)
    }

    @Test func manyThreadsAreAllCounted() async throws {
        let exporter = GatedExporter()
        let tracing = try tracing(exporter, .dropNewest) { $0.maxQueueBytes = 64 << 10 }
        await onThreads(8) { thread in Self.end(0..<5_000, tracing.tracer) }
        await tracing.shutdown()
        let statistics = tracing.statistics
        #expect(statistics.ended == 40_000)
        #expect(UInt64(exporter.spanCount) == statistics.exported)
        #expect(statistics.exported + statistics.droppedQueueFull == 40_000)
        #expect(Set(exporter.spans.map(\.spanID)).count == exporter.spanCount)
    }

    @Test func batchOfManyThreadsLeavesAtOnce() async throws {
        let exporter = GatedExporter()
        let tracing = try tracing(exporter, .dropNewest) { $0.scheduleDelay = .seconds(3600) }
        await onThreads(4) { _ in Self.end(0..<128, tracing.tracer) }
        await exporter.arrived(batches: 1)
        #expect(exporter.batchSizes == [512])
        await tracing.shutdown()
    }
}

/// Runs `body` on so many threads at the same time and waits for all.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) async {
    await withTaskGroup(of: Void.self) { group in
        for thread in 0..<count {
            group.addTask {
                await withCheckedContinuation { continuation in
                    let isStarted = DetachedThread.start {
                        body(thread)
                        continuation.resume()
                    }
                    if !isStarted {
                        Issue.record("no thread")
                        continuation.resume()
                    }
                }
            }
        }
    }
}
