import Alerting
import SpanMetrics

/// Everything that the collector without its query side is told.
package struct CollectorConfiguration: Sendable {
    package var receiver: OTLPReceiverConfiguration
    package var memoryLimiter = MemoryLimiterConfiguration()
    package var storage = StorageConfiguration()
    /// All `otlp_http` exporters, whatever they send.
    package var exporters: [OTLPHTTPExporterConfiguration] = []
    /// `exporters.prometheusremotewrite`.
    package var remoteWriters: [MetricsPushConfiguration] = []
    /// Where RED metrics are served (`exporters.prometheus`).
    package var prometheusEndpoint: ListenEndpoint
    package var spanMetrics = SpanMetricsConfiguration()
    package var serviceGraph = ServiceGraphConfiguration()
    package var genAI = GenAISettings()
    package var alerts = AlertsConfiguration()
    package var telemetry: TelemetryConfiguration
    /// `service.shutdown_timeout`: how long a drain may take.
    package var shutdownTimeout = Duration.seconds(20)

    package init(ports: PortsConfiguration = PortsConfiguration()) {
        receiver = OTLPReceiverConfiguration(ports: ports)
        prometheusEndpoint = ports.endpoint(8889)
        telemetry = TelemetryConfiguration(ports: ports)
    }

    /// Reads the keys of the whole document that belong to the collector; the caller owns `root` and ends it.
    package init(_ root: ConfigurationSection, ports: PortsConfiguration) {
        self.init(ports: ports)
        let receivers = root.section("receivers")
        if receivers.has("otlp") || !receivers.isPresent {
            receiver = OTLPReceiverConfiguration(receivers.section("otlp"), ports: ports)
        } else {
            receivers.issues.add(
                "names no receiver, expected otlp", key: receivers.path, place: receivers.place)
            receivers.know("otlp")
        }
        receivers.end()
        let processors = root.section("processors")
        memoryLimiter = MemoryLimiterConfiguration(processors.section("memory_limiter"))
        processors.end()
        storage = StorageConfiguration(root.section("storage"))
        readExporters(root.section("exporters"))
        let connectors = root.section("connectors")
        spanMetrics = SpanMetricsConfiguration(connectors.section("spanmetrics", alias: "span_metrics"))
        serviceGraph = ServiceGraphConfiguration(connectors.section("servicegraph", alias: "service_graph"))
        genAI = GenAISettings(connectors.section("gen_ai"))
        connectors.end()
        alerts = AlertsConfiguration(
            root.section("alerts"), metrics: spanMetrics, genAI: genAI.configuration,
            retention: storage.retentionAgeMax)
        telemetry = TelemetryConfiguration(root.section("telemetry"), ports: ports)
        let service = root.section("service")
        shutdownTimeout = service.duration(
            "shutdown_timeout", default: shutdownTimeout, in: .zero ... .seconds(3600))
        let named = ServicePipelines.check(
            service.section("pipelines"), exporters: exporters.filter(\.sendsTraces).map(\.id),
            metricsExporters: exporters.filter { $0.metricsURL != nil }.map(\.id) + remoteWriters.map(\.id))
        for index in exporters.indices where named.metrics.contains(exporters[index].id) {
            exporters[index].sendsMetrics = true
            exporters[index].sendsTraces = exporters[index].sendsTraces && named.traces.contains(exporters[index].id)
        }
        service.end()
    }

    /// The exporters that forward spans.
    package var spanExporters: [OTLPHTTPExporterConfiguration] { exporters.filter(\.sendsTraces) }

    /// Where derived metrics are pushed to.
    package var metricsTargets: [MetricsPushConfiguration] {
        exporters.filter(\.sendsMetrics).compactMap(MetricsPushConfiguration.init) + remoteWriters
    }

    private mutating func readExporters(_ section: ConfigurationSection) {
        var servesPrometheus = false
        for id in section.keys {
            let type = id.split(separator: "/", maxSplits: 1).first.map(String.init) ?? id
            switch type {
            case "otlp_http", "otlphttp":
                exporters.append(OTLPHTTPExporterConfiguration(id: id, section.section(id)))
            case "prometheus":
                if servesPrometheus {
                    section.fail(id, "is the second of its kind, expected one place where derived metrics are served")
                }
                servesPrometheus = true
                let prometheus = section.section(id)
                prometheusEndpoint = prometheus.endpoint(default: prometheusEndpoint)
                prometheus.end()
            case "prometheusremotewrite", "prometheus_remote_write":
                remoteWriters.append(MetricsPushConfiguration(id: id, section.section(id)))
            case "otlp", "otlp_grpc":
                section.fail(id, "means OTLP over gRPC, which this collector does not send; use otlp_http")
                section.know(id)
            default: break
            }
        }
        section.know("otlp_http", "prometheus", "prometheusremotewrite")
        section.end()
    }
}
