import Logging
import Skein
import SkeinTesting
import Synchronization
import Testing

@Suite struct TracingConfigurationTests {
    private func read(_ variables: [String: String]) -> TracingConfiguration {
        TracingConfiguration(environment: { variables[$0] })
    }

    @Test func defaultsAreThoseOfOpenTelemetry() {
        let configuration = read([:])
        #expect(configuration.problems.isEmpty && !configuration.isDisabled)
        #expect(configuration.batch.maxQueueSize == nil && configuration.batch.maxExportBatchSize == 512)
        #expect(configuration.batch.scheduleDelay == .seconds(5) && configuration.batch.exportTimeout == .seconds(30))
        #expect(configuration.otlp == OTLPOptions() && configuration.limits == SpanLimits())
        #expect(configuration.otlp.endpoint == "http://localhost:4318/v1/traces")
        #expect(configuration.propagators == [.traceContext, .baggage])
        guard case .string(let name) = configuration.resource["service.name"] else {
            Issue.record("no service.name")
            return
        }
        #expect(name.hasPrefix("unknown_service"))
    }

    @Test(arguments: ["", " ", "\t"])
    func emptyCountsAsAbsent(_ value: String) {
        let configuration = TracingConfiguration(environment: { _ in value })
        #expect(configuration.problems == [])
        #expect(configuration.propagators == [.traceContext, .baggage])
        #expect(configuration.otlp == OTLPOptions() && configuration.limits == SpanLimits())
        #expect(configuration.batch == BatchOptions() && configuration.exporters.count == 1)
        #expect(configuration.logger.logLevel == Logger(label: "skein").logLevel)
    }

    @Test func everyVariableIsTakenOver() {
        let configuration = read([
            "OTEL_SDK_DISABLED": "TRUE", "OTEL_SERVICE_NAME": "gateway",
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=other, team=caf%C3%A9 ,a=b=c",
            "OTEL_PROPAGATORS": "baggage,tracecontext,baggage", "OTEL_TRACES_EXPORTER": "None",
            "OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_BSP_EXPORT_TIMEOUT": "200", "OTEL_BSP_MAX_QUEUE_SIZE": "300",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "40", "OTEL_ATTRIBUTE_COUNT_LIMIT": "1",
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "5", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "6",
            "OTEL_SPAN_EVENT_COUNT_LIMIT": "7", "OTEL_SPAN_LINK_COUNT_LIMIT": "8",
            "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": "9", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": "10",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector:4318/base/",
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20x,b=2", "OTEL_EXPORTER_OTLP_COMPRESSION": "GZIP",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "1500", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/ca",
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/cert", "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/key",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        ])
        #expect(configuration.problems == [])
        #expect(configuration.isDisabled)
        #expect(configuration.resource["service.name"] == .string("gateway"))
        #expect(configuration.resource["team"] == .string("café") && configuration.resource["a"] == .string("b=c"))
        #expect(configuration.propagators == [.baggage, .traceContext])
        guard configuration.exporters.isEmpty else {
            Issue.record("exporters are \(configuration.exporters)")
            return
        }
        #expect(configuration.batch.scheduleDelay == .milliseconds(100))
        #expect(configuration.batch.exportTimeout == .milliseconds(200))
        #expect(configuration.batch.maxQueueSize == 300 && configuration.batch.maxExportBatchSize == 40)
        var limits = SpanLimits()
        limits.attributeCountMax = 5
        limits.attributeValueLengthMax = 6
        limits.eventCountMax = 7
        limits.linkCountMax = 8
        limits.attributesPerEventMax = 9
        limits.attributesPerLinkMax = 10
        #expect(configuration.limits == limits)
        var otlp = OTLPOptions()
        otlp.endpoint = "https://collector:4318/base/v1/traces"
        otlp.headers = [OTLPOptions.Header("authorization", "Bearer x"), OTLPOptions.Header("b", "2")]
        otlp.compression = .gzip
        otlp.timeout = .milliseconds(1500)
        otlp.certificateFile = "/ca"
        otlp.clientCertificateFile = "/cert"
        otlp.clientKeyFile = "/key"
        #expect(configuration.otlp == otlp)
    }

    @Test(
        arguments: [
            ("otlp", ["otlp"]), ("console", ["console"]), ("none", []), ("otlp,console", ["otlp", "console"]),
            (" Console , OTLP,console,", ["console", "otlp"]), (",", ["otlp"]),
        ] as [(String, [String])])
    func exportersAreAList(_ list: String, _ expected: [String]) {
        let configuration = read(["OTEL_TRACES_EXPORTER": list])
        #expect(configuration.problems == [])
        #expect(configuration.exporters.map { "\($0)" } == expected)
    }

    @Test(
        arguments: [
            ("zipkin,console", ["console"], "otlp, console or none; it is left out"),
            ("jaeger", ["otlp"], "otlp, console or none; otlp is used"),
            ("none,otlp", ["otlp"], "none alone, or without none; none is left out"),
        ] as [(String, [String], String)])
    func exportersThatAreNoneAreReported(_ list: String, _ chosen: [String], _ expected: String) {
        let configuration = read(["OTEL_TRACES_EXPORTER": list])
        #expect(configuration.problems.map(\.expected) == [expected])
        #expect(configuration.exporters.map { "\($0)" } == chosen)
    }

    @Test(arguments: [("http/json", OTLPOptions.Encoding.json), ("HTTP/Protobuf", .protobuf)])
    func protocolIsTheEncoding(_ name: String, _ encoding: OTLPOptions.Encoding) {
        let configuration = read(["OTEL_EXPORTER_OTLP_PROTOCOL": name])
        #expect(configuration.problems == [] && configuration.otlp.encoding == encoding)
        let traces = read(["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": name, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"])
        #expect(traces.problems == [] && traces.otlp.encoding == encoding)
    }

    @Test func grpcIsReportedWithWhatIsUsedInstead() throws {
        let problem = try #require(read(["OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"]).problems.first)
        #expect(problem.description.contains("gRPC is not supported; http/protobuf is used"))
        #expect(problem.description.contains("4318"))
    }

    @Test(arguments: [
        ("drop_newest", BatchOptions.Overflow.dropNewest), ("Drop_Oldest", .dropOldest), ("block", .block),
    ])
    func overflowIsTheOneNamed(_ name: String, _ overflow: BatchOptions.Overflow) {
        let configuration = read(["SKEIN_BSP_OVERFLOW": name])
        #expect(configuration.problems == [] && configuration.batch.overflow == overflow)
    }

    @Test func batchLargerThanTheQueueIsReportedAndCut() {
        let both = read(["OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "400", "OTEL_BSP_MAX_QUEUE_SIZE": "300"])
        #expect(both.problems.map(\.name) == ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"])
        #expect(both.batch.maxExportBatchSize == 300)
        let queueAlone = read(["OTEL_BSP_MAX_QUEUE_SIZE": "300"])
        #expect(queueAlone.problems == [] && queueAlone.batch.maxExportBatchSize == 300)
    }

    @Test func queueBytesAndSpillAreTakenOver() {
        let configuration = read([
            "SKEIN_BSP_MAX_QUEUE_BYTES": "1000000", "SKEIN_BSP_SPILL_DIRECTORY": "/var/spool/agent",
            "SKEIN_BSP_SPILL_MAX_BYTES": "5000",
        ])
        #expect(configuration.problems == [] && configuration.batch.maxQueueBytes == 1_000_000)
        #expect(configuration.batch.spill == SpillOptions(directory: "/var/spool/agent", bytesMax: 5_000))
        let alone = read(["SKEIN_BSP_SPILL_DIRECTORY": "spool"])
        #expect(alone.problems == [] && alone.batch.spill == SpillOptions(directory: "spool"))
    }

    @Test func spillOfABadSizeKeepsItsDefault() {
        let configuration = read(["SKEIN_BSP_SPILL_DIRECTORY": "spool", "SKEIN_BSP_SPILL_MAX_BYTES": "much"])
        #expect(configuration.problems.map(\.name) == ["SKEIN_BSP_SPILL_MAX_BYTES"])
        #expect(configuration.batch.spill == SpillOptions(directory: "spool"))
    }

    @Test(arguments: [
        ("trace", Logger.Level.trace), ("DEBUG", .debug), ("info", .info), ("warn", .warning), ("warning", .warning),
        ("error", .error), ("fatal", .critical),
    ])
    func logLevelIsThatOfTheLogger(_ name: String, _ level: Logger.Level) {
        let configuration = read(["OTEL_LOG_LEVEL": name])
        #expect(configuration.problems == [] && configuration.logger.logLevel == level)
    }

    @Test func logLevelOfNoneSaysNothing() {
        let configuration = read(["OTEL_LOG_LEVEL": "none"])
        #expect(configuration.problems == [])
        #expect(configuration.logger.handler is SwiftLogNoOpLogHandler)
    }

    @Test(
        arguments: [
            (["OTEL_EXPORTER_OTLP_INSECURE": "true"], 0), (["OTEL_EXPORTER_OTLP_INSECURE": "false"], 0),
            (["OTEL_EXPORTER_OTLP_INSECURE": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://h"], 0),
            (["OTEL_EXPORTER_OTLP_INSECURE": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "https://h"], 1),
            (["OTEL_EXPORTER_OTLP_TRACES_INSECURE": "TRUE", "OTEL_EXPORTER_OTLP_ENDPOINT": "HTTPS://h"], 1),
        ] as [([String: String], Int)])
    func insecureCannotUndoTheSchemeOfTheEndpoint(_ variables: [String: String], _ problems: Int) {
        let configuration = read(variables)
        #expect(configuration.problems.count == problems)
        #expect(problems == 0 || configuration.otlp.endpoint.lowercased().hasPrefix("https://"))
    }

    @Test(arguments: [
        "authorization=Bearer s3cret,broken", "authorization=%zzs3cret", "x=%0As3cret", "a b=s3cret", "s3cret",
    ])
    func secretsInHeadersAreNeverShown(_ value: String) {
        for name in ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"] {
            let configuration = read([name: value])
            #expect(configuration.problems.map(\.name) == [name])
            #expect(!"\(configuration.problems)".contains("s3cret"))
        }
    }

    @Test func secretsAreNotPrintedWithTheOptions() {
        let options = read(["OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20s3cret"]).otlp
        #expect(options.headers.first?.value == "Bearer s3cret")
        #expect(!"\(options)".contains("s3cret") && "\(options)".contains("authorization"))
        #expect(!String(reflecting: options).contains("s3cret"))
    }

    @Test(arguments: ["ftp://agent:s3cret@h/x", "agent:s3cret@h:4318", "://agent:s3cret@h"])
    func secretsInAnEndpointAreNeverShown(_ endpoint: String) {
        let problems = read(["OTEL_EXPORTER_OTLP_ENDPOINT": endpoint]).problems
        #expect(problems.count == 1 && !"\(problems)".contains("s3cret"))
    }

    @Test func headerThatCannotBeSentIsLeftOutAlone() {
        let configuration = read(["OTEL_EXPORTER_OTLP_HEADERS": "good=1,b%20d=2,bad=a%0Ab,empty="])
        #expect(configuration.otlp.headers.map(\.name) == ["good", "b%20d", "empty"])
        #expect(configuration.problems.map(\.value) == ["bad=(not shown)"])
    }

    @Test(arguments: [
        ("http://h:4318", "http://h:4318/v1/traces"), ("http://h:4318/", "http://h:4318/v1/traces"),
        ("HTTPS://h/x", "HTTPS://h/x/v1/traces"),
    ])
    func baseEndpointGetsThePathOfTraces(_ base: String, _ endpoint: String) {
        #expect(read(["OTEL_EXPORTER_OTLP_ENDPOINT": base]).otlp.endpoint == endpoint)
    }

    @Test(arguments: [("http://h:1", "http://h:1/"), ("http://h/own", "http://h/own"), ("http://h/", "http://h/")])
    func endpointOfTracesIsUsedAsItIs(_ value: String, _ endpoint: String) {
        let configuration = read([
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": value, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://other",
        ])
        #expect(configuration.otlp.endpoint == endpoint)
    }

    @Test func variablesForTracesWinOverThoseForAllSignals() {
        let configuration = read([
            "OTEL_EXPORTER_OTLP_HEADERS": "a=1", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "b=2",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "1", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "2",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "none",
        ])
        #expect(configuration.otlp.headers == [OTLPOptions.Header("b", "2")])
        #expect(configuration.otlp.timeout == .milliseconds(2) && configuration.otlp.compression == .none)
    }

    @Test(arguments: [
        ("OTEL_SDK_DISABLED", "yes"), ("OTEL_RESOURCE_ATTRIBUTES", "a"), ("OTEL_RESOURCE_ATTRIBUTES", "a=%4"),
        ("OTEL_RESOURCE_ATTRIBUTES", "=1"), ("OTEL_TRACES_SAMPLER", "sometimes"), ("OTEL_PROPAGATORS", "xray"),
        ("OTEL_PROPAGATORS", "none,baggage"), ("OTEL_TRACES_SAMPLER", "xray"), ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1"), ("OTEL_BSP_SCHEDULE_DELAY", "5s"), ("OTEL_BSP_EXPORT_TIMEOUT", "0"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"), ("OTEL_BSP_MAX_QUEUE_SIZE", "99999999999999999999"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0"), ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-5"), ("OTEL_TRACES_EXPORTER", "zipkin"), ("OTEL_LOG_LEVEL", "loud"),
        ("OTEL_ENTITIES", "service{name=a}"), ("OTEL_CONFIG_FILE", "/etc/otel.yaml"),
        ("OTEL_EXPERIMENTAL_CONFIG_FILE", "/etc/otel.yaml"), ("OTEL_EXPORTER_OTLP_INSECURE", "maybe"),
        ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "1"), ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/xml"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=%0A"), ("OTEL_EXPORTER_OTLP_HEADERS", "a b=c"),
        ("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "moon"), ("SKEIN_BSP_OVERFLOW", "drop"),
        ("SKEIN_BSP_MAX_QUEUE_BYTES", "1"), ("SKEIN_BLRP_MAX_QUEUE_BYTES", "65535"),
        ("SKEIN_BSP_MAX_QUEUE_BYTES", "0"), ("SKEIN_BSP_MAX_QUEUE_BYTES", "32M"),
        ("SKEIN_BSP_SPILL_MAX_BYTES", "1000"), ("SKEIN_BSP_SPILL_MAX_BYTES", "-1"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "-1"), ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "x"),
        ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "1.5"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://h"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "novalue"), ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
    ])
    func mistakeIsReportedOnceAndTheDefaultStays(_ name: String, _ value: String) throws {
        let (configuration, defaults) = (read([name: value]), read([:]))
        #expect(configuration.problems.count == 1)
        let problem = try #require(configuration.problems.first)
        #expect(problem.name == name && !problem.expected.isEmpty)
        #expect(configuration.batch == defaults.batch && configuration.exporters.count == defaults.exporters.count)
        #expect(configuration.isDisabled == defaults.isDisabled && configuration.limits == defaults.limits)
        #expect(configuration.otlp == defaults.otlp)
        #expect(configuration.batch.scheduleDelay == defaults.batch.scheduleDelay)
        #expect(configuration.batch.maxQueueSize == defaults.batch.maxQueueSize)
    }

    @Test(
        arguments: [
            ("always_on", nil, true, true), ("always_off", nil, false, false),
            ("Parentbased_Always_On", nil, true, false),
            ("parentbased_always_off", nil, false, false), ("traceidratio", "0", false, false),
            ("traceidratio", nil, true, true), ("parentbased_traceidratio", "0", false, false),
            ("parentbased_traceidratio", "1.0", true, false),
        ] as [(String, String?, Bool, Bool)])
    func samplerIsTheOneNamed(_ name: String, _ argument: String?, _ root: Bool, _ child: Bool) {
        var variables = ["OTEL_TRACES_SAMPLER": name]
        variables["OTEL_TRACES_SAMPLER_ARG"] = argument
        let configuration = read(variables)
        #expect(configuration.problems.isEmpty)
        let traceID = RandomIDGenerator().nextTraceID()
        let parent = SpanContext(traceID: traceID, spanID: SpanID(1), flags: [])
        func isSampled(_ parent: SpanContext?) -> Bool {
            let asked = SamplingParameters(parent: parent, traceID: traceID, name: "x", kind: .internal)
            return configuration.sampler.shouldSample(asked).isSampled
        }
        #expect(isSampled(nil) == root)
        #expect(isSampled(parent) == child)
    }

    @Test(arguments: [
        ("none", []), (" None ", []), ("tracecontext", ["tracecontext"]),
        ("B3, b3multi,jaeger ,,b3", ["b3", "b3multi", "jaeger"]),
        ("baggage,tracecontext,baggage", ["baggage", "tracecontext"]),
    ])
    func propagatorsAreThoseNamedInTheirOrder(_ value: String, _ names: [String]) {
        let configuration = read(["OTEL_PROPAGATORS": value])
        #expect(configuration.problems.isEmpty)
        #expect(configuration.propagators.map(\.name) == names)
    }

    @Test(arguments: ["jaeger_remote", "parentbased_jaeger_remote", "xray"])
    func samplersThatAskAServerAreReportedAsNotSupported(_ name: String) throws {
        let configuration = read(["OTEL_TRACES_SAMPLER": name])
        let problem = try #require(configuration.problems.first)
        #expect(problem.description.contains("not supported") && problem.description.contains("always_on"))
        #expect(configuration.sampler.description == read([:]).sampler.description)
    }

    @Test func baggageAttributesAreAnAllowListThatIsEmptyAtFirst() {
        #expect(read([:]).baggageAttributes == [])
        let configuration = read(["SKEIN_BAGGAGE_ATTRIBUTES": "user.id, tenant,,user.id"])
        #expect(configuration.baggageAttributes == ["user.id", "tenant"])
    }

    @Test(arguments: ["2", "-0.1", "half", "nan"])
    func ratioOutsideItsRangeIsReported(_ argument: String) {
        let configuration = read(["OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": argument])
        #expect(configuration.problems.map(\.name) == ["OTEL_TRACES_SAMPLER_ARG"])
    }

    @Test func resourceSaysWhoAndWhere() {
        let (one, two) = (read([:]).resource, read([:]).resource)
        #expect(one["telemetry.sdk.name"] == .string("skein"))
        for key in ["service.instance.id", "process.pid", "host.name", "os.type", "process.executable.name"] {
            #expect(one[key] != nil, "\(key)")
        }
        #expect(one["service.instance.id"] != two["service.instance.id"])
    }

    @Test func mistakesAreToldToTheLoggerOnce() async throws {
        let log = LogLines()
        var configuration = read(["OTEL_TRACES_SAMPLER": "sometimes"])
        configuration.exporters = []
        configuration.logger = Logger(label: "test") { _ in log }
        let tracing = try SkeinTracing(configuration)
        for _ in 0..<3 { tracing.tracer.startSpan("x", context: .topLevel).end() }
        await tracing.shutdown()
        #expect(log.lines.count == 1)
        #expect(log.lines.first?.hasPrefix("OTEL_TRACES_SAMPLER is 'sometimes', expected always_on") == true)
    }

    @Test func lossIsToldToTheLoggerAtALimitedRate() async throws {
        struct Failing: SpanExporter {
            func export(_ batch: ExportBatch, within window: ExportWindow) -> ExportResult { .failure("no route") }
            func shutdown() {}
        }
        let log = LogLines()
        var configuration = read([:])
        configuration.exporters = [.custom(Failing())]
        configuration.logger = Logger(label: "test") { _ in log }
        configuration.batch.maxExportBatchSize = 1
        let tracing = try SkeinTracing(configuration)
        for _ in 0..<50 { tracing.tracer.startSpan("x", context: .topLevel).end() }
        await tracing.shutdown()
        #expect(tracing.statistics.droppedExportFailed == 50)
        #expect(log.lines == ["1 spans lost: no route", "49 further spans lost for the reasons told before"])
    }
}

/// Keeps what is logged.
final class LogLines: LogHandler {
    private let kept = Mutex<[String]>([])
    var lines: [String] { kept.withLock { $0 } }

    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        kept.withLock { $0.append("\(event.message)") }
    }
}
