import Logging

extension SkeinTracing {
    /// A handler that sends the lines of a logger as OTLP log records, with the ids of the span they are written in.
    ///
    /// All handlers share one queue for each exporter of ``TracingConfiguration/logs``; ``flush(timeout:)`` and
    /// ``shutdown(timeout:)`` include it. Where there is no exporter, lines are thrown away at once and counted.
    ///
    /// - Parameters:
    ///   - label: the logger's label, which becomes the name of the instrumentation scope.
    ///   - metadataProvider: adds to every line. Records have the ids of the current span anyway: a provider that adds
    ///     nothing else is better not asked here.
    public func logHandler(
        label: String, metadataProvider: Logger.MetadataProvider? = LoggingSystem.metadataProvider
    ) -> OTLPLogHandler {
        logs.handler(label: label, metadataProvider: metadataProvider)
    }

    /// How the lines that came to the log handlers fared so far.
    public var logStatistics: LogStatistics { logs.statistics }

    static func logPipeline(_ configuration: TracingConfiguration) throws(SkeinError) -> LogPipeline {
        guard !configuration.isDisabled else { return LogPipeline(configuration, []) }
        var exporters: [(any SpanExporter, name: String)] = []
        for exporter in configuration.logs.exporters {
            switch exporter {
            case .otlp:
                do {
                    exporters.append((try OTLPExporter(configuration.logs.otlp, .logRecord), "otlp_http_log_exporter"))
                } catch {
                    throw SkeinError(code: .exporterUnavailable, message: error.description)
                }
            }
        }
        exporters += configuration.logs.customExporters.map { ($0, "custom") }
        let framing = LogFraming(resource: configuration.resource)
        let processors = exporters.enumerated().map { index, exporter in
            let diagnostics = Diagnostics(
                configuration.logger, .logRecord, exporter: exporters.count > 1 ? "\(index + 1)" : nil,
                interval: configuration.diagnosticsInterval)
            return BatchProcessor(
                options: configuration.logs.batch, framing: framing, exporter: exporter.0, exporterName: exporter.name,
                diagnostics: diagnostics, backoff: configuration.backoff, metrics: configuration.metricsFactory)
        }
        return LogPipeline(configuration, processors)
    }
}
