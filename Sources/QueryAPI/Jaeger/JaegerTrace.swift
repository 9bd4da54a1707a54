import OTLP

/// A trace as the classic Jaeger API shows it. Times are microseconds.
struct JaegerTrace {
    var traceID: TraceID
    var spans: [JaegerSpan]
    /// `p1`, `p2`, … in this order.
    var processes: [JaegerProcess]
}

struct JaegerProcess: Hashable {
    var serviceName: String
    var tags: [JaegerTag]
}

struct JaegerSpan {
    var spanID: SpanID
    var operationName: String
    var references: [JaegerReference]
    var startTime: UInt64
    var duration: UInt64
    var tags: [JaegerTag]
    var logs: [JaegerLog]
    /// Index into the trace's processes.
    var process: Int
    var warnings: [String]
}

struct JaegerReference: Hashable {
    enum Kind: String {
        case childOf = "CHILD_OF"
        case followsFrom = "FOLLOWS_FROM"
    }

    var kind: Kind
    var traceID: TraceID
    var spanID: SpanID
}

struct JaegerLog {
    var timestamp: UInt64
    var fields: [JaegerTag]
}

struct JaegerTag: Hashable {
    var key: String
    var value: JaegerValue
}

enum JaegerValue: Hashable {
    case string(String)
    case bool(Bool)
    case int64(Int64)
    case float64(Double)
    case binary([UInt8])

    /// Arrays and maps become their JSON text, a value that is not there the empty text.
    init(_ value: AnyValue) {
        switch value {
        case .empty: self = .string("")
        case .string(let text): self = .string(text)
        case .bool(let flag): self = .bool(flag)
        case .int(let number): self = .int64(number)
        case .double(let number): self = .float64(number)
        case .bytes(let bytes): self = .binary(bytes)
        case .array, .keyValueList: self = .string(value.plainText)
        }
    }
}

extension AnyValue {
    /// The value as plain JSON: bytes in base64, the members of a map sorted by key.
    func writePlain(to json: inout JSONWriter) {
        switch self {
        case .empty: json.null()
        case .string(let text): json.string(text)
        case .bool(let flag): json.bool(flag)
        case .int(let number): json.int(number)
        case .double(let number): json.double(number)
        case .bytes(let bytes): json.base64(bytes[...])
        case .array(let elements):
            json.array { json in
                for element in elements { element.writePlain(to: &json) }
            }
        case .keyValueList(let pairs):
            json.object { json in
                for pair in pairs.sorted(by: { $0.key < $1.key }) {
                    json.key(pair.key)
                    pair.value.writePlain(to: &json)
                }
            }
        }
    }

    /// A string as it is, anything else as plain JSON.
    var plainText: String {
        if case .string(let text) = self { return text }
        if case .empty = self { return "" }
        var json = JSONWriter()
        writePlain(to: &json)
        return String(decoding: json.takeBytes(), as: UTF8.self)
    }
}
