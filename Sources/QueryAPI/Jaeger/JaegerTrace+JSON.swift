import OTLP

/// The largest whole number that a JavaScript number holds exactly; numbers beyond it are written as strings.
private let safeIntegerMax: UInt64 = 1 << 53 - 1

extension JaegerTrace {
    func write(to json: inout JSONWriter) {
        json.object { json in
            json.string("traceID", traceID.jaegerText)
            json.array("spans") { json in
                for span in spans { span.write(to: &json, traceID: traceID) }
            }
            json.object("processes") { json in
                for (index, process) in processes.enumerated() {
                    json.key("p\(index + 1)")
                    json.object { json in
                        json.string("serviceName", process.serviceName)
                        json.tags("tags", process.tags)
                    }
                }
            }
            json.null("warnings")
        }
    }
}

extension JaegerSpan {
    fileprivate func write(to json: inout JSONWriter, traceID: TraceID) {
        json.object { json in
            json.string("traceID", traceID.jaegerText)
            json.spanID("spanID", spanID)
            json.string("operationName", operationName)
            json.array("references") { json in
                for reference in references {
                    json.object { json in
                        json.string("refType", reference.kind.rawValue)
                        json.string("traceID", reference.traceID.jaegerText)
                        json.spanID("spanID", reference.spanID)
                    }
                }
            }
            json.int("startTime", startTime)
            json.int("duration", duration)
            json.tags("tags", tags)
            json.array("logs") { json in
                for log in logs {
                    json.object { json in
                        json.int("timestamp", log.timestamp)
                        json.tags("fields", log.fields)
                    }
                }
            }
            json.string("processID", "p\(process + 1)")
            if warnings.isEmpty {
                json.null("warnings")
            } else {
                json.array("warnings") { json in
                    for warning in warnings { json.string(warning) }
                }
            }
        }
    }
}

extension JSONWriter {
    fileprivate mutating func tags(_ key: StaticString, _ tags: [JaegerTag]) {
        array(key) { json in
            for tag in tags {
                json.object { json in
                    json.string("key", tag.key)
                    switch tag.value {
                    case .string(let text):
                        json.string("type", "string")
                        json.string("value", text)
                    case .bool(let flag):
                        json.string("type", "bool")
                        json.bool("value", flag)
                    case .int64(let number):
                        json.string("type", "int64")
                        if number.magnitude > safeIntegerMax {
                            json.int64String("value", number)
                        } else {
                            json.int("value", number)
                        }
                    case .float64(let number):
                        json.string("type", "float64")
                        json.double("value", number)
                    case .binary(let bytes):
                        json.string("type", "binary")
                        json.base64("value", bytes[...])
                    }
                }
            }
        }
    }
}
