import OTLP
import TraceQL

extension TraceSearchResult {
    /// The answer of `/search`.
    var json: [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.array("traces") { json in
                for trace in traces { trace.write(to: &json) }
            }
            json.partial(partialReasons)
        }
        return json.takeBytes()
    }
}

extension TraceSummary {
    fileprivate func write(to json: inout JSONWriter) {
        json.object { json in
            json.traceID("traceID", traceID)
            json.string("rootServiceName", rootServiceName ?? "")
            json.string("rootTraceName", rootName ?? "")
            json.int64String("startTimeUnixNano", startTime)
            json.int("durationNs", durationNanoseconds)
            json.int("spanCount", spanCount)
            json.int("errorCount", errorCount)
            json.int("matchedCount", matchedCount)
            json.array("matchedSpans") { json in
                for span in matchedSpans { span.write(to: &json) }
            }
        }
    }
}

extension TraceSummary.MatchedSpan {
    fileprivate func write(to json: inout JSONWriter) {
        json.object { json in
            json.spanID("spanID", spanID)
            json.string("service", serviceName)
            json.string("operation", name)
            json.int64String("startTimeUnixNano", startTime)
            json.int("durationNs", durationNanoseconds)
            json.bool("error", isError)
            json.attributes(attributes)
        }
    }
}

extension JSONWriter {
    /// Whether an answer is partial, and why.
    mutating func partial(_ reasons: [String]) {
        bool("partial", !reasons.isEmpty)
        guard !reasons.isEmpty else { return }
        array("partialReasons") { json in
            for reason in reasons { json.string(reason) }
        }
    }

    /// An `attributes` member: an object of plain values, where of several with one key the first counts.
    mutating func attributes(_ attributes: [KeyValue]) {
        var seen: Set<String> = []
        object("attributes") { json in
            for attribute in attributes where seen.insert(attribute.key).inserted {
                json.key(attribute.key)
                attribute.value.writePlain(to: &json)
            }
        }
    }
}
