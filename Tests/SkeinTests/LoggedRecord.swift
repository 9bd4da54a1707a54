import OTLP
import Skein

/// A log record as it stands in an `ExportLogsServiceRequest`, with its resource and scope.
struct LoggedRecord: Equatable {
    indirect enum Value: Equatable {
        case text(String)
        case int(Int64)
        case list([Value])
        case pairs([String: Value])
        case other(UInt64)
    }

    var timeNanoseconds: UInt64 = 0
    var observedNanoseconds: UInt64 = 0
    var severityNumber: UInt64 = 0
    var severityText = ""
    var body: Value?
    var attributes: [String: Value] = [:]
    /// Repeated where the wire repeats them.
    var keys: [String] = []
    var droppedAttributes: UInt64 = 0
    var flags: UInt64?
    var traceID: [UInt8] = []
    var spanID: [UInt8] = []
    /// Fields of the record that are none of the above.
    var unknownFields: [UInt64] = []
    var scope = ""
    var resource: [String: Value] = [:]

    /// The records in order, those of one scope after those of another.
    static func records(inRequest request: [UInt8]) -> [LoggedRecord] {
        var records: [LoggedRecord] = []
        for resourceLogs in ProtobufFields(request) where resourceLogs.number == 1 {
            var resource: [String: Value] = [:]
            for field in ProtobufFields(resourceLogs.content) where field.number == 1 {
                for pair in ProtobufFields(field.content) where pair.number == 1 {
                    let (key, value) = Value.pair(pair.content)
                    resource[key] = value
                }
            }
            for scopeLogs in ProtobufFields(resourceLogs.content) where scopeLogs.number == 2 {
                let scope = scopeName(scopeLogs.content)
                for field in ProtobufFields(scopeLogs.content) where field.number == 2 {
                    var record = LoggedRecord(field.content)
                    (record.scope, record.resource) = (scope, resource)
                    records.append(record)
                }
            }
        }
        return records
    }

    /// The names of a request's scopes, as often as they stand there.
    static func scopes(inRequest request: [UInt8]) -> [String] {
        ProtobufFields(request).flatMap { resourceLogs in
            ProtobufFields(resourceLogs.content).filter { $0.number == 2 }.map { scopeName($0.content) }
        }
    }

    private static func scopeName(_ scopeLogs: ArraySlice<UInt8>) -> String {
        for field in ProtobufFields(scopeLogs) where field.number == 1 {
            for name in ProtobufFields(field.content) where name.number == 1 { return text(name.content) }
        }
        return ""
    }

    private init(_ message: ArraySlice<UInt8>) {
        for field in ProtobufFields(message) {
            switch field.number {
            case 1: timeNanoseconds = field.number64
            case 2: severityNumber = field.number64
            case 3: severityText = Self.text(field.content)
            case 5: body = Value(field.content)
            case 6:
                let (key, value) = Value.pair(field.content)
                keys.append(key)
                attributes[key] = value
            case 7: droppedAttributes = field.number64
            case 8: flags = field.number64
            case 9: traceID = Array(field.content)
            case 10: spanID = Array(field.content)
            case 11: observedNanoseconds = field.number64
            default: unknownFields.append(field.number)
            }
        }
    }

    fileprivate static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
}

extension LoggedRecord.Value {
    init?(_ message: ArraySlice<UInt8>) {
        guard let field = ProtobufFields(message).first(where: { _ in true }) else { return nil }
        switch field.number {
        case 1: self = .text(LoggedRecord.text(field.content))
        case 3: self = .int(Int64(bitPattern: field.number64))
        case 5: self = .list(ProtobufFields(field.content).compactMap { Self($0.content) })
        case 6:
            self = .pairs(
                ProtobufFields(field.content).reduce(into: [:]) { pairs, field in
                    let (key, value) = Self.pair(field.content)
                    pairs[key] = value
                })
        default: self = .other(field.number)
        }
    }

    static func pair(_ message: ArraySlice<UInt8>) -> (String, Self?) {
        var (key, value) = ("", nil as Self?)
        for field in ProtobufFields(message) {
            switch field.number {
            case 1: key = LoggedRecord.text(field.content)
            case 2: value = Self(field.content)
            default: break
            }
        }
        return (key, value)
    }
}

extension LoggedRecord.Value: ExpressibleByStringLiteral {
    init(stringLiteral text: String) { self = .text(text) }
}

extension TraceID {
    var bytes: [UInt8] {
        [high, low].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * $0)) } }
    }
}

extension SpanID {
    var bytes: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: rawValue >> (56 - 8 * $0)) } }
}
