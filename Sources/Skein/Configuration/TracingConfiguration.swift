import CoreMetrics
import Logging

/// Everything that can be set about tracing. Starts from the environment's `OTEL_*` variables; what code sets after
/// that wins.
public struct TracingConfiguration: Sendable {
    /// Where spans go.
    public enum Exporter: Sendable {
        /// To ``TracingConfiguration/otlp``.
        case otlp
        /// To standard error, for people: see ``ConsoleSpanExporter``.
        case console
        /// To an exporter of one's own.
        case custom(any SpanExporter)
    }

    /// Turns tracing off: spans only pass the caller's context on. `OTEL_SDK_DISABLED`.
    public var isDisabled = false
    /// What is said once about all spans: what was detected, then `OTEL_RESOURCE_ATTRIBUTES`, then
    /// `OTEL_SERVICE_NAME`; of equal keys the later wins.
    public var resource = Resource()
    /// Which spans are recorded. `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG`.
    public var sampler: any Sampler = ParentBasedSampler(root: AlwaysOnSampler())
    /// In which formats context travels, in this order; see ``Propagator``. `OTEL_PROPAGATORS`.
    public var propagators: [Propagator] = [.traceContext, .baggage]
    /// The keys of baggage that every recorded span gets as string attributes of the same name, before samplers look at
    /// it: the first 64, which is what baggage may hold. Empty by default, because baggage comes from outside; what
    /// SkeinAgents' attribution and experiments put into baggage is on every recorded span in any case.
    /// `SKEIN_BAGGAGE_ATTRIBUTES`, a list separated by commas.
    public var baggageAttributes: [String] = []
    /// What a span may hold. `OTEL_SPAN_*_LIMIT` and its kin.
    public var limits = SpanLimits()
    /// Whether an error is recorded with the calls that led to the recording (`exception.stacktrace`), for some 100 µs
    /// each. Swift does not keep where an error was thrown.
    public var recordsCallStacks = false
    /// How spans are collected. `OTEL_BSP_*`, `SKEIN_BSP_*`.
    public var batch = BatchOptions()
    /// Where spans go; each exporter has a queue of its own. With none, spans are made and thrown away at once, and
    /// contexts still travel. `OTEL_TRACES_EXPORTER`.
    public var exporters = [Exporter.otlp]
    /// What else is told of spans, before the exporters. None by default.
    public var processors: [any SpanProcessor] = []
    /// How OTLP is sent. `OTEL_EXPORTER_OTLP_*`.
    public var otlp = OTLPOptions()
    /// Whether and how lines of swift-log are sent. `OTEL_LOGS_EXPORTER`, `OTEL_BLRP_*` and their kin.
    public var logs = LoggingConfiguration()
    /// Makes the ids.
    public var idGenerator: any IDGenerator = RandomIDGenerator()
    /// Where problems of tracing itself are told, each kind at most every 30 seconds. Its level is `OTEL_LOG_LEVEL`.
    public var logger = Logger(label: "skein")
    /// The time a shutdown has to send what is queued.
    public var shutdownTimeout: Duration = .seconds(10)
    /// Whether a process that ends without a shutdown sends what is queued, for at most 2 seconds and one more for an
    /// exporter that does not keep its time. Holds for
    /// ``SkeinTracing/bootstrap(serviceName:configure:)``; a signal that ends the process leaves no time for it.
    public var flushesAtExit = true
    /// The pauses between attempts to send a batch.
    package var backoff = Backoff()
    /// How often a problem of one kind is told: often enough to notice, seldom enough for a log that people read.
    package var diagnosticsInterval: Duration = .seconds(30)
    /// Makes what the SDK's own metrics are told to.
    package var metricsFactory: @Sendable () -> any MetricsFactory = { MetricsSystem.factory }
    /// Whether the environment says where spans go: exporters, or the endpoint of a receiver. Where it does not, a tool
    /// may print spans rather than look for a collector on this machine.
    public internal(set) var isDestinationInEnvironment = false
    /// What was wrong in the environment; told to the logger once when tracing starts.
    public internal(set) var problems: [ConfigurationProblem] = []
    /// What the environment says about the resource, in order.
    var environmentResource: [(key: String, value: String)] = []

    /// Defaults and the process's environment.
    public init() {
        self.init(environment: Environment.process)
    }

    /// Defaults and the variables that `environment` gives.
    public init(environment: (String) -> String?) {
        self = withoutActuallyEscaping(environment) { lookup in
            TracingConfiguration(environment: lookup, source: DetectionSource(variable: lookup))
        }
    }

    /// - Parameter source: where resource detectors look.
    package init(environment: @escaping (String) -> String?, source: DetectionSource) {
        var reader = Environment(environment)
        read(&reader, source)
        problems = reader.problems
    }

    /// Finds the resource out anew with these detectors alone; what the environment says still wins over them. What code
    /// set before is forgotten.
    public mutating func detectResource(with detectors: [ResourceDetector]) {
        detectResource(with: detectors, from: .process)
    }

    mutating func detectResource(with detectors: [ResourceDetector], from source: DetectionSource) {
        resource = .detected(by: detectors, from: source)
        for (key, value) in environmentResource { resource[key] = .string(value) }
    }
}
