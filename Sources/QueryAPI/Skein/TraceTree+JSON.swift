import Insight
import OTLP
import SpanMetrics
import TraceQL

extension TraceTree {
    /// The answer of `/traces/{id}`: a summary, the spans in tree order and the critical path.
    ///
    /// - Parameters:
    ///   - usage: of the same spans.
    ///   - partialReasons: why spans may be missing.
    func json(_ id: TraceID, usage: TraceUsage, partialReasons: [String]) -> [UInt8] {
        let sums = usage.sums(of: nodes.map { (batch.spans[$0.span].spanID, $0.parent) })
        var json = JSONWriter(reservingCapacity: batch.bytes.count * 3)
        json.object { json in
            json.traceID("traceID", id)
            writeSummary(usage.total, to: &json)
            json.array("spans") { json in
                for (node, sum) in zip(nodes, sums) { write(node, sum, to: &json) }
            }
            json.array("criticalPath") { json in
                for segment in criticalPath {
                    json.object { json in
                        json.spanID("spanID", span(segment.node).spanID)
                        json.int64String("startTimeUnixNano", segment.start)
                        json.int("durationNs", segment.durationNanoseconds)
                    }
                }
            }
            if !partialReasons.isEmpty { json.partial(partialReasons) }
        }
        return json.takeBytes()
    }

    private func writeSummary(_ total: UsageSum, to json: inout JSONWriter) {
        let first = nodes.map(\.start).min() ?? 0
        let last = nodes.map(\.end).max() ?? 0
        var services: [String: (spans: Int, errors: Int)] = [:]
        for span in batch.spans {
            var counts = services[service(of: span)] ?? (0, 0)
            counts.spans += 1
            if span.isError { counts.errors += 1 }
            services[service(of: span)] = counts
        }
        json.object("summary") { json in
            let root = mainRoot.map(span)
            json.string("rootServiceName", root.map(service) ?? "")
            json.string("rootTraceName", root.map { batch.string($0.name) } ?? "")
            json.int64String("startTimeUnixNano", first)
            json.int("durationNs", last - first)
            json.int("spanCount", nodes.count)
            json.int("errorCount", batch.spans.count { $0.isError })
            json.array("services") { json in
                for (name, counts) in services.sorted(by: { $0.key < $1.key }) {
                    json.object { json in
                        json.string("name", name)
                        json.int("spanCount", counts.spans)
                        json.int("errorCount", counts.errors)
                    }
                }
            }
            json.usage(total)
        }
    }

    private func write(_ node: Node, _ sum: UsageSum, to json: inout JSONWriter) {
        let span = batch.spans[node.span]
        json.object { json in
            json.spanID("spanID", span.spanID)
            if span.parentSpanID.isValid { json.spanID("parentSpanID", span.parentSpanID) }
            json.int("depth", node.depth)
            json.string("service", service(of: span))
            json.string("operation", batch.string(span.name))
            json.string("kind", JaegerKind(span.kind)?.rawValue ?? "unspecified")
            json.string("status", span.isError ? "error" : span.statusCode == 1 ? "ok" : "unset")
            if !span.statusMessage.isEmpty { json.utf8("statusMessage", batch.slice(span.statusMessage)) }
            json.int64String("startTimeUnixNano", node.start)
            json.int("durationNs", node.durationNanoseconds)
            json.int("selfTimeNs", node.selfTimeNanoseconds)
            json.bool("onCriticalPath", node.isOnCriticalPath)
            if let anomaly = node.anomaly { json.string("anomaly", anomaly.rawValue) }
            json.attributes(batch.keyValues(span.attributes))
            json.usage(sum)
        }
    }

    private func service(of span: SpanRow) -> String { batch.serviceName(of: batch.resource(of: span)) ?? "" }
}

extension JSONWriter {
    /// Members that say what a span and those below it used; none where no call of a model is known.
    fileprivate mutating func usage(_ sum: UsageSum) {
        guard sum.calls > 0 || !sum.tokens.isEmpty else { return }
        if !sum.tokens.isEmpty {
            object("tokens") { json in
                json.int("inputTokens", sum.tokens.input)
                if sum.tokens.cacheRead > 0 { json.int("cacheReadTokens", sum.tokens.cacheRead) }
                if sum.tokens.cacheWrites > 0 { json.int("cacheWriteTokens", sum.tokens.cacheWrites) }
                json.int("outputTokens", sum.tokens.output)
                if sum.tokens.reasoning > 0 { json.int("reasoningTokens", sum.tokens.reasoning) }
            }
        }
        dollars("costUSD", sum.cost)
        string("costSource", sum.costSource.rawValue)
        if sum.computedCost > 0 { dollars("computedCostUSD", sum.computedCost) }
        if sum.reportedCost > 0 { dollars("reportedCostUSD", sum.reportedCost) }
    }
}
