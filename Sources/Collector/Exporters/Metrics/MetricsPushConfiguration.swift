import OTLP

/// Where derived metrics are pushed to, and how.
package struct MetricsPushConfiguration: Sendable, Equatable {
    package enum Encoding: Sendable, Equatable {
        /// `ExportMetricsServiceRequest`.
        case otlp(OTLPHTTPExporterConfiguration.Compression)
        /// Prometheus remote write 1.0.
        case remoteWrite(RemoteWriteConfiguration)
    }

    /// The id as configured, such as `otlp_http/metrics`; labels metrics.
    package var id: String
    package var url: String
    package var headers: [OTLPHTTPExporterConfiguration.Header]
    /// Of one attempt.
    package var timeout: Duration
    package var retry: RetryConfiguration
    package var tls: ClientTLSConfiguration
    package var encoding: Encoding

    /// The metrics side of an `otlp_http` exporter; nil when it has no URL for them.
    init?(_ exporter: OTLPHTTPExporterConfiguration) {
        guard let url = exporter.metricsURL else { return nil }
        self.url = url
        id = exporter.id
        headers = exporter.headers
        timeout = exporter.timeout
        retry = exporter.retry
        tls = exporter.tls
        encoding = .otlp(exporter.compression)
    }

    /// `exporters.prometheusremotewrite` (or `prometheus_remote_write`).
    init(id: String, _ section: ConfigurationSection) {
        self.id = id
        url = ""
        if let endpoint = section.optionalString("endpoint") {
            url = OTLPHTTPExporterConfiguration.checked(endpoint, "endpoint", section)
        } else {
            section.fail("endpoint", "is missing, expected a URL such as http://prometheus:9090/api/v1/write")
        }
        headers = OTLPHTTPExporterConfiguration.headers(section)
        // Defaults are those of the OpenTelemetry Collector's exporter.
        timeout = section.duration("timeout", default: .seconds(5), in: .milliseconds(1) ... .seconds(600))
        var retry = RetryConfiguration()
        retry.initialInterval = .milliseconds(50)
        self.retry = RetryConfiguration(section.section("retry_on_failure"), defaults: retry)
        tls = ClientTLSConfiguration(section.section("tls"))
        encoding = .remoteWrite(RemoteWriteConfiguration(section))
        section.end()
    }
}

/// What is particular to remote write.
package struct RemoteWriteConfiguration: Sendable, Equatable {
    package struct Label: Sendable, Equatable {
        package var name: String
        package var value: String
    }

    /// `external_labels`, added to every series that has no such label.
    package var externalLabels: [Label] = []
    /// `send_metadata`: type, help and unit of metrics.
    package var sendsMetadata = false
    /// `target_info.enabled`: a series that says who sends.
    package var hasTargetInfo = true
    /// `max_batch_size_bytes`, before compression.
    package var requestBytesMax = 3_000_000

    package init() {}

    init(_ section: ConfigurationSection) {
        let labels = section.section("external_labels").texts()
        externalLabels = labels.map { Label(name: $0.key, value: $0.value) }
        for label in externalLabels where !Self.isName(label.name) {
            section.fail("external_labels", "'\(label.name)' is not valid, expected a label's name such as cluster")
        }
        sendsMetadata = section.boolean("send_metadata", default: sendsMetadata)
        let targetInfo = section.section("target_info")
        hasTargetInfo = targetInfo.boolean("enabled", default: hasTargetInfo)
        targetInfo.end()
        requestBytesMax = section.integer(
            "max_batch_size_bytes", default: requestBytesMax, in: 10_000...100_000_000)
        if !section.boolean("add_metric_suffixes", default: true) {
            section.fail(
                "add_metric_suffixes",
                "false is not valid, expected true: names without suffixes are the naming profile jaeger-spm")
        }
        let queue = section.section("remote_write_queue")
        if !queue.boolean("enabled", default: true) {
            queue.fail("enabled", "false is not valid, expected true: a push waits for no one")
        }
        // There is no queue: what waits is the latest value of every series, however many pushes were missed.
        _ = queue.integer("queue_size", default: 10_000, in: 1...Int.max)
        _ = queue.integer("num_consumers", default: 5, in: 1...Int.max)
        queue.end()
    }

    private static func isName(_ name: String) -> Bool {
        guard let first = name.first, !first.isNumber else { return false }
        return name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") } && !name.hasPrefix("__")
    }
}
