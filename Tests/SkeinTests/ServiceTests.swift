import Logging
import ServiceLifecycle
import Skein
import SkeinTesting
import Testing
import Tracing

@Suite struct ServiceTests {
    private func tracing(_ exporter: InMemorySpanExporter) throws -> SkeinTracing {
        var configuration = TracingConfiguration(environment: { _ in nil })
        configuration.exporters = [.custom(exporter)]
        return try SkeinTracing(configuration)
    }

    @Test func gracefulShutdownOfTheGroupSendsWhatIsQueued() async throws {
        struct Worker: Service {
            let tracer: SkeinTracer
            func run() async throws {
                tracer.withSpan("work", context: .topLevel) { _ in }
                try? await gracefulShutdown()
                tracer.withSpan("last words", context: .topLevel) { _ in }
            }
        }
        let exporter = InMemorySpanExporter()
        let tracing = try tracing(exporter)
        let group = ServiceGroup(
            services: [tracing, Worker(tracer: tracing.tracer)], logger: Logger(label: "test"))
        async let run: Void = group.run()
        await group.triggerGracefulShutdown()
        try await run
        #expect(exporter.spans.map(\.name).sorted() == ["last words", "work"])
        #expect(exporter.isShutDown)
    }

    @Test func cancellationSendsWhatIsQueuedToo() async throws {
        let exporter = InMemorySpanExporter()
        let tracing = try tracing(exporter)
        tracing.tracer.withSpan("work", context: .topLevel) { _ in }
        let task = Task { try await tracing.run() }
        task.cancel()
        try await task.value
        #expect(exporter.spans.map(\.name) == ["work"])
    }

    @Test func bootstrapMakesItTheTracerOfTheProcess() async throws {
        let exporter = InMemorySpanExporter()
        let tracing = try SkeinTracing.bootstrap(serviceName: "gateway") { configuration in
            configuration.exporters = [.custom(exporter)]
            configuration.sampler = AlwaysOnSampler()
        }
        withSpan("global", context: .topLevel) { span in
            span.attributes["a"] = 1
            #expect(span is SkeinSpan)
        }
        await tracing.flush()
        let span = try #require(exporter.spans(named: "global").first)
        #expect(span.resource["service.name"] == .string("gateway"))
        #expect(span.attributes == ["a": .int(1)])
        await tracing.shutdown()
    }
}
