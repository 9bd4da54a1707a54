import Logging
import OTLP
import SemanticConventions
import Tracing

/// Sends every line of a log as an OTLP log record, with the ids of the current span.
///
/// ```swift
/// let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway") { $0.logs.exporters = [.otlp] }
/// LoggingSystem.bootstrap { label in
///     MultiplexLogHandler([StreamLogHandler.standardError(label: label), telemetry.logHandler(label: label)])
/// }
/// ```
///
/// The label is the name of the record's instrumentation scope, the message its body. Metadata becomes attributes:
/// texts as strings, lists and dictionaries as OTLP arrays and key-value lists up to 8 deep and as text below that. Of
/// equal keys a line's own entry wins over the metadata provider's, and that over the logger's. File, line and function
/// are `code.*` attributes, an error of the line is `exception.type` and `exception.message`; metadata of these names
/// wins over them. Entries `trace_id`, `span_id` and `trace_flags` that say what the record's own fields say are left
/// out. A line is encoded once, on the thread that logs, and waits in a bounded queue.
public struct OTLPLogHandler: LogHandler {
    /// The lowest level that is sent; ``LoggingConfiguration/level`` at first.
    public var logLevel: Logger.Level
    /// What the logger adds to every line.
    public var metadata: Logger.Metadata = [:]
    /// What adds further metadata to every line.
    public var metadataProvider: Logger.MetadataProvider?
    /// `ScopeLogs.scope`, encoded.
    private let scope: [UInt8]
    private let pipeline: LogPipeline

    init(label: String, metadataProvider: Logger.MetadataProvider?, pipeline: LogPipeline) {
        logLevel = pipeline.configuration.level
        self.metadataProvider = metadataProvider
        self.pipeline = pipeline
        var writer = WireWriter()
        writer.message(1) { $0.string(1, label) }
        scope = writer.takeBytes()
    }

    /// One entry of ``metadata``.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Queues the line. Loggers ask for the level before they call this.
    public func log(event: LogEvent) {
        guard pipeline.admits() else { return }
        let current = ServiceContext.current?.spanContext
        let span = current.flatMap { $0.isValid ? $0 : nil }
        let time = DefaultTracerClock.now.nanosecondsSinceEpoch
        // Described before the queue is touched: a description may run any code, which may log.
        let record = LogRecord(
            timeNanoseconds: time, level: event.level, body: event.message.description, span: span,
            attributes: attributes(of: event, span))
        pipeline.append(record, scope: scope)
    }

    private func attributes(of event: LogEvent, _ span: SpanContext?) -> LogAttributes {
        let limits = pipeline.configuration
        var attributes = LogAttributes(
            countMax: limits.attributeCountMax, valueLengthMax: limits.attributeValueLengthMax)
        let (own, provided) = (event.metadata ?? [:], metadataProvider?.get() ?? [:])
        func add(_ entries: Logger.Metadata, to attributes: inout LogAttributes, unless isSet: (String) -> Bool) {
            for (key, value) in entries where !isSet(key) {
                if let span, LogContextKey.repeats(key, value, span) { continue }
                attributes.add(key, value)
            }
        }
        add(own, to: &attributes) { _ in false }
        add(provided, to: &attributes) { own[$0] != nil }
        add(metadata, to: &attributes) { own[$0] != nil || provided[$0] != nil }
        describe(event, in: &attributes) { own[$0] != nil || provided[$0] != nil || metadata[$0] != nil }
        return attributes
    }

    /// Adds what the line brings besides its metadata.
    private func describe(_ event: LogEvent, in attributes: inout LogAttributes, unless isSet: (String) -> Bool) {
        if let error = event.error {
            let (type, message) = (ErrorAttributes.exceptionType.name, ErrorAttributes.exceptionMessage.name)
            if !isSet(type) { attributes.add(type, String(reflecting: Swift.type(of: error))) }
            if !isSet(message) { attributes.add(message, String(describing: error)) }
        }
        let (file, line) = (CodeAttributes.codeFilePath.name, CodeAttributes.codeLineNumber.name)
        let function = CodeAttributes.codeFunctionName.name
        if !isSet(file) { attributes.add(file, event.file) }
        if !isSet(line) { attributes.add(line, WireInt(value: Int64(clamping: event.line))) }
        if !isSet(function) { attributes.add(function, event.function) }
    }
}
