import Collector
import OTLP

/// Requests that are told apart by their number.
enum TestRequest {
    /// A serialized `ExportTraceServiceRequest` of the service `tested`.
    ///
    /// - Parameters:
    ///   - badSpans: How many of the spans, from the last, have a span id of seven bytes.
    ///   - padding: Bytes added to the name of each span.
    static func body(
        _ number: Int, spans: Int = 1, badSpans: Int = 0, padding: Int = 0, start: UInt64 = ProcessStatistics.now(),
        duration: Int64 = 1_000_000, name: [UInt8] = Array("call".utf8)
    ) -> [UInt8] {
        var writer = WireWriter()
        writer.message(1) { resource in
            resource.message(1) { attributes in
                attributes.message(1) { pair in
                    pair.string(1, "service.name")
                    pair.message(2) { $0.string(1, "tested") }
                }
            }
            resource.message(2) { scope in
                for index in 0..<spans {
                    scope.message(2) { span in
                        span.traceID(1, traceID(number))
                        if index < spans - badSpans {
                            span.spanID(2, SpanID(UInt64(index) + 1))
                        } else {
                            span.bytes(2, Array("seven b".utf8))
                        }
                        span.bytes(5, name + Array(repeating: UInt8(ascii: "x"), count: padding))
                        span.fixed64(7, start)
                        span.fixed64(8, start &+ UInt64(bitPattern: duration))
                    }
                }
            }
        }
        return writer.takeBytes()
    }

    static func traceID(_ number: Int) -> TraceID { TraceID(high: 0x5EED, low: UInt64(number) + 1) }

    static func json(_ number: Int) -> [UInt8] {
        Array(
            """
            {"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"\(traceID(number).hex)","spanId":"00000000000000ff",
            "name":"from json","startTimeUnixNano":"\(ProcessStatistics.now())","endTimeUnixNano":"0"}]}]}]}
            """.utf8)
    }
}
