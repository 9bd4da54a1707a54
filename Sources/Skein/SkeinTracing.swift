import CurlTransport
import Logging
import SemanticConventions
import ServiceLifecycle
import Tracing

/// Tracing of one process: the tracer, and what collects and sends its spans.
///
/// ```swift
/// let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway")
/// withSpan("answer") { span in
///     span.attributes["question.length"] = 42
/// }
/// await telemetry.shutdown()
/// ```
///
/// It is a `Service`: in a `ServiceGroup` it stands first, so that it is shut down last.
public final class SkeinTracing: Service {
    /// What makes spans.
    public let tracer: SkeinTracer
    /// What log handlers share.
    let logs: LogPipeline
    private let pipeline: SpanPipeline
    private let shutdownTimeout: Duration

    /// Sets tracing up without making it the process's own.
    ///
    /// - Throws: ``SkeinError`` when the exporter cannot be made.
    public init(_ configuration: TracingConfiguration = TracingConfiguration()) throws(SkeinError) {
        for problem in configuration.problems + configuration.fileProblems {
            configuration.logger.warning("\(problem)")
        }
        shutdownTimeout = configuration.shutdownTimeout
        let started = StartedSpans()
        pipeline = SpanPipeline(
            configuration, sink: try Self.sink(configuration, started), started: started)
        logs = try Self.logPipeline(configuration)
        tracer = SkeinTracer(pipeline, configuration)
    }

    /// Sets tracing up from the environment and makes it the tracer of the whole process. To be called once, at the
    /// start.
    ///
    /// - Parameters:
    ///   - serviceName: wins over `OTEL_SERVICE_NAME`; nil leaves it to the environment.
    ///   - configure: changes what the environment said.
    /// - Throws: ``SkeinError`` when the exporter cannot be made; the process then has no tracer.
    public static func bootstrap(
        serviceName: String? = nil, configure: (inout TracingConfiguration) -> Void = { _ in }
    ) throws(SkeinError) -> SkeinTracing {
        var configuration = TracingConfiguration()
        if let serviceName { configuration.resource[ServiceAttributes.serviceName.name] = .string(serviceName) }
        configure(&configuration)
        let tracing = try SkeinTracing(configuration)
        InstrumentationSystem.bootstrap(tracing.tracer)
        if configuration.flushesAtExit { ExitFlush.add(tracing.finish) }
        return tracing
    }

    /// Waits for the graceful shutdown of its service group, then sends what is queued.
    public func run() async throws {
        // Being cancelled ends the wait too, and what is queued is sent all the same.
        try? await gracefulShutdown()
        await shutdown()
    }

    /// Sends what is queued, spans and log records, within `timeout`, and ends tracing; what comes later is dropped and
    /// counted. May be called twice.
    ///
    /// - Parameter timeout: nil means the configuration's.
    public func shutdown(timeout: Duration? = nil) async {
        let timeout = timeout ?? shutdownTimeout
        async let logsAreSent: Void = logs.shutdown(timeout: timeout)
        await pipeline.shutdown(timeout: timeout)
        await logsAreSent
    }

    /// Sends every span that has ended and every line that was logged. Returns when the fate of all is known, or after
    /// `timeout`.
    ///
    /// - Returns: false when the time was over first; they are sent all the same.
    @discardableResult
    public func flush(timeout: Duration = .seconds(30)) async -> Bool {
        // Waiting blocks, which a task may not do.
        await withCheckedContinuation { continuation in
            let isStarted = DetachedThread.start { [self] in
                continuation.resume(returning: forceFlush(timeout: timeout))
            }
            if !isStarted { continuation.resume(returning: false) }
        }
    }

    /// How the spans fared so far.
    public var statistics: TracingStatistics { tracer.statistics }

    /// A shutdown for a process that ends: blocks, for at most `timeout` and what is on hand then.
    private func finish(timeout: Duration) {
        let deadline = MonotonicTime.now + timeout
        // All begin before any is waited for.
        logs.close(deadline: deadline)
        pipeline.close(deadline: deadline)
        logs.waitForEnd(deadline: deadline)
        pipeline.waitForEnd(deadline: deadline)
    }

    /// Blocks for at most `timeout`.
    private func forceFlush(timeout: Duration) -> Bool {
        let deadline = MonotonicTime.now + timeout
        let areSpansSent = pipeline.forceFlush(timeout: timeout)
        return logs.forceFlush(timeout: MonotonicTime.now.duration(to: deadline)) && areSpansSent
    }

    private static func sink(
        _ configuration: TracingConfiguration, _ started: StartedSpans
    ) throws(SkeinError) -> SpanSink {
        let exporters = configuration.isDisabled ? [] : configuration.exporters
        let names = exporters.namesForMessages
        let directories = exporters.spillDirectories(configuration.batch.spill?.directory)
        var processors: [BatchProcessor] = []
        for (index, exporter) in exporters.enumerated() {
            let (exporter, name) = try Self.make(exporter, configuration)
            var batch = configuration.batch
            if let directory = directories[index] { batch.spill?.directory = directory } else { batch.spill = nil }
            let diagnostics = Diagnostics(
                configuration.logger, exporter: exporters.count > 1 ? names[index] : nil,
                interval: configuration.diagnosticsInterval)
            processors.append(
                BatchProcessor(
                    options: batch, framing: SpanFraming(configuration), exporter: exporter,
                    exporterName: name, diagnostics: diagnostics, backoff: configuration.backoff,
                    metrics: configuration.metricsFactory, started: processors.isEmpty ? started : nil))
        }
        switch processors.count {
        case 0: return .discarding(DiscardingSpanProcessor())
        case 1: return .batch(processors[0])
        default: return .batches(processors)
        }
    }

    private static func make(
        _ exporter: TracingConfiguration.Exporter, _ configuration: TracingConfiguration
    ) throws(SkeinError) -> (any SpanExporter, name: String) {
        switch exporter {
        case .custom(let custom): return (custom, "custom")
        case .console: return (ConsoleSpanExporter(), "console")
        case .otlp:
            do {
                return (try OTLPExporter(configuration.otlp, .span), "otlp_http_exporter")
            } catch {
                throw SkeinError(code: .exporterUnavailable, message: error.description)
            }
        }
    }
}

extension SkeinTracing {
    /// A tracer that hands every span to `exporter` the moment it ends, on the thread that ends it. For tests.
    package static func immediate(
        _ exporter: any SpanExporter, _ configuration: TracingConfiguration
    ) -> SkeinTracer {
        let processor = SimpleSpanProcessor(framing: SpanFraming(configuration), exporter: exporter)
        return SkeinTracer(SpanPipeline(configuration, sink: .immediate(processor)), configuration)
    }
}

extension SpanFraming {
    fileprivate init(_ configuration: TracingConfiguration) {
        self.init(resource: configuration.resource, scopeName: "skein", scopeVersion: SkeinVersion.current)
    }
}

/// Why tracing could not be set up.
public struct SkeinError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of failure it is.
    public enum Code: Sendable {
        /// The exporter cannot be made.
        case exporterUnavailable
    }

    /// What kind of failure it is.
    public let code: Code
    /// What happened, in words.
    public let message: String

    /// Code and message in one line.
    public var description: String { "\(code): \(message)" }
}
