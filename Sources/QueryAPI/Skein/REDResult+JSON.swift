import OTLP
import SpanMetrics
import TraceStorage

extension REDResult {
    /// The answer of `/red`.
    var json: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.array("rows") { json in
                for row in rows { row.write(to: &json) }
            }
            json.partial(partialReasons)
            json.bool("truncated", isTruncated)
        }
        return json.takeBytes()
    }
}

extension REDRow {
    fileprivate func write(to json: inout JSONWriter) {
        json.object { json in
            json.object("key") { json in
                for pair in key {
                    json.key(pair.name)
                    pair.value.write(to: &json)
                }
            }
            numbers.write(to: &json)
            json.int("spans", spans)
            guard let series else { return }
            json.array("series") { json in
                for point in series {
                    json.object { json in
                        json.int64String("startTimeUnixNano", point.start)
                        point.numbers.write(to: &json)
                    }
                }
            }
        }
    }
}

extension REDNumbers {
    /// Members of an object.
    fileprivate func write(to json: inout JSONWriter) {
        json.double("count", count)
        json.double("rate", rate)
        json.double("errors", errors)
        json.double("errorRate", errorRate)
        json.int("p50Ns", p50Nanoseconds)
        json.int("p95Ns", p95Nanoseconds)
        json.int("p99Ns", p99Nanoseconds)
    }
}

extension FieldValue {
    /// The value as plain JSON; ids as hexadecimal text.
    fileprivate func write(to json: inout JSONWriter) {
        switch self {
        case .none: json.null()
        case .string(let text), .keyValueList(let text): json.string(text)
        case .int(let number): json.int(number)
        case .double(let number): json.double(number)
        case .bool(let flag): json.bool(flag)
        case .bytes(let bytes): json.base64(bytes[...])
        case .traceID(let id): json.traceID(id)
        case .spanID(let id): json.spanID(id)
        case .array(let elements):
            json.array { json in
                for element in elements { element.write(to: &json) }
            }
        }
    }
}
