import Collector
import OTLP
import Testing

@Suite struct ConfigurationTests {
    /// Reads a document as the collector does and gives back what it complains about, one line each.
    private func read(
        _ yaml: String, set: [String] = [], environment: [String: String] = [:]
    ) throws -> (configuration: CollectorConfiguration, issues: [String]) {
        var document = try ConfigurationDocument(yaml: yaml, source: "skein.yaml", environment: environment)
        for assignment in set { try document.set(assignment, environment: environment) }
        let issues = ConfigurationSection.Issues()
        let root = ConfigurationSection(document.root, issues: issues)
        let ports = PortsConfiguration(root.section("ports"))
        let configuration = CollectorConfiguration(root, ports: ports)
        root.end()
        return (configuration, issues.all.map(\.description))
    }

    @Test func anEmptyDocumentIsTheDefaults() throws {
        let (configuration, issues) = try read("")
        #expect(issues.isEmpty)
        #expect(configuration.receiver.http?.endpoint == ListenEndpoint(host: "127.0.0.1", port: 4318))
        #expect(configuration.receiver.grpc?.endpoint.port == 4317)
        #expect(configuration.telemetry.healthEndpoint.port == 13133)
        #expect(configuration.exporters.isEmpty)
    }

    @Test func histogramsAreKeptByTheAttributionThatIsListed() throws {
        #expect(try read("").configuration.genAI.configuration.histogramAttribution.isEmpty)
        let yaml = """
            connectors:
              gen_ai:
                attribution: [{name: team, attributes: [app.team]}, {name: user, attributes: [user.id]}]
                histogram_attribution: [user, team]
            """
        let (configuration, issues) = try read(yaml)
        #expect(issues.isEmpty)
        #expect(configuration.genAI.configuration.histogramAttribution == ["user", "team"])
    }

    @Test func anOffsetMovesEveryDefaultPortAndNoOther() throws {
        let yaml = "receivers: {otlp: {protocols: {grpc: , http: {endpoint: 'localhost:9999'}}}}"
        let (configuration, issues) = try read(yaml, set: ["ports.offset=100", "ports.host=0.0.0.0"])
        #expect(issues.isEmpty)
        #expect(configuration.receiver.grpc?.endpoint.description == "0.0.0.0:4417")
        #expect(configuration.receiver.http?.endpoint.description == "localhost:9999")
        #expect(configuration.prometheusEndpoint.port == 8989)
    }

    @Test func aProtocolThatIsNotNamedDoesNotListen() throws {
        let (configuration, issues) = try read("receivers:\n  otlp:\n    protocols:\n      http:\n")
        #expect(issues.isEmpty)
        #expect(configuration.receiver.grpc == nil)
        #expect(configuration.receiver.http != nil)
    }

    @Test func exportersTakeTheKeysOfTheOpenTelemetryCollector() throws {
        let yaml = """
            exporters:
              otlp_http/jaeger:
                endpoint: http://${env:JAEGER_HOST:-jaeger}:4318/
                headers: {x-token: "${env:TOKEN}", price: "$$5"}
                timeout: 1m30s
                retry_on_failure: {initial_interval: 200ms, max_elapsed_time: 0}
                sending_queue: {queue_size: 10000000, batch: {max_size: 100}}
              otlphttp:
                traces_endpoint: https://example.test/custom
                compression: none
            """
        let (configuration, issues) = try read(yaml, environment: ["TOKEN": "secret"])
        #expect(issues.isEmpty)
        let jaeger = try #require(configuration.exporters.first)
        #expect(jaeger.id == "otlp_http/jaeger")
        #expect(jaeger.tracesURL == "http://jaeger:4318/v1/traces")
        #expect(jaeger.headers.map(\.value) == ["secret", "$5"])
        #expect(jaeger.timeout == .seconds(90))
        #expect(jaeger.retry.initialInterval == .milliseconds(200))
        #expect(jaeger.queue.batchSpansMax == 100)
        #expect(configuration.exporters.last?.tracesURL == "https://example.test/custom")
    }

    @Test(arguments: [
        ("recievers: {}", "skein.yaml:1: recievers: unknown key, did you mean 'receivers'?"),
        (
            "storage:\n  directory: x\n  durabilty: fsync",
            "skein.yaml:3: storage.durabilty: unknown key, did you mean 'durability'?"
        ),
        (
            "storage:\n  durability: always",
            "skein.yaml:2: storage.durability: 'always' is not valid, expected one of interval, fsync, os"
        ),
        (
            "receivers:\n  otlp:\n    protocols:\n      http:\n        endpoint: 4318",
            "skein.yaml:5: receivers.otlp.protocols.http.endpoint: '4318' is not valid, expected host:port, such as "
                + "127.0.0.1:4318"
        ),
        (
            "exporters:\n  otlp:\n    endpoint: x",
            "skein.yaml:2: exporters.otlp: means OTLP over gRPC, which this collector does not send; use otlp_http"
        ),
        (
            "exporters:\n  otlp_http: {}",
            "skein.yaml:2: exporters.otlp_http.endpoint: is missing, expected a URL such as "
                + "http://jaeger:4318"
        ),
        (
            "connectors:\n  spanmetrics:\n    histogram:\n      explicit: {buckets: [1ms, soon]}",
            "skein.yaml:4: connectors.spanmetrics.histogram.explicit.buckets: 'soon' is not valid, expected a duration "
                + "such as 100ms"
        ),
        (
            "connectors:\n  spanmetrics:\n    histogram:\n      explicit:\n        buckets: [2ms, 1ms]",
            "skein.yaml:5: connectors.spanmetrics.histogram.explicit.buckets: bounds are not ascending, expected each "
                + "larger than the one before"
        ),
        (
            "connectors:\n  spanmetrics:\n    histogram:\n      explicit: {buckets: []}",
            "skein.yaml:4: connectors.spanmetrics.histogram.explicit.buckets: the list is empty, expected at least one "
                + "bound such as 100ms"
        ),
        (
            "connectors:\n  spanmetrics:\n    histogram:\n      dimensions: [{name: span.kind}]",
            "skein.yaml:4: connectors.spanmetrics.histogram.dimensions: 'span.kind' is a label already, expected one "
                + "that is none yet"
        ),
        (
            "connectors:\n  spanmetrics:\n    dimensions: [{default: a}, {name: b}]",
            "skein.yaml:3: connectors.spanmetrics.dimensions[0].name: is missing, expected an attribute's key"
        ),
        (
            "connectors:\n  spanmetrics:\n    events:\n      dimensions: [{name: event.name}]",
            "skein.yaml:4: connectors.spanmetrics.events.dimensions: has no effect without events, expected "
                + "events.enabled: true beside it"
        ),
        (
            "connectors:\n  gen_ai:\n    histogram_attribution: [user, team]",
            "skein.yaml:3: connectors.gen_ai.histogram_attribution: 'team' is no key of attribution, expected one of "
                + "user, department, application, tenant, environment, variant"
        ),
        (
            "connectors:\n  gen_ai:\n    attribution: [{name: a, attributes: [b]}]\n    histogram_attribution: [b]",
            "skein.yaml:4: connectors.gen_ai.histogram_attribution: 'b' is no key of attribution, expected one of a"
        ),
        (
            "connectors:\n  gen_ai:\n    attribution: []\n    histogram_attribution: [user]",
            "skein.yaml:4: connectors.gen_ai.histogram_attribution: 'user' is no key of attribution, expected none, as "
                + "attribution has none"
        ),
        (
            "connectors:\n  gen_ai:\n    histogram_attribution: [user, user]",
            "skein.yaml:3: connectors.gen_ai.histogram_attribution: 'user' comes twice, expected each key once"
        ),
        (
            "connectors:\n  spanmetrics: {}\n  span_metrics: {}",
            "skein.yaml:3: connectors.span_metrics: is another name of spanmetrics, which is there, too; expected one of "
                + "them"
        ),
        (
            "connectors:\n  servicegraph:\n    latency_histogram_buckets: [1s, 1s]",
            "skein.yaml:3: connectors.servicegraph.latency_histogram_buckets: bounds are not ascending, expected each "
                + "larger than the one before"
        ),
        (
            "connectors:\n  service_graph:\n    latency_histogram_buckets: []",
            "skein.yaml:3: connectors.service_graph.latency_histogram_buckets: the list is empty, expected at least one "
                + "bound such as 100ms"
        ),
        (
            "connectors:\n  servicegraph:\n    dimensions: [a.b, a_b]",
            "skein.yaml:3: connectors.servicegraph.dimensions: 'a_b' is a label already, expected one that is none yet"
        ),
        (
            "connectors:\n  servicegraph:\n    metrics_flush_interval: 15s",
            "skein.yaml:3: connectors.servicegraph.metrics_flush_interval: has no effect here; expected it in "
                + "connectors.spanmetrics, whose interval is that of all metrics pushed"
        ),
        (
            "service:\n  pipelines:\n    traces: {receivers: [otlp], processors: [batch]}",
            "skein.yaml:3: service.pipelines.traces.processors: 'batch' belongs to an exporter: "
                + "exporters.<id>.sending_queue.batch"
        ),
        ("ports: 5", "skein.yaml:1: ports: expected a mapping"),
        (
            "receivers:\n  otlp:\n    protocols:\n      http:\n        traces_url_path: /v1/**",
            "skein.yaml:5: receivers.otlp.protocols.http.traces_url_path: '/v1/**' is not valid, expected a path such "
                + "as /v1/traces, of letters, digits and / . _ ~ -"
        ),
        (
            "exporters:\n  otlp_http/my target:\n    endpoint: http://x",
            "skein.yaml:2: exporters.otlp_http/my target: is not valid, expected a name of at most 100 letters, digits "
                + "and _ - . /"
        ),
        (
            "exporters:\n  prometheus:\n    endpoint: :1\n  prometheus/b:\n    endpoint: :2",
            "skein.yaml:4: exporters.prometheus/b: is the second of its kind, expected one place where derived metrics "
                + "are served"
        ),
        (
            "exporters: {otlp_http: {endpoint: 'http://x'}}\nservice:\n  pipelines:\n    traces: {exporters: []}",
            "skein.yaml:3: service.pipelines: leaves out exporter otlp_http, expected it in a traces pipeline or not in "
                + "exporters"
        ),
        (
            "exporters: {prometheusremotewrite: {endpoint: 'http://x'}, prometheusremotewrite/two: {endpoint: 'http://y'}}"
                + "\nservice:\n  pipelines:\n"
                + "    metrics: {receivers: [spanmetrics], exporters: [prometheusremotewrite]}",
            "skein.yaml:3: service.pipelines: leaves out exporter prometheusremotewrite/two, expected it in a metrics "
                + "pipeline or not in exporters"
        ),
        (
            "exporters: {otlp_http: {metrics_endpoint: 'http://x'}}\nservice:\n  pipelines:\n"
                + "    metrics: {receivers: [spanmetrics], exporters: [prometheus]}",
            "skein.yaml:3: service.pipelines: leaves out exporter otlp_http, expected it in a metrics pipeline or not in "
                + "exporters"
        ),
        (
            "alerts: {rules: [{name: A, metric: error_rate, above: 5%, by: [service], labels: {team: x},\n"
                + "  summary: '{{ .Value }}'}]}",
            "skein.yaml:2: alerts.rules[0].summary: '{{ .Value }}' is not valid, expected {{ $value }} or "
                + "{{ $labels.NAME }} with one of service, team, alertname, severity"
        ),
        (
            "alerts: {rules: [{name: A, metric: refusing,\n  description: '{{ $labels.instance }} {{ $value }}'}]}",
            "skein.yaml:2: alerts.rules[0].description: '{{ $labels.instance }}' is not valid, expected {{ $value }} or "
                + "{{ $labels.NAME }} with one of alertname, severity"
        ),
    ])
    func aMistakeIsNamedWithFileLineKeyAndExpectation(_ yaml: String, _ expected: String) throws {
        #expect(try read(yaml).issues == [expected])
    }

    @Test func everyMistakeIsReportedInOneRun() throws {
        let (_, issues) = try read("storage: {durability: x, foo: 1}\nprocessors: {memory_limiter: {limit_mib: -1}}")
        #expect(issues.count == 3)
    }

    @Test(arguments: ["a: [", "a: 1\na: 2", "\tx: 1"])
    func whatIsNoYAMLIsNamedWithItsLine(_ yaml: String) {
        #expect(throws: ConfigurationError.self) { try read(yaml) }
    }

    @Test(arguments: [#"a\r\nb"#, #"a\nb"#, #"a\0b"#])
    func aHeaderValueCannotEndItsHeader(_ value: String) throws {
        let yaml = "exporters: {otlp_http: {endpoint: 'http://x', headers: {token: \"\(value)\"}}}"
        #expect(try read(yaml).issues.count == 1)
        #expect(try read(yaml.replacing(value, with: "a b")).issues.isEmpty)
    }

    @Test func anchorsThatMultiplyAreRefused() {
        var yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...7 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            yaml += "a\(level): &a\(level) [\(aliases)]\n"
        }
        let error = #expect(throws: ConfigurationError.self) { try read(yaml) }
        #expect(error?.description.contains("too many values") == true)
    }

    @Test(arguments: ["ports", "=1", "ports..offset=1"])
    func aSettingWithoutKeyOrValueIsAnError(_ assignment: String) {
        #expect(throws: ConfigurationError.self) { try read("", set: [assignment]) }
    }

    @Test(arguments: [
        ("0", Duration.zero), ("1.5s", .milliseconds(1500)), ("1h30m", .seconds(5400)), ("-5ms", .milliseconds(-5)),
        ("250us", .microseconds(250)), ("2d", .seconds(172_800)),
    ])
    func durationsAreReadAsGoWritesThem(_ text: String, _ expected: Duration) {
        #expect(GoDuration.parse(text) == expected)
    }

    @Test(arguments: ["", "s", "5", "5 s", "1h-3m", "1e3s", "99999999999h"])
    func otherTextIsNoDuration(_ text: String) {
        #expect(GoDuration.parse(text) == nil)
    }

    @Test(arguments: ["1m30s", "200ms", "1h", "1.5s", "0s", "7ns", "-1s"])
    func durationsAreWrittenAsTheyAreRead(_ text: String) {
        #expect(GoDuration.parse(text).map(GoDuration.text) == text)
    }
}
