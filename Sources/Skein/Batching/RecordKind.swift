/// What the records of a queue are.
enum RecordKind: Sendable {
    case span
    case logRecord

    /// For messages.
    var plural: String {
        switch self {
        case .span: "spans"
        case .logRecord: "log records"
        }
    }

    /// The kind in the names of metrics, as OpenTelemetry's conventions for SDKs have it.
    var metricName: String {
        switch self {
        case .span: "span"
        case .logRecord: "log"
        }
    }
}
