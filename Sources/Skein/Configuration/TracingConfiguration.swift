import Logging

/// Everything that can be set about tracing. Starts from the environment's `OTEL_*` variables; what code sets after
/// that wins.
public struct TracingConfiguration: Sendable {
    /// Where spans go.
    public enum Exporter: Sendable {
        /// To ``TracingConfiguration/otlp``.
        case otlp
        /// To an exporter of one's own.
        case custom(any SpanExporter)
    }

    /// Turns tracing off: spans only pass the caller's context on. `OTEL_SDK_DISABLED`.
    public var isDisabled = false
    /// What is said once about all spans. `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_SERVICE_NAME`.
    public var resource = Resource.detected()
    /// Which spans are recorded. `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG`.
    public var sampler: any Sampler = ParentBasedSampler(root: AlwaysOnSampler())
    /// In which formats context travels, in this order; see ``Propagator``. `OTEL_PROPAGATORS`.
    public var propagators: [Propagator] = [.traceContext, .baggage]
    /// The keys of baggage that every recorded span gets as string attributes of the same name, before samplers look at
    /// it: the first 64, which is what baggage may hold. Empty by default, because baggage comes from outside.
    /// `SKEIN_BAGGAGE_ATTRIBUTES`, a list separated by commas.
    public var baggageAttributes: [String] = []
    /// What a span may hold. `OTEL_SPAN_*_LIMIT` and its kin.
    public var limits = SpanLimits()
    /// How spans are collected. `OTEL_BSP_*`.
    public var batch = BatchOptions()
    /// Where spans go; each exporter has a queue of its own. With none, spans are made and thrown away at once, and
    /// contexts still travel. `OTEL_TRACES_EXPORTER`.
    public var exporters = [Exporter.otlp]
    /// How OTLP is sent. `OTEL_EXPORTER_OTLP_*`.
    public var otlp = OTLPOptions()
    /// Makes the ids.
    public var idGenerator: any IDGenerator = RandomIDGenerator()
    /// Where problems of tracing itself are told, each kind at most every 30 seconds.
    public var logger = Logger(label: "skein")
    /// The time a shutdown has to send what is queued.
    public var shutdownTimeout: Duration = .seconds(10)
    /// What was wrong in the environment; told to the logger once when tracing starts.
    public internal(set) var problems: [ConfigurationProblem] = []

    /// Defaults and the process's environment.
    public init() {
        self.init(environment: Environment.process)
    }

    /// Defaults and the variables that `environment` gives.
    public init(environment: (String) -> String?) {
        self = withoutActuallyEscaping(environment) { lookup in
            var configuration = TracingConfiguration(defaults: ())
            var reader = Environment(lookup)
            configuration.read(&reader)
            configuration.problems = reader.problems
            return configuration
        }
    }

    private init(defaults: Void) {}
}
