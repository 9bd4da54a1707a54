/// `service.pipelines` of an OpenTelemetry Collector configuration.
///
/// The topology is fixed: receivers, ingest processors, journal, then store, derivation and exporters. A pipeline
/// section is accepted when it describes just that, so that a file written for the OpenTelemetry Collector need not be
/// cut; anything else is an error that says where the component belongs.
enum ServicePipelines {
    static func check(_ pipelines: ConfigurationSection, exporters: [String]) {
        guard pipelines.isPresent else { return }
        for id in pipelines.keys {
            let pipeline = pipelines.section(id)
            let signal = id.split(separator: "/").first.map(String.init) ?? id
            guard signal == "traces" || signal == "metrics" else {
                pipelines.fail(id, "is not valid, expected traces, or metrics for what connectors derive")
                continue
            }
            check(pipeline, signal: signal, exporters: exporters)
            pipeline.end()
        }
        pipelines.end()
    }

    private static func check(_ pipeline: ConfigurationSection, signal: String, exporters: [String]) {
        let connectors = ["spanmetrics", "span_metrics"]
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
        let targets = signal == "traces" ? exporters + connectors : ["prometheus"]
        for exporter in pipeline.strings("exporters") ?? [] where !targets.contains(exporter) {
            pipeline.fail(
                "exporters", "'\(exporter)' is not valid, expected one of \(targets.joined(separator: ", "))")
        }
    }
}
