import Logging

/// What can be set about sending log lines: see ``SkeinTracing/logHandler(label:metadataProvider:)``.
public struct LoggingConfiguration: Sendable {
    /// Where log records go.
    public enum Exporter: Sendable {
        /// To ``LoggingConfiguration/otlp``.
        case otlp
    }

    /// Where log records go; nowhere by default, because a receiver of traces need not take logs.
    /// `OTEL_LOGS_EXPORTER`.
    public var exporters: [Exporter] = [] {
        didSet { areExportersChosen = true }
    }
    /// The lowest level that is sent, until a logger's own level is set.
    public var level: Logger.Level = .info
    /// How records are collected; its sizes count log records where they speak of spans. `OTEL_BLRP_*`, `SKEIN_BLRP_*`.
    public var batch = BatchOptions.logs
    /// How OTLP is sent; the endpoint is that of logs. `OTEL_EXPORTER_OTLP_LOGS_*`, `OTEL_EXPORTER_OTLP_*`.
    public var otlp = OTLPOptions.logs
    /// Attributes of a record; 128 is OpenTelemetry's default. What goes over is dropped and counted in the record.
    /// `OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT`.
    public var attributeCountMax = 128
    /// Unicode scalars of a text in an attribute; longer ones are cut, nil means no limit. The body has none but the
    /// queue's bytes. `OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT`.
    public var attributeValueLengthMax: Int?
    /// Exporters that get batches of log records besides; for tests.
    package var customExporters: [any SpanExporter] = []
    /// Whether somebody said where records go, if only that they go nowhere.
    private(set) var areExportersChosen = false

    /// OpenTelemetry's defaults, but for the exporters and the queue, which is bounded by its bytes.
    public init() {}
}

extension BatchOptions {
    /// The defaults for log records.
    static var logs: BatchOptions {
        var options = BatchOptions()
        // About 50,000 lines of 300 bytes: a minute of a busy service.
        options.maxQueueBytes = 16 << 20
        options.scheduleDelay = .seconds(1)
        return options
    }
}

extension OTLPOptions {
    /// The defaults for log records.
    static var logs: OTLPOptions {
        var options = OTLPOptions()
        options.endpoint = "http://localhost:4318/v1/logs"
        return options
    }
}
