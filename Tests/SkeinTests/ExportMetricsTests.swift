import CoreMetrics
import Skein
import Synchronization
import Testing
import Tracing

/// What swift-metrics is told.
@Suite struct ExportMetricsTests {
    private let factory = RecordingMetricsFactory()

    private func tracing(
        _ exporter: GatedExporter, _ configure: (inout TracingConfiguration) -> Void = { _ in }
    ) throws -> SkeinTracing {
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.exporters = [.custom(exporter)]
        configuration.logger.logLevel = .critical
        configuration.batch.exportTimeout = .seconds(600)
        configuration.shutdownTimeout = .seconds(600)
        configuration.metricsFactory = { [factory] in factory }
        configure(&configuration)
        return try SkeinTracing(configuration)
    }

    private func end(_ count: Int, _ tracer: SkeinTracer) {
        for _ in 0..<count { tracer.startSpan("s", context: .topLevel).end() }
    }

    @Test func countersTellWhatIsNewAndGaugesHowTheQueueStands() async throws {
        let exporter = GatedExporter(isOpen: false)
        let tracing = try tracing(exporter) { configuration in
            configuration.batch.maxQueueSize = 100
            configuration.batch.maxExportBatchSize = 10
            configuration.exporters.append(.custom(GatedExporter()))
        }
        let unended = tracing.tracer.startSpan("s", context: .topLevel)
        end(10, tracing.tracer)
        await exporter.arrived(batches: 1)
        end(130, tracing.tracer)
        exporter.open()
        await tracing.shutdown()
        #expect(tracing.statistics.started == 141 && tracing.statistics.ended == 140)
        #expect(factory.value("otel.sdk.span.started") == 141, "however many exporters there are")
        #expect(factory.value("otel.sdk.processor.span.queue.size") == 0)
        #expect(factory.value("otel.sdk.processor.span.queue.capacity") == 100)
        #expect(factory.value("skein.sdk.processor.span.queue.bytes") == 0)
        #expect(factory.value("skein.sdk.processor.span.queue.capacity_bytes") == 29_360_128)
        let dropped = tracing.statistics.droppedQueueFull
        #expect(dropped >= 30 && factory.value("otel.sdk.processor.span.processed queue_full") == Double(dropped))
        #expect(factory.value("otel.sdk.processor.span.processed") == 280 - Double(dropped))
        #expect(factory.value("otel.sdk.exporter.span.exported") == 280 - Double(dropped))
        unended.end()
    }

    @Test func gaugesTellWhatWaitsWhileTheReceiverIsAway() async throws {
        let exporter = GatedExporter(isOpen: false, result: .retryable("away", after: .seconds(3600)))
        let tracing = try tracing(exporter) { $0.batch.maxExportBatchSize = 10 }
        end(10, tracing.tracer)
        await exporter.arrived(batches: 1)
        end(7, tracing.tracer)
        exporter.open()
        while factory.value("otel.sdk.processor.span.queue.size") == nil { await Task.yield() }
        #expect(factory.value("otel.sdk.processor.span.queue.size") == 7)
        #expect(factory.value("skein.sdk.processor.span.queue.bytes") ?? 0 > 0)
        #expect(factory.value("otel.sdk.processor.span.queue.capacity") == nil, "only bytes are bounded")
        await tracing.shutdown(timeout: .milliseconds(10))
        #expect(factory.value("otel.sdk.exporter.span.exported shutdown") == 17)
    }

    @Test func everyFateOfASpanHasItsCounter() async throws {
        let tracing = try tracing(
            GatedExporter(answering: { $0 == 0 ? .success(rejected: 3, message: "bad") : .failure("gone") }))
        end(10, tracing.tracer)
        #expect(await tracing.flush())
        end(4, tracing.tracer)
        await tracing.shutdown()
        #expect(factory.value("otel.sdk.exporter.span.exported") == 7)
        #expect(factory.value("otel.sdk.exporter.span.exported rejected") == 3)
        #expect(factory.value("otel.sdk.exporter.span.exported export_failed") == 4)
        #expect(factory.value("otel.sdk.exporter.operation.duration") != nil)
    }
}

/// Keeps the sum of each counter and the last value of each gauge, by label and `error.type`.
private final class RecordingMetricsFactory: MetricsFactory {
    private final class Instrument: CounterHandler, RecorderHandler, TimerHandler {
        private let name: String
        private let factory: RecordingMetricsFactory

        init(_ name: String, _ factory: RecordingMetricsFactory) {
            self.name = name
            self.factory = factory
        }

        func increment(by amount: Int64) { factory.values.withLock { $0[name, default: 0] += Double(amount) } }
        func reset() { factory.values.withLock { $0[name] = nil } }
        func record(_ value: Int64) { factory.values.withLock { $0[name] = Double(value) } }
        func record(_ value: Double) { factory.values.withLock { $0[name] = value } }
        func recordNanoseconds(_ duration: Int64) { record(duration) }
    }

    private let values = Mutex<[String: Double]>([:])

    func value(_ name: String) -> Double? { values.withLock { $0[name] } }

    private func instrument(_ label: String, _ dimensions: [(String, String)]) -> Instrument {
        let error = dimensions.first { $0.0 == "error.type" }
        return Instrument(error.map { "\(label) \($0.1)" } ?? label, self)
    }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        instrument(label, dimensions)
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        instrument(label, dimensions)
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        instrument(label, dimensions)
    }

    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}
}
