import Collector
import OTLP
import QueryAPI
import SpanMetrics

/// A configuration written out as the YAML document that gives it, with secrets masked.
package struct EffectiveConfiguration {
    private let configuration: SkeinConfiguration

    package init(_ configuration: SkeinConfiguration) {
        self.configuration = configuration
    }

    /// The document; reading it gives the same configuration but for what is masked.
    package var yaml: String {
        let collector = configuration.collector
        var writer = YAMLWriter()
        writer.section("receivers") { receivers(collector.receiver, &$0) }
        writer.section("processors") { memoryLimiter(collector.memoryLimiter, &$0) }
        writer.section("storage") { storage(collector.storage, &$0) }
        writer.section("exporters") { writer in
            writer.section("prometheus") { $0.value("endpoint", collector.prometheusEndpoint.description) }
            for exporter in collector.exporters { self.exporter(exporter, &writer) }
            for target in collector.remoteWriters { remoteWriter(target, &writer) }
        }
        writer.section("connectors") { writer in
            spanMetrics(collector.spanMetrics, &writer)
            serviceGraph(collector.serviceGraph, &writer)
            genAI(collector.genAI, &writer)
        }
        writer.section("query") { writer in
            let query = configuration.query
            writer.value("endpoint", query.endpoint.description)
            writer.value("allow_unauthenticated", query.allowsUnauthenticated)
            if !query.allowedHosts.isEmpty { writer.list("allowed_hosts", query.allowedHosts) }
            writer.value("timeout", GoDuration.text(query.timeout))
            writer.value("max_traces", query.maxTraces)
            writer.value("max_spans_per_trace", query.maxSpansPerTrace)
            writer.value("max_memory_mib", query.memoryMaxBytes >> 20)
            writer.value("max_rows", query.maxRows)
            writer.value("max_concurrent_queries", query.maxConcurrentQueries)
            writer.value("max_queued_queries", query.maxQueuedQueries)
            writer.value("time_zone", query.timeZone.name)
        }
        writer.section("alerts") { alerts(collector.alerts, &$0) }
        writer.section("telemetry") { writer in
            writer.section("logs") { $0.value("level", collector.telemetry.logLevel.rawValue) }
            writer.section("metrics") { $0.value("endpoint", collector.telemetry.metricsEndpoint.description) }
            writer.section("health") { $0.value("endpoint", collector.telemetry.healthEndpoint.description) }
        }
        writer.section("service") { $0.value("shutdown_timeout", GoDuration.text(collector.shutdownTimeout)) }
        return writer.text
    }

    private func receivers(_ receiver: OTLPReceiverConfiguration, _ writer: inout YAMLWriter) {
        writer.section("otlp") { writer in
            writer.section("protocols") { writer in
                if let grpc = receiver.grpc {
                    writer.section("grpc") { writer in
                        writer.value("endpoint", grpc.endpoint.description)
                        writer.value("max_recv_msg_size_mib", grpc.messageBytesMax >> 20)
                    }
                }
                if let http = receiver.http {
                    writer.section("http") { writer in
                        writer.value("endpoint", http.endpoint.description)
                        writer.value("max_request_body_size", http.bodyBytesMax)
                        writer.value("traces_url_path", http.tracesPath)
                    }
                }
            }
        }
    }

    private func memoryLimiter(_ limiter: MemoryLimiterConfiguration, _ writer: inout YAMLWriter) {
        writer.section("memory_limiter") { writer in
            writer.value("check_interval", GoDuration.text(limiter.checkInterval))
            writer.value("limit_mib", limiter.limitBytes >> 20)
            writer.value("spike_limit_mib", limiter.spikeBytes >> 20)
        }
    }

    private func storage(_ storage: StorageConfiguration, _ writer: inout YAMLWriter) {
        writer.value("directory", storage.directory)
        writer.value("durability", storage.durability.rawValue)
        writer.section("journal") { $0.value("max_bytes", storage.journalBytesMax) }
        writer.section("retention") { writer in
            writer.value("max_age", GoDuration.text(storage.retentionAgeMax))
            writer.value("max_bytes", storage.retentionBytesMax)
        }
        writer.section("block") { writer in
            writer.value("max_spans", storage.blockSpansMax)
            writer.value("max_age", GoDuration.text(storage.blockAgeMax))
        }
        writer.value("query_cores", storage.queryCores)
    }

    private func exporter(_ exporter: OTLPHTTPExporterConfiguration, _ writer: inout YAMLWriter) {
        writer.section(exporter.id) { writer in
            if exporter.sendsTraces { writer.value("traces_endpoint", SecretMask.url(exporter.tracesURL)) }
            if exporter.sendsMetrics, let url = exporter.metricsURL {
                writer.value("metrics_endpoint", SecretMask.url(url))
            }
            headers(exporter.headers, &writer)
            writer.value("compression", exporter.compression.rawValue)
            writer.value("timeout", GoDuration.text(exporter.timeout))
            retry(exporter.retry, &writer)
            writer.section("sending_queue") { writer in
                writer.value("sizer", "bytes")
                writer.value("queue_size", exporter.queue.bytesMax)
                writer.value("max_age", GoDuration.text(exporter.queue.ageMax ?? .zero))
                writer.section("batch") { writer in
                    writer.value("max_size", exporter.queue.batchSpansMax)
                    writer.value("flush_timeout", GoDuration.text(exporter.queue.flushTimeout))
                }
            }
            tls(exporter.tls, &writer)
        }
    }

    private func headers(_ headers: [OTLPHTTPExporterConfiguration.Header], _ writer: inout YAMLWriter) {
        guard !headers.isEmpty else { return }
        // A header may be a secret under any name, so none is shown.
        writer.section("headers") { writer in
            for header in headers { writer.value(header.name, SecretMask.text) }
        }
    }

    private func retry(_ retry: RetryConfiguration, _ writer: inout YAMLWriter) {
        writer.section("retry_on_failure") { writer in
            writer.value("enabled", retry.isEnabled)
            writer.value("initial_interval", GoDuration.text(retry.initialInterval))
            writer.value("max_interval", GoDuration.text(retry.maxInterval))
            writer.value("max_elapsed_time", GoDuration.text(retry.maxElapsedTime))
            writer.value("multiplier", "\(retry.multiplier)")
            writer.value("randomization_factor", "\(retry.randomizationFactor)")
        }
    }

    private func remoteWriter(_ target: MetricsPushConfiguration, _ writer: inout YAMLWriter) {
        guard case .remoteWrite(let settings) = target.encoding else { return }
        writer.section(target.id) { writer in
            writer.value("endpoint", SecretMask.url(target.url))
            headers(target.headers, &writer)
            writer.value("timeout", GoDuration.text(target.timeout))
            retry(target.retry, &writer)
            if !settings.externalLabels.isEmpty {
                writer.section("external_labels") { writer in
                    for label in settings.externalLabels { writer.value(label.name, label.value) }
                }
            }
            writer.value("send_metadata", settings.sendsMetadata)
            writer.section("target_info") { $0.value("enabled", settings.hasTargetInfo) }
            writer.value("max_batch_size_bytes", settings.requestBytesMax)
            tls(target.tls, &writer)
        }
    }

    private func tls(_ tls: ClientTLSConfiguration, _ writer: inout YAMLWriter) {
        guard tls != ClientTLSConfiguration() else { return }
        writer.section("tls") { writer in
            if let file = tls.caFile { writer.value("ca_file", file) }
            if let file = tls.certificateFile { writer.value("cert_file", file) }
            if let file = tls.keyFile { writer.value("key_file", file) }
            writer.value("insecure_skip_verify", tls.skipsVerification)
        }
    }

    private func spanMetrics(_ metrics: SpanMetricsConfiguration, _ writer: inout YAMLWriter) {
        writer.section("spanmetrics") { writer in
            writer.value("namespace", metrics.namespace)
            writer.list("naming_profiles", metrics.namingProfiles.map(\.rawValue))
            writer.section("histogram") { histogram(metrics, &$0) }
            dimensions("dimensions", metrics.dimensions, &writer)
            dimensions("calls_dimensions", metrics.callsDimensions, &writer)
            if !metrics.resourceKeys.isEmpty {
                writer.list("resource_metrics_key_attributes", metrics.resourceKeys)
            }
            if !metrics.excludeDimensions.isEmpty {
                writer.list("exclude_dimensions", metrics.excludeDimensions.map(\.rawValue).sorted())
            }
            if !metrics.instrumentationScopes.isEmpty {
                writer.list("include_instrumentation_scope", metrics.instrumentationScopes)
            }
            writer.section("events") { writer in
                writer.value("enabled", metrics.areEventsEnabled)
                dimensions("dimensions", metrics.eventDimensions, &writer)
            }
            writer.value("aggregation_cardinality_limit", metrics.aggregationCardinalityLimit)
            writer.section("exemplars") { writer in
                writer.value("enabled", metrics.areExemplarsEnabled)
                writer.value("max_per_data_point", metrics.exemplarsPerPointMax)
            }
            writer.value(
                "metrics_flush_interval",
                GoDuration.text(.nanoseconds(Int64(clamping: metrics.flushIntervalNanoseconds))))
            writer.value(
                "series_expiration",
                GoDuration.text(.nanoseconds(Int64(clamping: metrics.expirationNanoseconds))))
        }
    }

    private func histogram(_ metrics: SpanMetricsConfiguration, _ writer: inout YAMLWriter) {
        writer.value("disable", !metrics.isHistogramEnabled)
        writer.value("unit", metrics.unit.rawValue)
        dimensions("dimensions", metrics.histogramDimensions, &writer)
        if let bucketsMax = metrics.exponentialBucketsMax {
            writer.section("exponential") { $0.value("max_size", bucketsMax) }
            return
        }
        writer.section("explicit") { writer in
            writer.list(
                "buckets", metrics.bucketBoundsNanoseconds.map { GoDuration.text(.nanoseconds(Int64(clamping: $0))) })
        }
    }

    private func dimensions(
        _ key: String, _ dimensions: [SpanMetricsConfiguration.Dimension], _ writer: inout YAMLWriter
    ) {
        guard !dimensions.isEmpty else { return }
        writer.items(key, dimensions) { dimension, writer in
            writer.value("name", dimension.name)
            if let standard = dimension.default { writer.value("default", standard) }
        }
    }
}

extension EffectiveConfiguration {
    private func serviceGraph(_ graph: ServiceGraphConfiguration, _ writer: inout YAMLWriter) {
        func text(_ nanoseconds: UInt64) -> String { GoDuration.text(.nanoseconds(Int64(clamping: nanoseconds))) }
        writer.section("servicegraph") { writer in
            writer.value("enabled", graph.isEnabled)
            writer.list("latency_histogram_buckets", graph.bucketBoundsNanoseconds.map(text))
            if !graph.dimensions.isEmpty { writer.list("dimensions", graph.dimensions) }
            writer.list("database_name_attributes", graph.databaseNameAttributes)
            writer.list("virtual_node_peer_attributes", graph.virtualNodePeerAttributes)
            writer.value("virtual_node_extra_label", graph.hasVirtualNodeLabel)
            writer.section("store") { writer in
                writer.value("ttl", text(graph.timeToLiveNanoseconds))
                writer.value("max_items", graph.itemsMax)
            }
            writer.value("series_expiration", text(graph.seriesExpirationNanoseconds))
            writer.value("aggregation_cardinality_limit", graph.aggregationCardinalityLimit)
        }
    }

    private func genAI(_ settings: GenAISettings, _ writer: inout YAMLWriter) {
        func text(_ nanoseconds: UInt64) -> String { GoDuration.text(.nanoseconds(Int64(clamping: nanoseconds))) }
        writer.section("gen_ai") { writer in
            writer.value("enabled", settings.configuration.isEnabled)
            writer.value("wait", text(settings.configuration.waitNanoseconds))
            writer.value("late_wait", text(settings.configuration.lateWaitNanoseconds))
            writer.value("max_pending_spans", settings.configuration.pendingSpansMax)
            writer.value("aggregation_cardinality_limit", settings.configuration.aggregationCardinalityLimit)
            writer.items("attribution", settings.configuration.attribution) { entry, writer in
                writer.value("name", entry.name)
                writer.list("attributes", entry.attributes)
            }
            writer.list("histogram_attribution", settings.configuration.histogramAttribution)
            writer.section("retention") { writer in
                writer.value("max_age", text(settings.configuration.retentionNanoseconds))
                writer.value("max_bytes", settings.configuration.retentionBytes)
            }
            writer.section("prices") { writer in
                if let file = settings.pricesFile { writer.value("file", file) }
                writer.value("builtin", settings.usesBuiltInPrices)
            }
            writer.value("cost", settings.costs.policy.rawValue)
        }
    }
}

/// Hides what must not be printed.
package enum SecretMask {
    package static let text = "[REDACTED]"

    /// A URL without the password in front of its host and without its query, either of which may hold a token.
    package static func url(_ url: String) -> String {
        guard let scheme = url.firstRange(of: "://") else { return url }
        var shown = String(url[..<scheme.upperBound])
        let rest = url[scheme.upperBound...]
        let address = rest.prefix { $0 != "?" && $0 != "#" }
        let authority = address.prefix { $0 != "/" }
        if let at = authority.lastIndex(of: "@") {
            shown += text + address[at...]
        } else {
            shown += address
        }
        return address.endIndex == rest.endIndex ? shown : shown + "?" + text
    }
}
