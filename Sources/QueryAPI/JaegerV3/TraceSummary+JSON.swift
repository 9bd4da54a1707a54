import OTLP
import TraceQL

extension TraceSummary {
    /// A summary of the search page of newer Jaeger UIs; members that are zero or empty are left out.
    ///
    /// - Parameter orphans: spans whose parent is not among the trace's.
    func writeJaeger(to json: inout JSONWriter, orphans: Int) {
        json.object { json in
            json.traceID("traceId", traceID)
            if let rootServiceName, !rootServiceName.isEmpty { json.string("rootServiceName", rootServiceName) }
            if let rootName, !rootName.isEmpty { json.string("rootOperationName", rootName) }
            json.int64String("minStartTimeUnixNano", startTime)
            json.int64String("maxEndTimeUnixNano", startTime.addingCapped(durationNanoseconds))
            json.count("spanCount", spanCount)
            json.count("errorSpanCount", errorCount)
            json.count("orphanSpanCount", orphans)
            json.array("services") { json in
                for (name, counts) in services.sorted(by: { $0.key < $1.key }) {
                    json.object { json in
                        if !name.isEmpty { json.string("name", name) }
                        json.count("spanCount", counts.spans)
                        json.count("errorSpanCount", counts.errors)
                    }
                }
            }
        }
    }
}

extension SpanBatch {
    /// Spans of a trace whose parent is not among them.
    var orphanCount: Int {
        let ids = Set(spans.map(\.spanID))
        return spans.count { $0.parentSpanID.isValid && !ids.contains($0.parentSpanID) }
    }
}

extension JSONWriter {
    fileprivate mutating func count(_ key: StaticString, _ value: Int) {
        if value != 0 { int(key, value) }
    }
}
