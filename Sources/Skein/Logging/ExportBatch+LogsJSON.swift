import OTLP

extension ExportBatch {
    /// A batch of log records as OTLP/JSON. What is malformed, which nothing of our own making is, is left out.
    func logsJSON() -> [UInt8] {
        var json = JSONWriter(reservingCapacity: request.count * 3)
        json.object { json in
            json.array("resourceLogs") { json in
                for resourceLogs in ProtobufFields(request) where resourceLogs.number == 1 {
                    json.object { LogsJSON.resourceLogs(resourceLogs.content, &$0) }
                }
            }
        }
        return json.takeBytes()
    }
}

/// Writes what an `ExportLogsServiceRequest` of the SDK holds: no more fields than it sets.
private enum LogsJSON {
    /// Values within each other that are read; records have fewer.
    private static let depthMax = 32

    static func resourceLogs(_ message: ArraySlice<UInt8>, _ json: inout JSONWriter) {
        for field in ProtobufFields(message) where field.number == 1 {
            json.object("resource") { attributes(field.content, 1, &$0) }
        }
        json.array("scopeLogs") { json in
            for field in ProtobufFields(message) where field.number == 2 {
                json.object { scopeLogs(field.content, &$0) }
            }
        }
    }

    private static func scopeLogs(_ message: ArraySlice<UInt8>, _ json: inout JSONWriter) {
        for field in ProtobufFields(message) where field.number == 1 {
            json.object("scope") { json in
                for part in ProtobufFields(field.content) where part.number == 1 { json.utf8("name", part.content) }
            }
        }
        json.array("logRecords") { json in
            for field in ProtobufFields(message) where field.number == 2 {
                json.object { logRecord(field.content, &$0) }
            }
        }
    }

    private static func logRecord(_ message: ArraySlice<UInt8>, _ json: inout JSONWriter) {
        for field in ProtobufFields(message) {
            switch field.number {
            case 1: json.int64String("timeUnixNano", field.number64)
            case 2: json.int("severityNumber", field.number64)
            case 3: json.utf8("severityText", field.content)
            case 5: json.object("body") { anyValue(field.content, 0, &$0) }
            case 7: json.int("droppedAttributesCount", field.number64)
            case 8: json.int("flags", field.number64)
            case 9 where field.content.count == 16:
                let (high, low) = (number(field.content.prefix(8)), number(field.content.suffix(8)))
                json.traceID("traceId", TraceID(high: high, low: low))
            case 10 where field.content.count == 8: json.spanID("spanId", SpanID(number(field.content)))
            case 11: json.int64String("observedTimeUnixNano", field.number64)
            default: break
            }
        }
        attributes(message, 6, &json)
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func attributes(_ message: ArraySlice<UInt8>, _ number: UInt64, _ json: inout JSONWriter) {
        json.array("attributes") { json in
            for field in ProtobufFields(message) where field.number == number { keyValue(field.content, 0, &json) }
        }
    }

    private static func keyValue(_ message: ArraySlice<UInt8>, _ depth: Int, _ json: inout JSONWriter) {
        json.object { json in
            for field in ProtobufFields(message) {
                switch field.number {
                case 1: json.utf8("key", field.content)
                case 2: json.object("value") { anyValue(field.content, depth, &$0) }
                default: break
                }
            }
        }
    }

    private static func anyValue(_ message: ArraySlice<UInt8>, _ depth: Int, _ json: inout JSONWriter) {
        guard depth < depthMax, let field = ProtobufFields(message).first(where: { _ in true }) else { return }
        switch field.number {
        case 1: json.utf8("stringValue", field.content)
        case 2: json.bool("boolValue", field.number64 != 0)
        case 3: json.int64String("intValue", Int64(bitPattern: field.number64))
        case 4: json.double("doubleValue", Double(bitPattern: field.number64))
        case 5:
            list("arrayValue", field.content, &json) { element, json in
                json.object { anyValue(element, depth + 1, &$0) }
            }
        case 6: list("kvlistValue", field.content, &json) { keyValue($0, depth + 1, &$1) }
        default: break
        }
    }

    private static func list(
        _ key: StaticString, _ message: ArraySlice<UInt8>, _ json: inout JSONWriter,
        _ element: (ArraySlice<UInt8>, inout JSONWriter) -> Void
    ) {
        json.object(key) { json in
            json.array("values") { json in
                for field in ProtobufFields(message) where field.number == 1 { element(field.content, &json) }
            }
        }
    }
}
