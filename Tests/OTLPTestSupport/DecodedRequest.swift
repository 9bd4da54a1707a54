import OTLP

/// A batch taken apart into values that compare: what tests hold against each other.
package struct DecodedRequest: Equatable {
    package struct Resource: Equatable {
        package var schemaURL: String
        package var attributes: [KeyValue]
        package var dropped: UInt32
        package var scopes: [Scope]
    }

    package struct Scope: Equatable {
        package var name: String
        package var version: String
        package var schemaURL: String
        package var attributes: [KeyValue]
        package var dropped: UInt32
        package var spans: [Span]
    }

    package struct Span: Equatable {
        package var traceID: TraceID
        package var spanID: SpanID
        package var parentSpanID: SpanID
        package var traceState: String
        package var name: String
        package var kind: Int32
        package var times: [UInt64]
        package var attributes: [KeyValue]
        package var events: [Event]
        package var links: [Link]
        package var dropped: [UInt32]
        package var hasStatus: Bool
        package var statusCode: Int32
        package var statusMessage: String
        package var flags: UInt32
    }

    package struct Event: Equatable {
        package var time: UInt64
        package var name: String
        package var attributes: [KeyValue]
        package var dropped: UInt32
    }

    package struct Link: Equatable {
        package var traceID: TraceID
        package var spanID: SpanID
        package var traceState: String
        package var attributes: [KeyValue]
        package var dropped: UInt32
        package var flags: UInt32
    }

    package var resources: [Resource]

    package var spans: [Span] { resources.flatMap(\.scopes).flatMap(\.spans) }

    /// The resources and scopes that have spans; the others carry nothing that an answer shows.
    package init(_ batch: SpanBatch) {
        resources = batch.resources.map { row in
            Resource(
                schemaURL: batch.string(row.schemaURL), attributes: batch.keyValues(row.attributes),
                dropped: row.droppedAttributesCount,
                scopes: batch.scopes[row.scopes.indices].map { Self.scope($0, batch) }.filter { !$0.spans.isEmpty })
        }
        .filter { !$0.scopes.isEmpty }
    }

    private static func scope(_ row: ScopeRow, _ batch: SpanBatch) -> Scope {
        Scope(
            name: batch.string(row.name), version: batch.string(row.version), schemaURL: batch.string(row.schemaURL),
            attributes: batch.keyValues(row.attributes), dropped: row.droppedAttributesCount,
            spans: batch.spans[row.spans.indices].map { span($0, batch) })
    }

    private static func span(_ row: SpanRow, _ batch: SpanBatch) -> Span {
        Span(
            traceID: row.traceID, spanID: row.spanID, parentSpanID: row.parentSpanID,
            traceState: batch.string(row.traceState), name: batch.string(row.name), kind: row.kind,
            times: [row.startTime, row.endTime], attributes: batch.keyValues(row.attributes),
            events: batch.events[row.events.indices].map {
                Event(
                    time: $0.time, name: batch.string($0.name), attributes: batch.keyValues($0.attributes),
                    dropped: $0.droppedAttributesCount)
            },
            links: batch.links[row.links.indices].map {
                Link(
                    traceID: $0.traceID, spanID: $0.spanID, traceState: batch.string($0.traceState),
                    attributes: batch.keyValues($0.attributes), dropped: $0.droppedAttributesCount, flags: $0.flags)
            },
            dropped: [row.droppedAttributesCount, row.droppedEventsCount, row.droppedLinksCount],
            hasStatus: row.hasStatus, statusCode: row.statusCode, statusMessage: batch.string(row.statusMessage),
            flags: row.flags)
    }
}
