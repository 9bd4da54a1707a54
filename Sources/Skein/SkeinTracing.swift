import CurlTransport
import Logging
import SemanticConventions
import ServiceLifecycle
import Tracing

/// Tracing of one process: the tracer, and what collects and sends its spans.
///
/// ```swift
/// let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway")
/// try await withSpan("answer") { span in
///     span.attributes["question.length"] = 42
/// }
/// await telemetry.shutdown()
/// ```
///
/// It is a `Service`: in a `ServiceGroup` it stands first, so that it is shut down last.
public final class SkeinTracing: Service {
    /// What makes spans.
    public let tracer: SkeinTracer
    private let processor: any SpanProcessor
    private let shutdownTimeout: Duration

    /// Sets tracing up without making it the process's own.
    ///
    /// - Throws: ``SkeinError`` when the exporter cannot be made.
    public init(_ configuration: TracingConfiguration = TracingConfiguration()) throws(SkeinError) {
        let diagnostics = Diagnostics(configuration.logger)
        for problem in configuration.problems { configuration.logger.warning("\(problem)") }
        let counters = TracingCounters()
        processor = try Self.processor(configuration, counters, diagnostics)
        shutdownTimeout = configuration.shutdownTimeout
        tracer = SkeinTracer(
            configuration,
            pipeline: SpanPipeline(processor: processor, limits: configuration.limits, counters: counters))
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
        return tracing
    }

    /// Waits for the graceful shutdown of its service group, then sends what is queued.
    public func run() async throws {
        // Being cancelled ends the wait too, and the spans are sent all the same.
        try? await gracefulShutdown()
        await shutdown()
    }

    /// Sends what is queued, within `timeout`, and ends tracing; spans that end later are dropped and counted. May be
    /// called twice.
    ///
    /// - Parameter timeout: nil means the configuration's.
    public func shutdown(timeout: Duration? = nil) async {
        await processor.shutdown(timeout: timeout ?? shutdownTimeout)
    }

    /// Sends every span that has ended, and returns when its fate is known.
    public func flush() async {
        await processor.flush()
    }

    /// How the spans fared so far.
    public var statistics: TracingStatistics { tracer.statistics }

    private static func processor(
        _ configuration: TracingConfiguration, _ counters: TracingCounters, _ diagnostics: Diagnostics
    ) throws(SkeinError) -> any SpanProcessor {
        let framing = SpanFraming(
            resource: configuration.resource, scopeName: "skein", scopeVersion: SkeinVersion.current)
        let exporter: any SpanExporter
        switch configuration.exporters.first {
        case _ where configuration.isDisabled: return DiscardingSpanProcessor(counters)
        case nil: return DiscardingSpanProcessor(counters)
        case .custom(let custom): exporter = custom
        case .otlp:
            do {
                exporter = try OTLPExporter(configuration.otlp)
            } catch {
                throw SkeinError(code: .exporterUnavailable, message: error.description)
            }
        }
        return BatchSpanProcessor(
            options: configuration.batch, framing: framing, exporter: exporter, counters: counters,
            diagnostics: diagnostics)
    }
}

extension SkeinTracing {
    /// A tracer that hands every span to `exporter` the moment it ends, on the thread that ends it. For tests.
    package static func immediate(
        _ exporter: any SpanExporter, _ configuration: TracingConfiguration
    ) -> SkeinTracer {
        let counters = TracingCounters()
        let framing = SpanFraming(
            resource: configuration.resource, scopeName: "skein", scopeVersion: SkeinVersion.current)
        let processor = SimpleSpanProcessor(framing: framing, exporter: exporter, counters: counters)
        return SkeinTracer(
            configuration,
            pipeline: SpanPipeline(processor: processor, limits: configuration.limits, counters: counters))
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
