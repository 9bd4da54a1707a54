import Collector
import Foundation
import SkeinCommands
import Testing

@Suite struct EffectiveConfigurationTests {
    /// Reads a document as `skein collector --config` does.
    private func read(
        _ yaml: String, settings: [String] = [], environment: [String: String] = [:]
    ) throws -> SkeinConfiguration {
        let file = NSTemporaryDirectory() + "skein-\(UUID().uuidString).yaml"
        try yaml.write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        return try SkeinConfiguration(file: file, settings: settings, environment: environment)
    }

    private static let everything = """
        ports: {offset: 7}
        receivers:
          otlp:
            protocols:
              http: {endpoint: "[::1]:0", max_request_body_size: 4096, traces_url_path: /in}
        processors:
          memory_limiter: {check_interval: 250ms, limit_mib: 512, spike_limit_mib: 100}
        storage:
          directory: "/tmp/a b: c#"
          durability: fsync
          journal: {max_bytes: 33554432}
          retention: {max_age: 36h, max_bytes: 100000000}
          block: {max_spans: 100, max_age: 1m30s}
        exporters:
          prometheus: {endpoint: "127.0.0.1:1234"}
          otlp_http/jaeger:
            endpoint: https://user:${env:PASSWORD}@jaeger.test:4318
            headers: {authorization: "Bearer ${env:TOKEN}"}
            compression: none
            timeout: 2s
            retry_on_failure: {enabled: false, initial_interval: 10ms, multiplier: 2.5, max_elapsed_time: 1h}
            sending_queue: {queue_size: 10000000, max_age: 2h, batch: {max_size: 10, flush_timeout: 1ms}}
            tls: {ca_file: ca.pem, insecure_skip_verify: true}
          otlp_http/query:
            traces_endpoint: http://x.test/in?key=${env:TOKEN}
        connectors:
          spanmetrics:
            namespace: my.spans
            histogram: {unit: s, explicit: {buckets: [1ms, 1500us, 2s]}}
            dimensions: [{name: http.method, default: GET}, {name: region}]
            exclude_dimensions: [span.kind]
            resource_metrics_key_attributes: [host.name, service.name]
            aggregation_cardinality_limit: 5
            exemplars: {enabled: true}
          servicegraph:
            latency_histogram_buckets: [1ms, 1500us, 2s]
            dimensions: [region]
            database_name_attributes: []
            virtual_node_peer_attributes: [a, b]
            virtual_node_extra_label: true
            store: {ttl: 1500ms, max_items: 7}
            series_expiration: 0s
            aggregation_cardinality_limit: 3
        query: {allowed_hosts: [a.test, "b:1"], timeout: 3s, max_traces: 9, max_concurrent_queries: 2}
        telemetry: {logs: {level: debug}, metrics: {endpoint: "localhost:0"}}
        service: {shutdown_timeout: 1s}
        """
    private static let environment = ["PASSWORD": "hunter2", "TOKEN": "s3cret$"]

    @Test(arguments: ["", everything])
    func whatIsPrintedGivesTheSameConfiguration(_ yaml: String) throws {
        let printed = EffectiveConfiguration(try read(yaml, environment: Self.environment)).yaml
        let again = try read(printed)
        #expect(again.warnings.isEmpty)
        #expect(EffectiveConfiguration(again).yaml == printed)
    }

    @Test func nothingGetsLostOnTheWay() throws {
        let first = try read(Self.everything, environment: Self.environment)
        let second = try read(EffectiveConfiguration(first).yaml)
        #expect(second.collector.receiver == first.collector.receiver)
        #expect(second.collector.memoryLimiter == first.collector.memoryLimiter)
        #expect(second.collector.storage == first.collector.storage)
        #expect(second.collector.prometheusEndpoint == first.collector.prometheusEndpoint)
        #expect(second.collector.telemetry == first.collector.telemetry)
        #expect(second.collector.shutdownTimeout == first.collector.shutdownTimeout)
        #expect(second.collector.spanMetrics == first.collector.spanMetrics)
        #expect(first.collector.spanMetrics.dimensions.map(\.name) == ["http.method", "region"])
        #expect(first.collector.spanMetrics.bucketBoundsNanoseconds == [1_000_000, 1_500_000, 2_000_000_000])
        #expect(first.collector.spanMetrics.resourceKeys == ["host.name"])
        #expect(second.collector.serviceGraph == first.collector.serviceGraph)
        #expect(first.collector.serviceGraph.itemsMax == 7)
        #expect(second.query.allowedHosts == ["a.test", "b:1"])
        let (was, now) = (first.collector.exporters, second.collector.exporters)
        #expect(now.map(\.id) == was.map(\.id))
        #expect(now.map(\.retry) == was.map(\.retry))
        #expect(now.map(\.queue) == was.map(\.queue))
        #expect(was.map(\.queue.ageMax) == [.seconds(7200), nil])
        #expect(now.map(\.tls) == was.map(\.tls))
        #expect(now.map(\.timeout) == was.map(\.timeout))
        #expect(now.map(\.compression) == was.map(\.compression))
    }

    /// Summer ends on 25 October 2026, so that this day and this month have an hour more.
    @Test func budgetsHaveTheDaysAndMonthsOfUsageQueries() throws {
        let second: UInt64 = 1_000_000_000
        let calendar = try read("query: {time_zone: Europe/Berlin}").collector.alerts.calendar
        #expect(calendar.name == "Europe/Berlin")
        for time in [1_792_879_200, 1_792_900_000, 1_792_969_199] as [UInt64] {
            #expect(calendar.start(of: .day, at: time * second) == 1_792_879_200 * second)
            #expect(calendar.start(of: .month, at: time * second) == 1_790_805_600 * second)
        }
        #expect(calendar.start(of: .day, at: 1_792_969_200 * second) == 1_792_969_200 * second)
        #expect(calendar.start(of: .day, at: 1_792_879_200 * second - 1) == 1_792_792_800 * second)
        let standard = try read("").collector.alerts.calendar
        #expect(standard.start(of: .day, at: 1_792_900_000 * second) == 1_792_886_400 * second)
    }

    @Test func secretsAreMasked() throws {
        let printed = EffectiveConfiguration(try read(Self.everything, environment: Self.environment)).yaml
        #expect(!printed.contains("hunter2"))
        #expect(!printed.contains("s3cret"))
        #expect(printed.contains("[REDACTED]@jaeger.test:4318"))
        #expect(printed.contains("http://x.test/in?[REDACTED]"))
    }

    @Test(arguments: [
        ("http://a", "http://a"), ("http://a:1/b", "http://a:1/b"), ("http://u:p@a/b", "http://[REDACTED]@a/b"),
        ("http://u:p/@a", "http://u:p/@a"), ("http://a?k=v@w", "http://a?[REDACTED]"), ("no url", "no url"),
        ("http://u@a/b?c", "http://[REDACTED]@a/b?[REDACTED]"),
    ])
    func onlyWhatMayBeSecretIsMaskedInAURL(_ url: String, _ expected: String) {
        #expect(SecretMask.url(url) == expected)
    }

    @Test(arguments: [
        "", " ", "a", "a b", "a: b", "a:", "a #b", "- a", "5", "true", "null", "~", "$x", "${env:HOME}", "\"", "\\",
        "a\nb", "a\r\nb", "a\tb", "\u{0}", "\u{85}x", "é✓", "[x]", "{x}", "*x", "a ", "x: ",
    ])
    func everyTextIsReadAsItWasWritten(_ text: String) throws {
        // An empty directory is a mistake by itself.
        let directory = "d" + text
        let configuration = try read("storage:\n  directory: \(YAMLScalar.text(directory))\n")
        #expect(configuration.collector.storage.directory == directory)
        #expect(
            try read("", settings: ["storage.directory=\(YAMLScalar.text(directory))"]).collector.storage.directory
                == directory)
    }

    @Test func aMistakeIsAUsageErrorWithAllItsLines() {
        let failure = #expect(throws: CommandFailure.self) { try read("storage: {durability: x}\nnope: 1") }
        #expect(failure?.exitStatus == 2)
        #expect(failure?.message.contains(".yaml:1: storage.durability: 'x' is not valid") == true)
        #expect(failure?.message.contains(".yaml:2: nope: unknown key") == true)
    }
}
