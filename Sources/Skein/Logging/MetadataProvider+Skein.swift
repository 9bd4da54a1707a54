import Logging
import Tracing

extension Logger.MetadataProvider {
    /// Adds `trace_id`, `span_id` and `trace_flags` of the current span to every line, in hexadecimal; nothing where
    /// there is no span.
    ///
    /// ```swift
    /// LoggingSystem.bootstrap(StreamLogHandler.standardError, metadataProvider: .skein)
    /// ```
    ///
    /// The names are those of OpenTelemetry's "Trace Context in non-OTLP Log Formats". The current span is that of
    /// `ServiceContext.current`: in tasks and task groups it is their parent's. Only handlers ask a provider, for lines
    /// that they log, so other lines cost nothing.
    public static let skein = Logger.MetadataProvider {
        guard let span = ServiceContext.current?.spanContext, span.isValid else { return [:] }
        return [
            LogContextKey.traceID: .string(span.traceID.hex), LogContextKey.spanID: .string(span.spanID.hex),
            LogContextKey.traceFlags: .string(span.flags.hex),
        ]
    }
}

/// The names of the current span's identity in the metadata of a line.
enum LogContextKey {
    static let traceID = "trace_id"
    static let spanID = "span_id"
    static let traceFlags = "trace_flags"

    /// Whether an entry says what a record of `span` says in its own fields.
    static func repeats(_ key: String, _ value: Logger.MetadataValue, _ span: SpanContext) -> Bool {
        guard case .string(let text) = value else { return false }
        switch key {
        case traceID: return text == span.traceID.hex
        case spanID: return text == span.spanID.hex
        case traceFlags: return text == span.flags.hex
        default: return false
        }
    }
}

extension TraceFlags {
    /// Two hexadecimal digits.
    var hex: String {
        let digits = String(rawValue, radix: 16)
        return digits.utf8.count == 1 ? "0\(digits)" : digits
    }
}
