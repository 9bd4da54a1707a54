/// `service.pipelines` of an OpenTelemetry Collector configuration.
///
/// The topology is fixed: receivers, ingest processors, journal, then store, derivation and exporters. A pipeline
/// section is accepted when it describes just that, so that a file written for the OpenTelemetry Collector need not be
/// cut; anything else is an error that says where the component belongs.
enum ServicePipelines {
    /// The exporters that pipelines name, by what they carry.
    struct Named {
        var traces: Set<String> = []
        var metrics: Set<String> = []
    }

    /// - Parameters:
    ///   - exporters: Those that can take spans.
    ///   - metricsExporters: Those that can take metrics.
    static func check(
        _ pipelines: ConfigurationSection, exporters: [String], metricsExporters: [String]
    ) -> Named {
        var named = Named()
        guard pipelines.isPresent else { return named }
        var namesExporters = false
        var namesAny = false
        for id in pipelines.keys {
            let pipeline = pipelines.section(id)
            let signal = id.split(separator: "/").first.map(String.init) ?? id
            guard signal == "traces" || signal == "metrics" else {
                pipelines.fail(id, "is not valid, expected traces, or metrics for what connectors derive")
                continue
            }
            let names = check(
                pipeline, signal: signal, exporters: signal == "traces" ? exporters : metricsExporters)
            if signal == "traces" { named.traces.formUnion(names) } else { named.metrics.formUnion(names) }
            namesAny = namesAny || pipeline.has("exporters")
            namesExporters = namesExporters || signal == "traces" && pipeline.has("exporters")
            pipeline.end()
        }
        func fail(_ exporter: String, _ signal: String) {
            guard !named.traces.contains(exporter), !named.metrics.contains(exporter) else { return }
            pipelines.issues.add(
                "leaves out exporter \(exporter), expected it in a \(signal) pipeline or not in exporters",
                key: pipelines.path, place: pipelines.place)
        }
        if namesExporters { exporters.forEach { fail($0, "traces") } }
        // One that takes spans, too, sends them where no traces pipeline says what does.
        if namesAny { metricsExporters.filter { !exporters.contains($0) }.forEach { fail($0, "metrics") } }
        pipelines.end()
        return named
    }

    /// Checks one pipeline; answers with the exporters that it names.
    private static func check(_ pipeline: ConfigurationSection, signal: String, exporters: [String]) -> [String] {
        let connectors = ["spanmetrics", "span_metrics", "servicegraph", "service_graph", "gen_ai"]
        let receivers = pipeline.strings("receivers") ?? []
        let wanted = signal == "traces" ? ["otlp"] : connectors
        for receiver in receivers where !wanted.contains(receiver) {
            pipeline.fail("receivers", "'\(receiver)' is not valid, expected \(wanted[0])")
        }
        for processor in pipeline.strings("processors") ?? [] {
            switch processor {
            case "memory_limiter": break
            case "batch":
                pipeline.fail("processors", "'batch' belongs to an exporter: exporters.<id>.sending_queue.batch")
            default: pipeline.fail("processors", "'\(processor)' is not valid, expected memory_limiter")
            }
        }
        let targets = signal == "traces" ? exporters + connectors : ["prometheus"] + exporters
        let named = pipeline.strings("exporters") ?? []
        for exporter in named where !targets.contains(exporter) {
            pipeline.fail(
                "exporters", "'\(exporter)' is not valid, expected one of \(targets.joined(separator: ", "))")
        }
        return named
    }
}
