import Skein
import Tracing

private func attributes() async throws {
    try await withSpan("search index", ofKind: .client) { span in
        span.attributes["index.name"] = "papers"
        span.record("index.shard", 7)
        span.record(GenAI.dataSourceID, "papers")
        let papers = try await search(question)
        span.record("result.bytes", papers.utf8.count)
    }
}

private func removal(_ span: any Span) {
    var attributes = span.attributes
    attributes["index.name"] = nil
    span.attributes = attributes
}

private func events(_ other: any Span) {
    withSpan("rank") { span in
        span.addEvent("cache miss")
        span.addEvent(SpanEvent(name: "index loaded", attributes: ["index.documents": 81_000]))
        span.addLink(SpanLink(context: other.context, attributes: ["link.reason": "same question"]))
        span.setStatus(SpanStatus(code: .error, message: "no document fits"))
    }
}

private func byHand() async throws {
    let span = startSpan("crawl")
    defer { span.end() }
    do {
        try await ServiceContext.withValue(span.context) { try await plan() }
    } catch {
        span.recordError(error)
        span.setStatus(SpanStatus(code: .error))
        throw error
    }
}

private func limits() throws {
    let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway") { configuration in
        configuration.limits.attributeCountMax = 64
        configuration.limits.attributeValueLengthMax = 4_096
        configuration.recordsCallStacks = true
    }
    _ = telemetry
}

private func detached() {
    withSpan("answer") { span in
        let context = span.context
        Task.detached {
            try await ServiceContext.withValue(context) { try await write() }
        }
    }
}

private func ids() -> String? {
    let traceID = ServiceContext.current?.spanContext?.traceID.hex
    return traceID
}
